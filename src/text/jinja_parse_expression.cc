#include <algorithm>
#include <array>

#include "text/jinja_number.h"
#include "text/jinja_parser.h"

namespace hearth::text::jinja {

ExprPtr Parser::node(ExprKind kind, uint32_t line, std::string name) {
  auto made = std::make_unique<Expr>();
  made->kind = kind;
  made->line = line;
  made->name = std::move(name);
  return made;
}

ExprPtr Parser::binary_node(ExprKind kind, std::string_view op, uint32_t line, ExprPtr a,
                            ExprPtr b) {
  ExprPtr made = node(kind, line, std::string(op));
  made->args.push_back(std::move(a));
  made->args.push_back(std::move(b));
  return made;
}

Result<ExprPtr> Parser::finished(ExprPtr expr) const {
  uint32_t inner = 0;
  for (const ExprPtr& arg : expr->args)
    if (arg) inner = std::max(inner, arg->height);
  each_argument(expr->call, [&](const Expr& arg) { inner = std::max(inner, arg.height); });
  expr->height = inner + 1;
  if (expr->height > kMaxHeight)
    return wrong_here(cat("more than ", kMaxHeight, " operations on each other's results"));
  return expr;
}

bool Parser::at_tuple_end(std::string_view until) const {
  return is(TokenType::variable_end) || is(TokenType::block_end) || is_op(")") ||
         (!until.empty() && is_name(until));
}

Result<ExprPtr> Parser::tuple(Items items, std::string_view until, bool in_parentheses) {
  const uint32_t line = now().line;
  std::vector<ExprPtr> parts;
  bool is_tuple = false;
  while (true) {
    if (!parts.empty()) HEARTH_CHECK(expect_op(","));
    if (at_tuple_end(until)) break;
    HEARTH_TRY(ExprPtr part, items == Items::simple       ? primary()
                             : items == Items::without_if ? or_expression()
                                                          : expression());
    parts.push_back(std::move(part));
    if (!is_op(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!parts.empty()) return std::move(parts.front());
    if (!in_parentheses) return wrong_here(cat("an expression was expected, not ", described()));
  }
  ExprPtr made = node(ExprKind::tuple, line);
  made->args = std::move(parts);
  return finished(std::move(made));
}

Result<ExprPtr> Parser::expression() {
  const Level level(depth_);
  HEARTH_CHECK(check_depth());
  HEARTH_TRY(ExprPtr value, or_expression());
  while (is_name("if")) {
    ExprPtr made = node(ExprKind::condition, now().line);
    advance();
    HEARTH_TRY(ExprPtr test, or_expression());
    ExprPtr otherwise;
    if (skip_name("else")) {
      HEARTH_TRY(otherwise, expression());
    }
    made->args.push_back(std::move(value));
    made->args.push_back(std::move(test));
    made->args.push_back(std::move(otherwise));
    HEARTH_TRY(value, finished(std::move(made)));
  }
  return value;
}

Result<ExprPtr> Parser::or_expression() {
  HEARTH_TRY(ExprPtr left, and_expression());
  while (is_name("or")) {
    const uint32_t line = now().line;
    advance();
    HEARTH_TRY(ExprPtr right, and_expression());
    HEARTH_TRY(left, finished(binary_node(ExprKind::logic, "or", line, std::move(left),
                                          std::move(right))));
  }
  return left;
}

Result<ExprPtr> Parser::and_expression() {
  HEARTH_TRY(ExprPtr left, not_expression());
  while (is_name("and")) {
    const uint32_t line = now().line;
    advance();
    HEARTH_TRY(ExprPtr right, not_expression());
    HEARTH_TRY(left, finished(binary_node(ExprKind::logic, "and", line, std::move(left),
                                          std::move(right))));
  }
  return left;
}

Result<ExprPtr> Parser::not_expression() {
  if (!is_name("not")) return compare();
  const Level level(depth_);
  HEARTH_CHECK(check_depth());
  ExprPtr made = node(ExprKind::negation, now().line);
  advance();
  HEARTH_TRY(ExprPtr value, not_expression());
  made->args.push_back(std::move(value));
  return finished(std::move(made));
}

Result<ExprPtr> Parser::compare() {
  static constexpr std::array<std::string_view, 6> kOrders = {"==", "!=", "<", "<=", ">", ">="};
  const uint32_t line = now().line;
  HEARTH_TRY(ExprPtr first, sum());
  ExprPtr made;
  while (true) {
    std::string op;
    if (is(TokenType::op) &&
        std::find(kOrders.begin(), kOrders.end(), now().text) != kOrders.end()) {
      op = now().text;
    } else if (is_name("in")) {
      op = "in";
    } else if (is_name("not") && look().type == TokenType::name && look().text == "in") {
      op = "not in";
      advance();
    } else {
      break;
    }
    advance();
    HEARTH_TRY(ExprPtr next, sum());
    if (!made) {
      made = node(ExprKind::compare, line);
      made->args.push_back(std::move(first));
    }
    made->ops.push_back(std::move(op));
    made->args.push_back(std::move(next));
  }
  if (!made) return first;
  return finished(std::move(made));
}

Result<ExprPtr> Parser::sum() {
  HEARTH_TRY(ExprPtr left, concat());
  while (is_op("+") || is_op("-")) {
    const Lexeme op = now();
    advance();
    HEARTH_TRY(ExprPtr right, concat());
    HEARTH_TRY(left, finished(binary_node(ExprKind::binary, op.text, op.line, std::move(left),
                                          std::move(right))));
  }
  return left;
}

Result<ExprPtr> Parser::concat() {
  const uint32_t line = now().line;
  HEARTH_TRY(ExprPtr first, product());
  if (!is_op("~")) return first;
  ExprPtr made = node(ExprKind::concat, line);
  made->args.push_back(std::move(first));
  while (skip_op("~")) {
    HEARTH_TRY(ExprPtr next, product());
    made->args.push_back(std::move(next));
  }
  return finished(std::move(made));
}

Result<ExprPtr> Parser::product() {
  HEARTH_TRY(ExprPtr left, power());
  while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
    const Lexeme op = now();
    advance();
    HEARTH_TRY(ExprPtr right, power());
    HEARTH_TRY(left, finished(binary_node(ExprKind::binary, op.text, op.line, std::move(left),
                                          std::move(right))));
  }
  return left;
}

Result<ExprPtr> Parser::power() {
  HEARTH_TRY(ExprPtr left, unary(true));
  while (is_op("**")) {
    const uint32_t line = now().line;
    advance();
    HEARTH_TRY(ExprPtr right, unary(true));
    HEARTH_TRY(left, finished(binary_node(ExprKind::binary, "**", line, std::move(left),
                                          std::move(right))));
  }
  return left;
}

Result<ExprPtr> Parser::unary(bool with_filters) {
  const Level level(depth_);
  HEARTH_CHECK(check_depth());
  ExprPtr value;
  if (is_op("-") || is_op("+")) {
    ExprPtr made = node(ExprKind::unary, now().line, now().text);
    advance();
    HEARTH_TRY(ExprPtr operand, unary(false));
    made->args.push_back(std::move(operand));
    HEARTH_TRY(value, finished(std::move(made)));
  } else {
    HEARTH_TRY(value, primary());
  }
  HEARTH_TRY(value, postfix(std::move(value)));
  if (!with_filters) return value;
  return filters_and_tests(std::move(value));
}

Result<ExprPtr> Parser::primary() {
  const Lexeme first = now();
  if (first.type == TokenType::name) {
    advance();
    const std::string& name = first.text;
    const bool yes = name == "true" || name == "True";
    const bool constant =
        yes || name == "false" || name == "False" || name == "none" || name == "None";
    ExprPtr made = node(constant ? ExprKind::constant : ExprKind::name, first.line, name);
    if (constant)
      made->literal = name == "none" || name == "None" ? Literal::none : Literal::boolean;
    made->truth = yes;
    return made;
  }
  if (first.type == TokenType::string) {
    ExprPtr made = node(ExprKind::constant, first.line);
    made->literal = Literal::text;
    made->constant = constants_++;
    for (; is(TokenType::string); advance()) made->name += now().text;
    return made;
  }
  if (first.type == TokenType::integer || first.type == TokenType::real) {
    advance();
    ExprPtr made = node(ExprKind::constant, first.line, first.text);
    made->literal = first.type == TokenType::real ? Literal::real : Literal::whole;
    if (first.type == TokenType::real) made->real = parse_real(first.text).value_or(0);
    return made;
  }
  if (skip_op("(")) {
    HEARTH_TRY(ExprPtr made, tuple(Items::expressions, "", true));
    HEARTH_CHECK(expect_op(")"));
    return made;
  }
  if (is_op("[")) return list();
  if (is_op("{")) return dict();
  return wrong_here(cat("unexpected ", described()));
}

Result<ExprPtr> Parser::list() {
  ExprPtr made = node(ExprKind::list, now().line);
  advance();
  while (!is_op("]")) {
    if (!made->args.empty()) HEARTH_CHECK(expect_op(","));
    if (is_op("]")) break;
    HEARTH_TRY(ExprPtr item, expression());
    made->args.push_back(std::move(item));
  }
  HEARTH_CHECK(expect_op("]"));
  return finished(std::move(made));
}

Result<ExprPtr> Parser::dict() {
  ExprPtr made = node(ExprKind::dict, now().line);
  advance();
  while (!is_op("}")) {
    if (!made->args.empty()) HEARTH_CHECK(expect_op(","));
    if (is_op("}")) break;
    HEARTH_TRY(ExprPtr key, expression());
    HEARTH_CHECK(expect_op(":"));
    HEARTH_TRY(ExprPtr value, expression());
    made->args.push_back(std::move(key));
    made->args.push_back(std::move(value));
  }
  HEARTH_CHECK(expect_op("}"));
  return finished(std::move(made));
}

Result<ExprPtr> Parser::postfix(ExprPtr expr) {
  while (true) {
    if (is_op(".") || is_op("[")) {
      HEARTH_TRY(expr, subscript(std::move(expr)));
    } else if (is_op("(")) {
      HEARTH_TRY(expr, call(std::move(expr)));
    } else {
      return expr;
    }
  }
}

Result<ExprPtr> Parser::filters_and_tests(ExprPtr expr) {
  while (true) {
    if (skip_op("|")) {
      HEARTH_TRY(expr, filter(std::move(expr)));
    } else if (is_name("is")) {
      HEARTH_TRY(expr, test(std::move(expr)));
    } else if (is_op("(")) {
      HEARTH_TRY(expr, call(std::move(expr)));
    } else {
      return expr;
    }
  }
}

Result<ExprPtr> Parser::subscript(ExprPtr expr) {
  const uint32_t line = now().line;
  if (skip_op(".")) {
    if (is(TokenType::integer)) {
      ExprPtr position = node(ExprKind::constant, line, now().text);
      position->literal = Literal::whole;
      advance();
      return finished(binary_node(ExprKind::item, "", line, std::move(expr), std::move(position)));
    }
    HEARTH_TRY(std::string name, any_name());
    ExprPtr made = node(ExprKind::attribute, line, std::move(name));
    made->args.push_back(std::move(expr));
    return finished(std::move(made));
  }
  advance();
  HEARTH_TRY(ExprPtr made, subscribed(std::move(expr)));
  if (is_op(",")) return wrong_here("only one index can stand in brackets");
  HEARTH_CHECK(expect_op("]"));
  return finished(std::move(made));
}

// What stands between the brackets behind a value: an index or a slice.
Result<ExprPtr> Parser::subscribed(ExprPtr expr) {
  ExprPtr made = node(ExprKind::slice, now().line);
  made->args.resize(4);
  if (!is_op(":")) {
    HEARTH_TRY(ExprPtr index, expression());
    if (!is_op(":"))
      return binary_node(ExprKind::item, "", made->line, std::move(expr), std::move(index));
    made->args[1] = std::move(index);
  }
  made->args[0] = std::move(expr);
  for (size_t i = 2; i < 4 && skip_op(":"); ++i) {
    if (is_op(":") || is_op("]") || is_op(",")) continue;
    HEARTH_TRY(made->args[i], expression());
  }
  return made;
}

Result<ExprPtr> Parser::call(ExprPtr expr) {
  ExprPtr made = node(ExprKind::call, now().line);
  made->args.push_back(std::move(expr));
  HEARTH_TRY(made->call, call_args());
  return finished(std::move(made));
}

Result<CallArgs> Parser::call_args() {
  CallArgs call;
  advance();
  const auto wrong_order = [&] { return wrong_here("arguments in an order that makes no sense"); };
  for (bool first = true; !is_op(")"); first = false) {
    if (!first) {
      HEARTH_CHECK(expect_op(","));
      if (is_op(")")) break;
    }
    if (skip_op("*")) {
      if (call.more_values || call.more_named) return wrong_order();
      HEARTH_TRY(call.more_values, expression());
    } else if (skip_op("**")) {
      if (call.more_named) return wrong_order();
      HEARTH_TRY(call.more_named, expression());
    } else if (is(TokenType::name) && look().type == TokenType::op && look().text == "=") {
      if (call.more_named) return wrong_order();
      std::string name = now().text;
      for (const auto& [other, value] : call.named) {
        if (other == name)
          return wrong_here(cat("the argument '", printable(name, 40), "' is given twice"));
      }
      advance();
      advance();
      HEARTH_TRY(ExprPtr value, expression());
      call.named.emplace_back(std::move(name), std::move(value));
    } else {
      if (call.more_values || call.more_named || !call.named.empty()) return wrong_order();
      HEARTH_TRY(ExprPtr value, expression());
      call.values.push_back(std::move(value));
    }
  }
  HEARTH_CHECK(expect_op(")"));
  return call;
}

Result<ExprPtr> Parser::filter(ExprPtr expr) {
  ExprPtr made = node(ExprKind::filter, now().line);
  HEARTH_TRY(made->name, any_name());
  while (skip_op(".")) {
    HEARTH_TRY(const std::string more, any_name());
    made->name += "." + more;
  }
  made->filter = find_filter(made->name);
  if (expr) made->args.push_back(std::move(expr));
  if (is_op("(")) {
    HEARTH_TRY(made->call, call_args());
  }
  return finished(std::move(made));
}

Result<ExprPtr> Parser::test(ExprPtr expr) {
  ExprPtr made = node(ExprKind::test, now().line);
  advance();
  const bool negated = skip_name("not");
  HEARTH_TRY(made->name, any_name());
  while (skip_op(".")) {
    HEARTH_TRY(const std::string more, any_name());
    made->name += "." + more;
  }
  made->test = find_test(made->name);
  made->args.push_back(std::move(expr));
  const bool literal = is(TokenType::name) || is(TokenType::string) || is(TokenType::integer) ||
                       is(TokenType::real) || is_op("[") || is_op("{");
  if (is_op("(")) {
    HEARTH_TRY(made->call, call_args());
  } else if (literal && !is_name("else") && !is_name("or") && !is_name("and")) {
    if (is_name("is")) return wrong_here("tests cannot be chained with 'is'");
    HEARTH_TRY(ExprPtr argument, primary());
    HEARTH_TRY(argument, postfix(std::move(argument)));
    made->call.values.push_back(std::move(argument));
  }
  const uint32_t line = made->line;
  HEARTH_TRY(ExprPtr done, finished(std::move(made)));
  if (!negated) return done;
  ExprPtr opposite = node(ExprKind::negation, line);
  opposite->args.push_back(std::move(done));
  return finished(std::move(opposite));
}

}  // namespace hearth::text::jinja
