#include "text/reply_value.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/utf8.h"
#include "text/reply_text.h"
#include "text/reply_tools.h"

namespace hearth::text {

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
      case '\\':
        out += '\\';
        out += c;
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (byte < 0x20) {
          out += "\\u00";
          out += kHex[byte >> 4];
          out += kHex[byte & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

std::optional<bool> ends_string(std::string_view text, size_t at) {
  const size_t gap = count_gap(text.substr(at + 1));
  const size_t next = at + 1 + gap;
  if (gap == kMaxReplyGap) return true;
  if (next >= text.size()) return std::nullopt;
  return std::string_view(",)]}:").find(text[next]) != std::string_view::npos;
}

namespace {

constexpr std::string_view kBraceQuote = "<|\"|>";

// A recursive descent; each function moves behind what it has read and writes it to out_.
class LiteralParser {
 public:
  LiteralParser(std::string_view text, LiteralKind kind, std::string& out)
      : text_(text), kind_(kind), out_(out) {}

  bool whole_value() { return value(0) && at_end(); }

  // Until the end of the text, or the brace that closes.
  bool members(char close, char between, int depth) {
    out_ += '{';
    for (bool first = true;; first = false) {
      skip_blanks();
      if (at_end() || front() == close) break;
      if (!first) out_ += ',';
      if (!key(between) || !take(between)) return false;
      out_ += ':';
      if (!value(depth)) return false;
      skip_blanks();
      if (!take(',')) break;
    }
    out_ += '}';
    return close == '\0' ? at_end() : take(close);
  }

 private:
  static constexpr int kMaxDepth = 100;

  bool at_end() {
    skip_blanks();
    return at_ >= text_.size();
  }
  [[nodiscard]] char front() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] std::string_view rest() const { return text_.substr(std::min(at_, text_.size())); }
  void skip_blanks() { at_ += count_blanks(rest()); }
  bool take(char c) {
    skip_blanks();
    if (front() != c || at_end()) return false;
    ++at_;
    return true;
  }

  bool value(int depth) {
    if (depth > kMaxDepth) return false;
    skip_blanks();
    const char c = front();
    if (c == '[') return list(depth + 1);
    if (c == '{') {
      ++at_;
      return members('}', ':', depth + 1);
    }
    return quoted() ? string() : word();
  }

  bool list(int depth) {
    ++at_;
    out_ += '[';
    for (bool first = true;; first = false) {
      skip_blanks();
      if (at_end() || front() == ']') break;
      if (!first) out_ += ',';
      if (!value(depth)) return false;
      if (!take(',')) break;
    }
    out_ += ']';
    return take(']');
  }

  [[nodiscard]] bool quoted() const {
    if (kind_ == LiteralKind::braces) return starts_with(rest(), kBraceQuote);
    return front() == '\'' || front() == '"';
  }

  // In arguments of Python, keys are names; in its dicts they have quotes.
  bool key(char between) {
    if (quoted()) return between != '=' && string();
    if (kind_ == LiteralKind::python && between != '=') return false;
    const size_t length = std::min(rest().find(between), rest().size());
    const std::string_view name = trim(rest().substr(0, length));
    if (name.empty() || name.size() > 1000) return false;
    append_json_string(out_, name);
    at_ += length;
    return true;
  }

  bool string() {
    if (kind_ == LiteralKind::python) return python_string();
    at_ += kBraceQuote.size();
    const size_t length = rest().find(kBraceQuote);
    if (length == rest().npos) return false;
    append_json_string(out_, rest().substr(0, length));
    at_ += length + kBraceQuote.size();
    return true;
  }

  bool python_string() {
    const char quote = text_[at_++];
    std::string value;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == quote && ends_string(text_, at_).value_or(true)) {
        ++at_;
        append_json_string(out_, value);
        return true;
      }
      ++at_;
      if (c == '\\') {
        escape(value);
      } else {
        value += c;
      }
    }
    return false;
  }

  // Python's escapes; of others the backslash stays.
  void escape(std::string& value) {
    constexpr std::string_view kFrom = "\\'\"ntrbfav";
    constexpr std::string_view kTo = "\\'\"\n\t\r\b\f\a\v";
    const char c = front();
    if (at_ < text_.size()) ++at_;
    if (const size_t known = kFrom.find(c); known != kFrom.npos && c != '\0') {
      value += kTo[known];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      code_point(c, value);
    } else if (c != '\n') {
      value += '\\';
      if (c != '\0') value += c;
    }
  }

  std::optional<uint32_t> hex(size_t digits) {
    uint32_t code = 0;
    const std::string_view text = rest().substr(0, digits);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code, 16);
    if (error != std::errc{} || end != text.data() + digits) return std::nullopt;
    at_ += digits;
    return code;
  }

