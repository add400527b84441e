#include "text/jinja_lexer.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/jinja_string.h"
#include "text/unicode.h"

namespace hearth::text::jinja {

std::string at_line(uint32_t line, std::string_view message) {
  return cat("line ", line, ": ", message);
}

namespace {

// Every line ends in "\n", and one at the very end is left out.
std::string normalize_lines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool begins_name(char32_t code) { return code == '_' || (CharTable::get()[code] & kLetter) != 0; }
bool continues_name(char32_t code) {
  return begins_name(code) || (CharTable::get()[code] & (kNumber | kMark)) != 0;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Lexeme>> run() {
    while (at_ < source_.size()) HEARTH_CHECK(text_and_tag());
    push(TokenType::end, "");
    return std::move(out_);
  }

 private:
  // ---- outside of tags ----

  struct Sign {
    char value = '\0';  // '-', '+' or none
    size_t length = 0;
  };

  Sign sign_at(size_t at) const {
    const char c = at < source_.size() ? source_[at] : '\0';
    return c == '-' || c == '+' ? Sign{c, 1} : Sign{};
  }

  bool has(size_t at, std::string_view text) const {
    return source_.substr(at, text.size()) == text;
  }

  size_t skip_blanks(size_t at) const {
    while (at < source_.size()) {
      const Utf8Char c = decode_utf8(source_, at);
      if (!is_blank(c.code)) break;
      at += c.length;
    }
    return at;
  }

  void push(TokenType type, std::string_view text) {
    out_.push_back({type, std::string(text), line_});
  }

  // Moves on to `end` and counts the lines in between.
  void move_to(size_t end) {
    line_ +=
        static_cast<uint32_t>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    at_ = end;
  }

  // The text up to a tag, less the blanks that the tag takes away.
  void push_text(size_t end, char sign, bool is_variable) {
    std::string_view text = source_.substr(at_, end - at_);
    if (sign == '-') {
      text = strip(text, std::nullopt, Side::right);
    } else if (sign != '+' && !is_variable) {
      const size_t newline = text.rfind('\n');
      const size_t begin = newline == text.npos ? 0 : newline + 1;
      if ((newline != text.npos || line_starting_) &&
          strip(text.substr(begin), std::nullopt, Side::left).empty())
        text = text.substr(0, begin);
    }
    if (!text.empty()) push(TokenType::data, text);
    move_to(end);
  }

  Result<void> text_and_tag() {
    size_t tag = source_.find('{', at_);
    while (tag != source_.npos && !has(tag, "{%") && !has(tag, "{{") && !has(tag, "{#"))
      tag = source_.find('{', tag + 1);
    if (tag == source_.npos) {
      push(TokenType::data, source_.substr(at_));
      move_to(source_.size());
      return {};
    }
    const Sign sign = sign_at(tag + 2);
    push_text(tag, sign.value, has(tag, "{{"));
    if (has(tag, "{#")) return comment(tag + 2 + sign.length);
    if (has(tag, "{{")) {
      push(TokenType::variable_begin, "{{");
      move_to(tag + 2 + sign.length);
      return inside(false);
    }
    if (const size_t body = raw_body(tag); body != 0) return raw(body);
    push(TokenType::block_begin, "{%");
    move_to(tag + 2 + sign.length);
    return inside(true);
  }

  // Ends a tag whose closing mark begins at `at`: "-" takes the blanks behind it away, none one
  // newline of a block.
  void close(size_t at, std::string_view mark, bool trims_newline) {
    const Sign sign = sign_at(at);
    size_t end = at + sign.length + mark.size();
    if (sign.value == '-') {
      end = skip_blanks(end);
    } else if (sign.value == '\0' && trims_newline && has(end, "\n")) {
      ++end;
    }
    move_to(end);
    line_starting_ = end > 0 && source_[end - 1] == '\n';
  }

  // Where "mark" or "-mark" or "+mark" begins; npos when it never does.
  size_t find_close(size_t from, std::string_view mark) const {
    const size_t found = source_.find(mark, from);
    if (found == source_.npos || found == from) return found;
    return sign_at(found - 1).length == 1 ? found - 1 : found;
  }

  Result<void> comment(size_t from) {
    if (from == source_.size()) return end_of_source();
    const size_t end = find_close(from, "#}");
    if (end == source_.npos) return fail_here("a comment that does not end: no #} follows");
    close(end, "#}", true);
    return {};
  }

  // Where the text of a raw block begins, when the tag opens one; else 0.
  size_t raw_body(size_t tag) const {
    size_t at = skip_blanks(tag + 2 + sign_at(tag + 2).length);
    if (!has(at, "raw")) return 0;
    at = skip_blanks(at + 3);
    if (has(at, "-%}")) return skip_blanks(at + 3);
    return has(at, "%}") ? at + 2 : 0;
  }

  // The reference takes a comment or a raw block that nothing at all follows.
  Result<void> end_of_source() {
    move_to(source_.size());
    return {};
  }

  Result<void> raw(size_t body) {
    if (body == source_.size()) return end_of_source();
    move_to(body);
    line_starting_ = body > 0 && source_[body - 1] == '\n';
    for (size_t tag = source_.find("{%", at_); tag != source_.npos;
         tag = source_.find("{%", tag + 2)) {
      const Sign sign = sign_at(tag + 2);
      size_t at = skip_blanks(tag + 2 + sign.length);
      if (!has(at, "endraw")) continue;
      at = skip_blanks(at + 6);
      if (!has(at + sign_at(at).length, "%}")) continue;
      push_text(tag, sign.value, false);
      close(at, "%}", true);
      return {};
    }
    return fail_here("a raw block that does not end: no {% endraw %} follows");
  }

  // ---- inside of tags ----

  tl::unexpected<Error> fail_here(std::string_view message) const {
    return fail(ErrorCode::bad_file, at_line(line_, message));
  }

  Result<void> inside(bool block) {
    const std::string_view mark = block ? "%}" : "}}";
    open_.clear();
    while (true) {
      move_to(skip_blanks(at_));
      if (at_ >= source_.size())
        return fail_here(cat("a tag that does not end: no ", mark, " follows"));
      // In brackets "}}" ends two of them, and "-" is a minus.
      const Sign sign = sign_at(at_);
      const bool signed_end = sign.length == 1 && (block || sign.value == '-');
      if (open_.empty() && (has(at_, mark) || (signed_end && has(at_ + 1, mark)))) {
        push(block ? TokenType::block_end : TokenType::variable_end, mark);
        close(at_, mark, block);
        return {};
      }
      HEARTH_CHECK(lexeme());
    }
  }

  Result<void> lexeme() {
    const char c = source_[at_];
    if (is_digit(c)) return number();
    if (c == '"' || c == '\'') return quoted(c);
    const Utf8Char first = decode_utf8(source_, at_);
    if (begins_name(first.code)) {
      size_t end = at_ + first.length;
      while (end < source_.size()) {
        const Utf8Char next = decode_utf8(source_, end);
        if (!continues_name(next.code)) break;
        end += next.length;
      }
      push(TokenType::name, source_.substr(at_, end - at_));
      at_ = end;
      return {};
    }
    return op();
  }

  // Digits, single "_" between them allowed; `end` behind the last.
  size_t digits_from(size_t at, std::string_view allowed) const {
    const auto is_in = [&](size_t i) {
      return i < source_.size() && allowed.find(source_[i]) != allowed.npos;
    };
    while (is_in(at) || (at < source_.size() && source_[at] == '_' && is_in(at + 1))) ++at;
    return at;
  }

  Result<void> number() {
    constexpr std::string_view kDecimal = "0123456789";
    size_t end = digits_from(at_, kDecimal);
    bool real = false;
    // Behind a dot it is a position: `x.0.1` is the second item of the first.
    const bool position = at_ > 0 && source_[at_ - 1] == '.';
    if (!position && end + 1 < source_.size() && source_[end] == '.' &&
        is_digit(source_[end + 1])) {
      end = digits_from(end + 1, kDecimal);
      real = true;
    }
    if (!position && end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      size_t exponent = end + 1;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-'))
        ++exponent;
      if (exponent < source_.size() && is_digit(source_[exponent])) {
        end = digits_from(exponent, kDecimal);
        real = true;
      }
    }
    if (!real && source_[at_] == '0') end = zero_or_prefixed();
    std::string text(source_.substr(at_, end - at_));
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    push(real ? TokenType::real : TokenType::integer, text);
    at_ = end;
    return {};
  }

  // Zeros, or digits of another base behind 0x, 0o, 0b.
  size_t zero_or_prefixed() const {
    const char base = at_ + 1 < source_.size() ? static_cast<char>(source_[at_ + 1] | 0x20) : '\0';
    const std::string_view digits = base == 'x'   ? "0123456789abcdefABCDEF"
                                    : base == 'o' ? "01234567"
                                    : base == 'b' ? "01"
                                                  : "";
    if (!digits.empty()) {
      const size_t end = digits_from(at_ + 2, digits);
      if (end > at_ + 2) return end;
    }
    return digits_from(at_, "0");
  }

  Result<void> quoted(char quote) {
    std::string value;
    const uint32_t line = line_;
    size_t at = at_ + 1;
    while (at < source_.size() && source_[at] != quote) {
      if (source_[at] == '\\' && at + 1 < source_.size()) {
        HEARTH_TRY(at, escape(at + 1, value));
      } else {
        value += source_[at++];
      }
    }
    if (at >= source_.size()) return fail_here("a string that does not end");
    out_.push_back({TokenType::string, std::move(value), line});
    move_to(at + 1);
    return {};
  }

  // Appends what the escape behind a backslash at `at` means; where it ends.
  Result<size_t> escape(size_t at, std::string& value) {
    const char c = source_[at];
    constexpr std::string_view kNames = "\\'\"abfnrtv";
    constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
    if (const size_t i = kNames.find(c); i != kNames.npos) {
      value += kMeanings[i];
      return at + 1;
    }
    if (c == '\n') return at + 1;
    if (c == 'x' || c == 'u' || c == 'U') {
      const size_t size = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      char32_t code = 0;
      for (size_t i = 1; i <= size; ++i) {
        const char digit = at + i < source_.size() ? source_[at + i] : '\0';
        const size_t number =
            std::string_view("0123456789abcdef")
                .find(digit >= 'A' && digit <= 'F' ? static_cast<char>(digit + 32) : digit);
        if (number == std::string_view::npos) return fail_here(cat("an unfinished escape \\", c));
        code = code << 4 | static_cast<char32_t>(number);
      }
      if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return fail_here("an escape for something that is no character");
      append_utf8(value, code);
      return at + 1 + size;
    }
    if (c >= '0' && c <= '7') {
      char32_t code = 0;
      size_t end = at;
      for (; end < source_.size() && end < at + 3 && source_[end] >= '0' && source_[end] <= '7';
           ++end)
        code = code << 3 | static_cast<char32_t>(source_[end] - '0');
      append_utf8(value, code);
      return end;
    }
    if (c == 'N') return fail_here("an escape \\N: characters by name are not known here");
    value += '\\';  // no escape: both characters stay
    return at;
  }

  Result<void> op() {
    static constexpr std::array<std::string_view, 27> kOperators = {
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]",
        "(",  ")",  "{",  "}",  ">",  "<",  "=", ".", ":", "|", ",", ";", ""};
    const auto found = std::find_if(kOperators.begin(), kOperators.end(),
                                    [&](std::string_view text) { return has(at_, text); });
    if (found == kOperators.end() || found->empty()) {
      const size_t length = decode_utf8(source_, at_).length;
      return fail_here(cat("unexpected character '", printable(source_.substr(at_, length)), "'"));
    }
    const char c = (*found)[0];
    if (c == '(' || c == '[' || c == '{') {
      open_ += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (open_.empty()) return fail_here(cat("unexpected '", c, "'"));
      if (open_.back() != c)
        return fail_here(cat("unexpected '", c, "', expected '", open_.back(), "'"));
      open_.pop_back();
    }
    push(TokenType::op, *found);
    at_ += found->size();
    return {};
  }

  std::string_view source_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  bool line_starting_ = true;
  std::string open_;  // what closes the brackets that are open
  std::vector<Lexeme> out_;
};

}  // namespace

Result<std::vector<Lexeme>> tokenize(std::string_view source) {
  if (source.size() > kMaxTemplateBytes)
    return fail(ErrorCode::too_large, "it has more than ", kMaxTemplateBytes >> 10, " KB");
  if (!is_valid_utf8(source)) return fail(ErrorCode::bad_file, "it is no valid UTF-8");
  return Lexer(normalize_lines(source)).run();
}

}  // namespace hearth::text::jinja
