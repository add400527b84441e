// Reads a template: tokens to statements and expressions.
#pragma once

#include "text/jinja_ast.h"
#include "text/jinja_lexer.h"

namespace hearth::text::jinja {

inline constexpr uint32_t kMaxParseDepth = 60;  // brackets or statements inside each other
inline constexpr uint32_t kMaxHeight = 200;     // operations on results of operations

class Parser {
 public:
  // bad_file: "line 12: ..." for what is no template; unsupported for tags that would reach other
  // templates.
  [[nodiscard]] static Result<Program> parse(std::string_view source);

 private:
  explicit Parser(std::vector<Lexeme> lexemes) : lexemes_(std::move(lexemes)) {}

  using Body = std::vector<StmtPtr>;

  // Statements, up to one of the names that ends a block; its name stays the current lexeme.
  [[nodiscard]] Result<void> statements(Body& body, std::initializer_list<std::string_view> ends);
  // The same, from behind the words of the opening tag to behind the closing one.
  [[nodiscard]] Result<void> block_of(Body& body, std::initializer_list<std::string_view> ends);
  [[nodiscard]] Result<StmtPtr> statement();
  [[nodiscard]] Result<void> output(Body& body);
  [[nodiscard]] Result<StmtPtr> print_tag(Body& body);
  [[nodiscard]] Result<StmtPtr> set_tag();
  [[nodiscard]] Result<StmtPtr> if_tag();
  [[nodiscard]] Result<StmtPtr> for_tag();
  [[nodiscard]] Result<StmtPtr> macro_tag();
  [[nodiscard]] Result<StmtPtr> call_tag();
  [[nodiscard]] Result<StmtPtr> generation_tag();
  [[nodiscard]] Result<StmtPtr> filter_tag();
  [[nodiscard]] Result<StmtPtr> with_tag();
  [[nodiscard]] Result<StmtPtr> block_tag();
  [[nodiscard]] Result<void> signature(Stmt& stmt);

  [[nodiscard]] Result<ExprPtr> assign_target(bool with_namespace, std::string_view until);
  [[nodiscard]] Result<ExprPtr> name_target();
  [[nodiscard]] Result<void> make_target(Expr& expr);

  // jinja_parse_expression.cc
  enum class Items { expressions, without_if, simple };
  [[nodiscard]] Result<ExprPtr> tuple(Items items, std::string_view until = "",
                                      bool in_parentheses = false);
  [[nodiscard]] bool at_tuple_end(std::string_view until) const;
  [[nodiscard]] Result<ExprPtr> expression();
  [[nodiscard]] Result<ExprPtr> or_expression();
  [[nodiscard]] Result<ExprPtr> and_expression();
  [[nodiscard]] Result<ExprPtr> not_expression();
  [[nodiscard]] Result<ExprPtr> compare();
  [[nodiscard]] Result<ExprPtr> sum();
  [[nodiscard]] Result<ExprPtr> concat();
  [[nodiscard]] Result<ExprPtr> product();
  [[nodiscard]] Result<ExprPtr> power();
  [[nodiscard]] Result<ExprPtr> unary(bool with_filters);
  [[nodiscard]] Result<ExprPtr> primary();
  [[nodiscard]] Result<ExprPtr> list();
  [[nodiscard]] Result<ExprPtr> dict();
  [[nodiscard]] Result<ExprPtr> postfix(ExprPtr expr);
  [[nodiscard]] Result<ExprPtr> filters_and_tests(ExprPtr expr);
  [[nodiscard]] Result<ExprPtr> subscript(ExprPtr expr);
  [[nodiscard]] Result<ExprPtr> subscribed(ExprPtr expr);
  [[nodiscard]] Result<ExprPtr> call(ExprPtr expr);
  [[nodiscard]] Result<CallArgs> call_args();
  [[nodiscard]] Result<ExprPtr> filter(ExprPtr expr);  // from behind the "|"
  [[nodiscard]] Result<ExprPtr> test(ExprPtr expr);
  [[nodiscard]] static ExprPtr binary_node(ExprKind kind, std::string_view op, uint32_t line,
                                           ExprPtr a, ExprPtr b);
  // Gives a node its height; an error when it is too high.
  [[nodiscard]] Result<ExprPtr> finished(ExprPtr expr) const;

  [[nodiscard]] const Lexeme& now() const { return lexemes_[at_]; }
  [[nodiscard]] const Lexeme& look() const {
    return lexemes_[at_ + 1 < lexemes_.size() ? at_ + 1 : at_];
  }
  [[nodiscard]] bool is(TokenType type) const { return now().type == type; }
  [[nodiscard]] bool is_op(std::string_view text) const {
    return is(TokenType::op) && now().text == text;
  }
  [[nodiscard]] bool is_name(std::string_view text) const {
    return is(TokenType::name) && now().text == text;
  }
  void advance() {
    if (at_ + 1 < lexemes_.size()) ++at_;
  }
  [[nodiscard]] bool skip_op(std::string_view text);
  [[nodiscard]] bool skip_name(std::string_view text);
  [[nodiscard]] Result<void> expect_op(std::string_view text);
  [[nodiscard]] Result<void> expect_name(std::string_view text);
  [[nodiscard]] Result<void> expect(TokenType type, std::string_view what);
  [[nodiscard]] Result<std::string> any_name();
  [[nodiscard]] std::string described() const;
  [[nodiscard]] tl::unexpected<Error> wrong_here(std::string_view message) const;
  [[nodiscard]] Result<void> check_depth() const;

  [[nodiscard]] static ExprPtr node(ExprKind kind, uint32_t line, std::string name = "");
  [[nodiscard]] StmtPtr stmt(StmtKind kind) const;

  // One level of nesting, for as long as it lives.
  struct Level {
    explicit Level(uint32_t& depth) : depth_(depth) { ++depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --depth_; }
    uint32_t& depth_;
  };

  std::vector<Lexeme> lexemes_;
  size_t at_ = 0;
  uint32_t depth_ = 0;
  uint32_t constants_ = 0;
};

}  // namespace hearth::text::jinja
