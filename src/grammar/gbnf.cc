#include "grammar/gbnf.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/utf8.h"

namespace hearth::grammar {
namespace {

constexpr size_t kMaxDepth = 200;  // of groups within groups
constexpr uint32_t kMaxCount = 1'000'000;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

bool is_punctuation(char c) { return c > ' ' && c < 127 && (!is_word(c) || c == '-' || c == '_'); }

std::optional<uint32_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint32_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint32_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<uint32_t>(c - 'A' + 10);
  return std::nullopt;
}

class GbnfParser {
 public:
  explicit GbnfParser(std::string_view source) : source_(source) {}

  Result<Rules> run() {
    if (source_.size() > kMaxGbnfBytes)
      return fail(ErrorCode::too_large, "the grammar has more than ", kMaxGbnfBytes, " bytes");
    skip_space(true);
    while (!at_end()) HEARTH_CHECK(parse_rule());
    for (size_t r = 0; r < rules_.rules.size(); ++r) {
      if (!defined_[r]) {
        return fail(ErrorCode::bad_usage, "grammar: there is no rule '", rules_.rules[r].name,
                    "', which line ", used_in_line_[r], " names");
      }
    }
    const auto root = numbers_.find("root");
    if (root == numbers_.end())
      return fail(ErrorCode::bad_usage, "grammar: there is no rule 'root', where answers begin");
    rules_.root = root->second;
    return std::move(rules_);
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ >= source_.size(); }
  [[nodiscard]] bool sees(char c) const { return !at_end() && source_[at_] == c; }
  bool take(std::string_view text) {
    if (source_.substr(at_, text.size()) != text) return false;
    at_ += text.size();
    return true;
  }

  template <class... Pieces>
  [[nodiscard]] tl::unexpected<Error> wrong(const Pieces&... pieces) const {
    return fail(ErrorCode::bad_usage, "grammar, line ", line_, ": ", pieces...);
  }

  void skip_space(bool lines_too) {
    for (; !at_end(); ++at_) {
      const char c = source_[at_];
      if (c == '#') {
        at_ = std::min(source_.find_first_of("\r\n", at_), source_.size());
        if (at_end()) return;
      }
      const bool is_line_end = source_[at_] == '\n' || source_[at_] == '\r';
      if (is_line_end ? !lines_too : source_[at_] != ' ' && source_[at_] != '\t') return;
      if (source_[at_] == '\n') ++line_;
    }
  }

  std::string_view take_word() {
    const size_t first = at_;
    while (!at_end() && is_word(source_[at_])) ++at_;
    return source_.substr(first, at_ - first);
  }

  uint32_t number_of(std::string_view name) {
    const auto [entry, is_new] =
        numbers_.try_emplace(std::string(name), static_cast<uint32_t>(rules_.rules.size()));
    if (is_new) {
      rules_.rules.push_back({std::string(name), {}});
      defined_.push_back(false);
      used_in_line_.push_back(line_);
    }
    return entry->second;
  }

  Result<void> parse_rule() {
    const std::string_view name = take_word();
    if (name.empty()) return wrong("a rule begins with its name: name ::= ...");
    skip_space(false);
    if (!take("::=")) return wrong("'::=' is missing behind the name '", name, "'");
    const uint32_t rule = number_of(name);
    if (defined_[rule]) return wrong("a second rule '", name, "'");
    skip_space(true);
    HEARTH_TRY(rules_.rules[rule].expression, parse_choice(0));
    defined_[rule] = true;
    if (!at_end() && !sees('\n') && !sees('\r'))
      return wrong("'", printable(source_.substr(at_, 1)), "' is too much");
    skip_space(true);
    return {};
  }

  Result<Expression> parse_choice(size_t depth) {
    if (depth > kMaxDepth) return wrong("more than ", kMaxDepth, " groups within each other");
    std::vector<Expression> choices;
    do {
      if (!choices.empty()) skip_space(true);
      HEARTH_TRY(Expression sequence, parse_sequence(depth));
      choices.push_back(std::move(sequence));
    } while (take("|"));
    return choice_of(std::move(choices));
  }

