#include "text/jinja_parser.h"

#include <algorithm>

#include "text/jinja_scope.h"

namespace hearth::text::jinja {

Result<Program> Parser::parse(std::string_view source) {
  HEARTH_TRY(std::vector<Lexeme> lexemes, tokenize(source));
  Parser parser(std::move(lexemes));
  Program program;
  HEARTH_CHECK(parser.statements(program.body, {}));
  program.constants = parser.constants_;
  HEARTH_CHECK(resolve_names(program));
  return program;
}

// ---- lexemes ----

bool Parser::skip_op(std::string_view text) {
  if (!is_op(text)) return false;
  advance();
  return true;
}

bool Parser::skip_name(std::string_view text) {
  if (!is_name(text)) return false;
  advance();
  return true;
}

std::string Parser::described() const {
  switch (now().type) {
    case TokenType::end:
      return "the end of the template";
    case TokenType::block_end:
      return "'%}'";
    case TokenType::variable_end:
      return "'}}'";
    case TokenType::string:
      return "a string";
    default:
      return cat("'", printable(now().text, 40), "'");
  }
}

tl::unexpected<Error> Parser::wrong_here(std::string_view message) const {
  return fail(ErrorCode::bad_file, at_line(now().line, message));
}

Result<void> Parser::expect_op(std::string_view text) {
  if (skip_op(text)) return {};
  return wrong_here(cat("'", text, "' was expected, not ", described()));
}

Result<void> Parser::expect_name(std::string_view text) {
  if (skip_name(text)) return {};
  return wrong_here(cat("'", text, "' was expected, not ", described()));
}

Result<void> Parser::expect(TokenType type, std::string_view what) {
  if (!is(type)) return wrong_here(cat(what, " was expected, not ", described()));
  advance();
  return {};
}

Result<std::string> Parser::any_name() {
  if (!is(TokenType::name)) return wrong_here(cat("a name was expected, not ", described()));
  std::string name = now().text;
  advance();
  return name;
}

Result<void> Parser::check_depth() const {
  if (depth_ <= kMaxParseDepth) return {};
  return wrong_here(cat("more than ", kMaxParseDepth, " tags or brackets in each other"));
}

StmtPtr Parser::stmt(StmtKind kind) const {
  auto made = std::make_unique<Stmt>();
  made->kind = kind;
  made->line = now().line;
  return made;
}

// ---- statements ----

Result<void> Parser::statements(Body& body, std::initializer_list<std::string_view> ends) {
  const Level level(depth_);
  HEARTH_CHECK(check_depth());
  while (!is(TokenType::end)) {
    if (is(TokenType::data)) {
      StmtPtr data = stmt(StmtKind::output);
      data->data = now().text;
      body.push_back(std::move(data));
      advance();
      continue;
    }
    if (is(TokenType::variable_begin)) {
      HEARTH_CHECK(output(body));
      continue;
    }
    HEARTH_CHECK(expect(TokenType::block_begin, "a tag"));
    const bool ended =
        is(TokenType::name) && std::find(ends.begin(), ends.end(), now().text) != ends.end();
    if (ended) return {};
    if (is_name("print")) {
      HEARTH_TRY(StmtPtr last, print_tag(body));
      if (last) body.push_back(std::move(last));
    } else {
      HEARTH_TRY(StmtPtr made, statement());
      body.push_back(std::move(made));
    }
    HEARTH_CHECK(expect(TokenType::block_end, "'%}'"));
  }
  if (ends.size() == 0) return {};
  return wrong_here(cat("the template ends where {% ", *(ends.end() - 1), " %} was expected"));
}

Result<void> Parser::block_of(Body& body, std::initializer_list<std::string_view> ends) {
  (void)skip_op(":");
  HEARTH_CHECK(expect(TokenType::block_end, "'%}'"));
  return statements(body, ends);
}

Result<void> Parser::output(Body& body) {
  StmtPtr made = stmt(StmtKind::output);
  advance();
  HEARTH_TRY(made->value, tuple(Items::expressions));
  HEARTH_CHECK(expect(TokenType::variable_end, "'}}'"));
  body.push_back(std::move(made));
  return {};
}

// {% print a, b %}: all but the last expression go into `body`.
Result<StmtPtr> Parser::print_tag(Body& body) {
  advance();
  StmtPtr last;
  while (!is(TokenType::block_end)) {
    if (last) {
      HEARTH_CHECK(expect_op(","));
      body.push_back(std::move(last));
    }
    last = stmt(StmtKind::output);
    HEARTH_TRY(last->value, expression());
  }
  return last;
}

Result<StmtPtr> Parser::statement() {
  if (!is(TokenType::name))
    return wrong_here(cat("the name of a tag was expected, not ", described()));
  const std::string& tag = now().text;
  if (tag == "set") return set_tag();
  if (tag == "if") return if_tag();
  if (tag == "for") return for_tag();
  if (tag == "macro") return macro_tag();
  if (tag == "call") return call_tag();
  if (tag == "filter") return filter_tag();
  if (tag == "with") return with_tag();
  if (tag == "block") return block_tag();
  if (tag == "generation") return generation_tag();
  if (tag == "break" || tag == "continue") {
    StmtPtr made = stmt(tag == "break" ? StmtKind::leave : StmtKind::next);
    advance();
    return made;
  }
  const bool reaches_out = tag == "include" || tag == "import" || tag == "from" || tag == "extends";
  if (reaches_out || tag == "autoescape") {
    return fail(ErrorCode::unsupported,
                at_line(now().line, cat("the tag '", tag, "' is not supported",
                                        reaches_out ? ": a chat template stands alone" : "")));
  }
  return wrong_here(cat("unknown tag '", printable(tag, 40), "'"));
}

Result<StmtPtr> Parser::set_tag() {
  StmtPtr made = stmt(StmtKind::set);
  advance();
  HEARTH_TRY(made->target, assign_target(true, ""));
  if (skip_op("=")) {
    HEARTH_TRY(made->value, tuple(Items::expressions));
    return made;
  }
  made->kind = StmtKind::set_block;
  while (skip_op("|")) {
    HEARTH_TRY(made->filter, filter(std::move(made->filter)));
  }
  HEARTH_CHECK(block_of(made->body, {"endset"}));
  advance();
  return made;
}

Result<StmtPtr> Parser::if_tag() {
  StmtPtr made = stmt(StmtKind::condition);
  advance();
  Stmt* branch = made.get();
  while (true) {
    HEARTH_TRY(branch->value, tuple(Items::without_if));
    HEARTH_CHECK(block_of(branch->body, {"elif", "else", "endif"}));
    if (is_name("elif")) {
      made->elifs.push_back(stmt(StmtKind::condition));
      branch = made->elifs.back().get();
      advance();
      continue;
    }
    if (skip_name("else")) HEARTH_CHECK(block_of(made->otherwise, {"endif"}));
    advance();
    return made;
  }
}

Result<StmtPtr> Parser::for_tag() {
  StmtPtr made = stmt(StmtKind::loop);
  advance();
  HEARTH_TRY(made->target, assign_target(false, "in"));
  HEARTH_CHECK(expect_name("in"));
  HEARTH_TRY(made->value, tuple(Items::without_if, "recursive"));
  if (skip_name("if")) {
    HEARTH_TRY(made->test, expression());
  }
  made->recursive = skip_name("recursive");
  HEARTH_CHECK(block_of(made->body, {"endfor", "else"}));
  if (skip_name("else")) HEARTH_CHECK(block_of(made->otherwise, {"endfor"}));
  advance();
  return made;
}

Result<void> Parser::signature(Stmt& made) {
  HEARTH_CHECK(expect_op("("));
  while (!is_op(")")) {
    if (!made.parameters.empty()) HEARTH_CHECK(expect_op(","));
    HEARTH_TRY(ExprPtr parameter, name_target());
    for (const ExprPtr& other : made.parameters) {
      if (other->name == parameter->name)
        return wrong_here(cat("the parameter '", printable(parameter->name, 40), "' stands twice"));
    }
    if (skip_op("=")) {
      HEARTH_TRY(ExprPtr value, expression());
      made.defaults.push_back(std::move(value));
    } else if (!made.defaults.empty()) {
      return wrong_here("a parameter without default follows one that has a default");
    }
    made.parameters.push_back(std::move(parameter));
  }
  return expect_op(")");
}

Result<StmtPtr> Parser::macro_tag() {
  StmtPtr made = stmt(StmtKind::macro);
  advance();
  HEARTH_TRY(made->name, any_name());
  HEARTH_CHECK(signature(*made));
  HEARTH_CHECK(block_of(made->body, {"endmacro"}));
  advance();
  return made;
}

Result<StmtPtr> Parser::call_tag() {
  StmtPtr made = stmt(StmtKind::call_block);
  advance();
  if (is_op("(")) HEARTH_CHECK(signature(*made));
  HEARTH_TRY(made->value, expression());
  if (made->value->kind != ExprKind::call) return wrong_here("a call was expected");
  HEARTH_CHECK(block_of(made->body, {"endcall"}));
  advance();
  return made;
}

// The part of a conversation that a model is trained to write; marks nothing here.
Result<StmtPtr> Parser::generation_tag() {
  StmtPtr made = stmt(StmtKind::call_block);
  advance();
  HEARTH_CHECK(block_of(made->body, {"endgeneration"}));
  advance();
  return made;
}

Result<StmtPtr> Parser::filter_tag() {
  StmtPtr made = stmt(StmtKind::filter_block);
  advance();
  do {
    HEARTH_TRY(made->filter, filter(std::move(made->filter)));
  } while (skip_op("|"));
  HEARTH_CHECK(block_of(made->body, {"endfilter"}));
  advance();
  return made;
}

Result<StmtPtr> Parser::with_tag() {
  StmtPtr made = stmt(StmtKind::with);
  advance();
  while (!is(TokenType::block_end) && !is(TokenType::end)) {
    if (!made->parameters.empty()) HEARTH_CHECK(expect_op(","));
    HEARTH_TRY(ExprPtr target, assign_target(false, ""));
    HEARTH_CHECK(expect_op("="));
    HEARTH_TRY(ExprPtr value, expression());
    made->parameters.push_back(std::move(target));
    made->defaults.push_back(std::move(value));
  }
  HEARTH_CHECK(block_of(made->body, {"endwith"}));
  advance();
  return made;
}

Result<StmtPtr> Parser::block_tag() {
  StmtPtr made = stmt(StmtKind::block);
  advance();
  HEARTH_TRY(made->name, any_name());
  (void)skip_name("scoped");
  (void)skip_name("required");
  HEARTH_CHECK(block_of(made->body, {"endblock"}));
  advance();
  (void)skip_name(made->name);
  return made;
}

// ---- targets ----

Result<ExprPtr> Parser::name_target() {
  const uint32_t line = now().line;
  HEARTH_TRY(std::string name, any_name());
  ExprPtr target = node(ExprKind::name, line, std::move(name));
  HEARTH_CHECK(make_target(*target));
  return target;
}

Result<ExprPtr> Parser::assign_target(bool with_namespace, std::string_view until) {
  if (with_namespace && look().type == TokenType::op && look().text == ".") {
    const uint32_t line = now().line;
    HEARTH_TRY(std::string name, any_name());
    advance();
    ExprPtr target = node(ExprKind::space_store, line, std::move(name));
    HEARTH_TRY(target->attribute, any_name());
    return target;
  }
  HEARTH_TRY(ExprPtr target, tuple(Items::simple, until));
  HEARTH_CHECK(make_target(*target));
  return target;
}

Result<void> Parser::make_target(Expr& expr) {
  if (expr.kind == ExprKind::tuple) {
    for (const ExprPtr& part : expr.args) HEARTH_CHECK(make_target(*part));
    return {};
  }
  if (expr.kind != ExprKind::name) return wrong_here("only names can be assigned to");
  expr.kind = ExprKind::store;
  return {};
}

}  // namespace hearth::text::jinja