  // JSON writes what lies above U+FFFF as two escapes.
  void code_point(char kind, std::string& value) {
    auto code = hex(kind == 'x' ? 2 : kind == 'u' ? 4 : 8);
    if (!code) {
      value += '\\';
      value += kind;
      return;
    }
    if (*code >= 0xD800 && *code < 0xDC00 && starts_with(rest(), "\\u")) {
      const size_t before = at_;
      at_ += 2;
      const auto low = hex(4);
      if (low && *low >= 0xDC00 && *low < 0xE000) {
        code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
      } else {
        at_ = before;
      }
    }
    const bool valid = *code < 0x110000 && (*code < 0xD800 || *code >= 0xE000);
    append_utf8(value, valid ? static_cast<char32_t>(*code) : U'\uFFFD');
  }

  // Numbers and names of values.
  bool word() {
    const size_t length = std::min(rest().find_first_of(",)]}: \t\r\n"), rest().size());
    const std::string_view word = rest().substr(0, length);
    at_ += length;
    if (word == "True" || word == "true") {
      out_ += "true";
    } else if (word == "False" || word == "false") {
      out_ += "false";
    } else if (word == "None" || word == "null") {
      out_ += "null";
    } else if (word.empty() || word.size() > 400 || !nlohmann::json::accept(word)) {
      return false;
    } else {
      out_ += word;
    }
    return true;
  }

  std::string_view text_;
  LiteralKind kind_;
  std::string& out_;
  size_t at_ = 0;
};

// The kind of a valid JSON text, by its front; of a number by all of it.
unsigned type_of_json(std::string_view text) {
  switch (text.front()) {
    case '"':
      return ReplyTools::string;
    case '{':
      return ReplyTools::object;
    case '[':
      return ReplyTools::array;
    case 't':
    case 'f':
      return ReplyTools::boolean;
    case 'n':
      return ReplyTools::null;
    default:
      return text.find_first_of(".eE") == text.npos ? ReplyTools::integer : ReplyTools::number;
  }
}

}  // namespace

std::optional<std::string> json_of_literal(std::string_view text, LiteralKind kind) {
  std::string out;
  if (!LiteralParser(text, kind, out).whole_value()) return std::nullopt;
  return out;
}

std::optional<std::string> json_of_arguments(std::string_view text, LiteralKind kind) {
  std::string out;
  const char between = kind == LiteralKind::python ? '=' : ':';
  if (!LiteralParser(text, kind, out).members('\0', between, 0)) return std::nullopt;
  return out;
}

std::string json_of_value(std::string_view text, unsigned types, bool python) {
  if (types != ReplyTools::string) {
    std::string json(trim(text));
    bool valid = nlohmann::json::accept(json);
    if (!valid && python) {
      auto literal = json_of_literal(text, LiteralKind::python);
      valid = literal.has_value();
      if (valid) json = *std::move(literal);
    }
    // A text in quotes is itself, unless it cannot be.
    const bool fits = valid && (types == 0 || (types & type_of_json(json)) != 0);
    const bool may_be_string = types == 0 || (types & ReplyTools::string) != 0;
    if (valid && !json.starts_with('"') && (fits || !may_be_string)) return json;
  }
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace hearth::text