  Result<Expression> parse_sequence(size_t depth) {
    std::vector<Expression> parts;
    while (!at_end()) {
      const char c = source_[at_];
      if (c == '"') {
        HEARTH_TRY(Expression text, parse_text());
        parts.push_back(std::move(text));
      } else if (c == '[') {
        HEARTH_TRY(Expression chars, parse_class());
        parts.push_back(std::move(chars));
      } else if (c == '.') {
        ++at_;
        parts.push_back(chars_but({}));
      } else if (c == '(') {
        ++at_;
        skip_space(true);
        HEARTH_TRY(Expression group, parse_choice(depth + 1));
        if (!take(")")) return wrong("a group is not closed: ')' is missing");
        parts.push_back(std::move(group));
      } else if (is_word(c)) {
        parts.push_back(rule_at(number_of(take_word())));
      } else if (c == '<' || c == '!') {
        return wrong("tokens by name or number are not known here; write their text");
      } else if (c == '*' || c == '+' || c == '?' || c == '{') {
        if (parts.empty()) return wrong("'", c, "' has nothing in front of it to repeat");
        HEARTH_TRY(parts.back(), parse_repetition(std::move(parts.back())));
      } else {
        break;
      }
      skip_space(depth > 0);
    }
    return sequence_of(std::move(parts));
  }

  Result<Expression> parse_repetition(Expression part) {
    if (take("*")) return repeated(std::move(part), 0, kUnbounded);
    if (take("+")) return repeated(std::move(part), 1, kUnbounded);
    if (take("?")) return repeated(std::move(part), 0, 1);
    take("{");
    skip_space(false);
    uint32_t least = 0;
    if (!sees(',')) {
      HEARTH_TRY(least, parse_count());
    }
    uint32_t most = least;
    if (take(",")) {
      skip_space(false);
      most = kUnbounded;
      if (!sees('}')) {
        HEARTH_TRY(most, parse_count());
      }
    }
    if (!take("}")) return wrong("'}' is missing behind a count");
    if (most < least) return wrong("{", least, ",", most, "} asks for more than it allows");
    return repeated(std::move(part), least, most);
  }

  Result<uint32_t> parse_count() {
    uint64_t count = 0;
    const size_t first = at_;
    for (; !at_end() && source_[at_] >= '0' && source_[at_] <= '9'; ++at_)
      count =
          std::min<uint64_t>(10 * count + static_cast<uint64_t>(source_[at_] - '0'), kUnbounded);
    if (at_ == first) return wrong("a count is missing between '{' and '}'");
    if (count > kMaxCount) return wrong("a count above ", kMaxCount);
    skip_space(false);
    return static_cast<uint32_t>(count);
  }

  // The next character of a text or a class.
  Result<char32_t> parse_char() {
    if (at_end()) return wrong("the grammar ends in the middle of a text or a class");
    if (!take("\\")) {
      const Utf8Char c = decode_utf8(source_, at_);
      if (!c.valid) return wrong("what stands here is not UTF-8");
      if (c.code == '\n') return wrong("the line ends in the middle of a text or a class");
      at_ += c.length;
      return c.code;
    }
    if (at_end()) return wrong("the grammar ends behind a backslash");
    const char kind = source_[at_++];
    switch (kind) {
      case 'n':
        return U'\n';
      case 'r':
        return U'\r';
      case 't':
        return U'\t';
      case 'x':
        return parse_hex(2);
      case 'u':
        return parse_hex(4);
      case 'U':
        return parse_hex(8);
      default:
        if (is_punctuation(kind)) return static_cast<char32_t>(kind);
        return wrong("there is no escape '\\", printable(std::string_view(&kind, 1)), "'");
    }
  }

  Result<char32_t> parse_hex(size_t digits) {
    char32_t code = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const auto digit = at_end() ? std::nullopt : hex_digit(source_[at_]);
      if (!digit) return wrong("an escape needs ", digits, " hexadecimal digits");
      code = code * 16 + *digit;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
      return wrong("an escape stands for no character");
    return code;
  }

  Result<Expression> parse_text() {
    take("\"");
    std::string text;
    while (!take("\"")) {
      HEARTH_TRY(const char32_t c, parse_char());
      append_utf8(text, c);
    }
    return text_of(std::move(text));
  }

  Result<Expression> parse_class() {
    take("[");
    const bool others = take("^");
    std::vector<CharRange> ranges;
    while (!take("]")) {
      HEARTH_TRY(const char32_t first, parse_char());
      char32_t last = first;
      if (sees('-') && source_.substr(at_, 2) != "-]") {
        ++at_;
        HEARTH_TRY(last, parse_char());
        if (last < first) return wrong("a range of characters that ends before it begins");
      }
      ranges.push_back({first, last});
    }
    return others ? chars_but(std::move(ranges)) : chars_of(std::move(ranges));
  }

  std::string_view source_;
  size_t at_ = 0;
  size_t line_ = 1;
  Rules rules_;
  std::map<std::string, uint32_t, std::less<>> numbers_;
  std::vector<bool> defined_;
  std::vector<size_t> used_in_line_;
};

}  // namespace

Result<Rules> parse_gbnf(std::string_view source) { return GbnfParser(source).run(); }

}  // namespace hearth::grammar
