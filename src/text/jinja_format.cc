// Python's two ways of formatting: "%d" % value and "{:d}".format(value).
#include <algorithm>
#include <cmath>

#include "text/jinja_globals.h"
#include "text/jinja_number.h"
#include "text/jinja_string.h"

namespace hearth::text::jinja {
namespace {

// How one value is written, in both ways of formatting.
struct Spec {
  std::string fill = " ";
  char align = '\0';  // < > ^ =
  char sign = '-';    // - + or a blank
  bool alternate = false;
  int64_t width = 0;
  char grouping = '\0';  // , or _
  int precision = -1;
  char type = '\0';
};

constexpr int64_t kMostDigits = 1000;  // of a precision

Result<void> pad(Runtime& runtime, std::string& out, const Spec& spec, std::string_view sign,
                 std::string_view body, char usual) {
  const auto size = static_cast<int64_t>(code_points(sign) + code_points(body));
  const auto more = static_cast<size_t>(std::max<int64_t>(spec.width - size, 0));
  HEARTH_CHECK(runtime.room(
      more > SIZE_MAX / 8 ? SIZE_MAX : out.size() + body.size() + more * spec.fill.size()));
  const char align = spec.align == '\0' ? usual : spec.align;
  const size_t left = align == '<' || align == '=' ? 0 : align == '^' ? more / 2 : more;
  const size_t inside = align == '=' ? more : 0;
  const auto fill = [&](size_t times) {
    for (size_t i = 0; i < times; ++i) out += spec.fill;
  };
  fill(left);
  out += sign;
  fill(inside);
  out += body;
  fill(more - left - inside);
  return {};
}

std::string grouped(std::string_view digits, char mark, size_t size) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % size == 0) out += mark;
    out += digits[i];
  }
  return out;
}

std::string digits_of(uint64_t value, unsigned base, bool upper) {
  std::string out;
  do {
    out += (upper ? "0123456789ABCDEF" : "0123456789abcdef")[value % base];
    value /= base;
  } while (value > 0);
  std::reverse(out.begin(), out.end());
  return out;
}

std::string sign_of(bool negative, char wanted) {
  if (negative) return "-";
  return wanted == '-' ? "" : std::string(1, wanted);
}

Result<void> format_whole(Runtime& runtime, std::string& out, int64_t value, const Spec& spec) {
  const uint64_t size = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  std::string sign = sign_of(value < 0, spec.sign);
  if (spec.type == 'c') {
    if (value < 0 || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
      return wrong("%c needs the number of a character");
    std::string text;
    append_utf8(text, static_cast<char32_t>(value));
    return pad(runtime, out, spec, "", text, '<');
  }
  const char low = static_cast<char>(spec.type | 0x20);
  const unsigned base = low == 'x' ? 16 : low == 'o' ? 8 : low == 'b' ? 2 : 10;
  std::string digits = digits_of(size, base, spec.type == 'X');
  const auto precision = static_cast<size_t>(std::max(spec.precision, 0));
  if (digits.size() < precision) digits.insert(0, precision - digits.size(), '0');
  if (spec.grouping != '\0') digits = grouped(digits, spec.grouping, base == 10 ? 3 : 4);
  if (spec.alternate && base != 10) sign += {'0', base == 16 ? spec.type : low};
  return pad(runtime, out, spec, sign, digits, '>');
}

std::string percent_less(char type, int precision, double value, bool alternate) {
  if (std::isnan(value) || std::isinf(value)) {
    const bool upper = type >= 'A' && type <= 'Z';
    return std::isnan(value) ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf");
  }
  return c_format(type, precision, value, alternate);
}

Result<void> format_real(Runtime& runtime, std::string& out, double value, const Spec& spec) {
  const bool negative = std::signbit(value) && !std::isnan(value);
  const double size = negative ? -value : value;
  std::string body;
  if (spec.type == '\0' && spec.precision < 0) {
    body = real_text(size);
  } else if (spec.type == '\0') {
    // Like g, but with a digit behind the point.
    body = percent_less('g', std::max(spec.precision, 1), size, false);
    if (body.find_first_of(".en") == std::string::npos) body += ".0";
  } else if (spec.type == '%') {
    body = percent_less('f', spec.precision < 0 ? 6 : spec.precision, size * 100, spec.alternate) +
           "%";
  } else {
    const char type = spec.type == 'n' ? 'g' : spec.type;
    const int precision = spec.precision < 0 ? 6 : spec.precision;
    const bool general = type == 'g' || type == 'G';
    body = percent_less(type, general ? std::max(precision, 1) : precision, size, spec.alternate);
  }
  if (spec.grouping != '\0') {
    const size_t end = std::min(body.find_first_not_of("0123456789"), body.size());
    body = grouped(body.substr(0, end), spec.grouping, 3) + body.substr(end);
  }
  return pad(runtime, out, spec, sign_of(negative, spec.sign), body, '>');
}

Result<void> format_text(Runtime& runtime, std::string& out, std::string_view text,
                         const Spec& spec, char usual) {
  if (spec.precision >= 0)
    text = text.substr(0, byte_of(text, static_cast<size_t>(spec.precision)));
  HEARTH_CHECK(runtime.step(text.size() >> 6));
  return pad(runtime, out, spec, "", text, usual);
}

// ---- "..." % values ----

class Percent {
 public:
  Percent(Runtime& runtime, std::string_view format, const Value& values)
      : runtime_(runtime), format_(format), values_(values) {}

  Result<Value> run() {
    while (at_ < format_.size()) {
      HEARTH_CHECK(runtime_.step());
      const size_t mark = std::min(format_.find('%', at_), format_.size());
      out_ += format_.substr(at_, mark - at_);
      at_ = mark + 1;
      if (mark < format_.size()) HEARTH_CHECK(field());
    }
    const bool mapping = values_.is(Kind::dict) || values_.is(Kind::list) || values_.is_undefined();
    const size_t given = values_.is(Kind::tuple) ? values_.items().size() : mapping ? 0 : 1;
    if (used_ < given) return wrong("not all arguments converted during string formatting");
    return runtime_.string(std::move(out_));
  }

 private:
  [[nodiscard]] char peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  Result<Value> next() {
    if (values_.is(Kind::tuple)) {
      if (used_ < values_.items().size()) return values_.items()[used_++];
    } else if (used_++ == 0) {
      return values_;
    }
    return wrong("not enough arguments for format string");
  }

  Result<int64_t> number() {
    if (peek() == '*') {
      ++at_;
      HEARTH_TRY(const Value value, next());
      return whole(value, "* in a format");
    }
    int64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_)
      value = std::min<int64_t>(value * 10 + (peek() - '0'), INT32_MAX);
    return value;
  }

  Result<void> field() {
    Value value;
    if (peek() == '(') {
      const size_t end = format_.find(')', at_);
      if (end == format_.npos) return wrong("incomplete format key");
      if (!values_.is(Kind::dict)) return wrong("format requires a mapping");
      const std::string_view key = format_.substr(at_ + 1, end - at_ - 1);
      const Value* found = values_.as<Dict>().find(key);
      if (found == nullptr) return wrong("the format names '", key, "', which is not given");
      value = *found;
      at_ = end + 1;
    }
    Spec spec;
    bool left = false;
    bool zero = false;
    for (; std::string_view("-+ #0").find(peek()) != std::string_view::npos; ++at_) {
      const char flag = peek();
      left = left || flag == '-';
      zero = zero || flag == '0';
      spec.alternate = spec.alternate || flag == '#';
      if (flag == '+' || (flag == ' ' && spec.sign != '+')) spec.sign = flag;
    }
    HEARTH_TRY(spec.width, number());
    if (spec.width < 0) {
      left = true;
      spec.width = -spec.width;
    }
    if (peek() == '.') {
      ++at_;
      HEARTH_TRY(const int64_t precision, number());
      spec.precision = static_cast<int>(std::clamp<int64_t>(precision, 0, kMostDigits));
    }
    while (peek() == 'h' || peek() == 'l' || peek() == 'L') ++at_;
    spec.type = peek();
    if (spec.type == '\0') return wrong("incomplete format");
    ++at_;
    if (spec.type == '%') {
      out_ += '%';
      return {};
    }
    if (value.is(Kind::missing)) {
      HEARTH_TRY(value, next());
    }
    if (left) spec.align = '<';
    return convert(value, spec, zero && !left);
  }

  Result<void> convert(const Value& value, Spec spec, bool zero) {
    const std::string_view type(&spec.type, 1);
    if (spec.type == 's' || spec.type == 'r') {
      HEARTH_TRY(const std::string text,
                 spec.type == 's' ? runtime_.str(value) : runtime_.repr(value));
      return format_text(runtime_, out_, text, spec, '>');
    }
    if (spec.type == 'c' && value.is(Kind::string)) {
      if (code_points(value.text()) != 1) return wrong("%c requires int or char");
      return format_text(runtime_, out_, value.text(), spec, '>');
    }
    if (value.is_undefined()) return wrong_undefined(value);
    if (zero) {
      spec.fill = "0";
      spec.align = '=';
    }
    if (std::string_view("eEfFgG").find(type) != std::string_view::npos) {
      if (!value.is_number()) return wrong("must be real number, not ", type_name(value));
      return format_real(runtime_, out_, value.as_real(), spec);
    }
    if (std::string_view("diuxXoc").find(type) == std::string_view::npos)
      return wrong("unsupported format character '", type, "'");
    if (value.is(Kind::real) && std::string_view("diu").find(type) != std::string_view::npos) {
      HEARTH_TRY(const Value towards_zero, truncated(value.as_real()));
      spec.type = 'd';
      return format_whole(runtime_, out_, towards_zero.as_integer(), spec);
    }
    if (!value.is_whole())
      return wrong("%", type, " format: a number is required, not ", type_name(value));
    return format_whole(runtime_, out_, value.as_integer(), spec);
  }

  Runtime& runtime_;
  std::string_view format_;
  const Value& values_;
  size_t at_ = 0;
  size_t used_ = 0;
  std::string out_;
};

// ---- "...".format(values) ----

bool is_align(std::string_view c) { return c == "<" || c == ">" || c == "^" || c == "="; }

Result<Spec> parse_spec(std::string_view text) {
  const std::string_view whole_text = text;
  Spec spec;
  const auto take = [&](std::string_view allowed) {
    if (text.empty() || allowed.find(text[0]) == allowed.npos) return '\0';
    const char c = text[0];
    text.remove_prefix(1);
    return c;
  };
  const auto number = [&] {
    int64_t value = 0;
    while (const char c = take("0123456789"))
      value = std::min<int64_t>(value * 10 + (c - '0'), INT32_MAX);
    return value;
  };
  const std::string_view first = code_point_at(text, 0);
  if (!first.empty() && is_align(text.substr(first.size(), 1))) {
    spec.fill = first;
    text.remove_prefix(first.size());
  }
  spec.align = take("<>^=");
  if (const char sign = take("+- ")) spec.sign = sign;
  spec.alternate = take("#") != '\0';
  if (!text.empty() && text[0] == '0' && spec.align == '\0') {
    spec.fill = "0";
    spec.align = '=';
  }
  spec.width = number();
  spec.grouping = take(",_");
  if (take(".") != '\0') {
    if (text.empty() || text[0] < '0' || text[0] > '9')
      return wrong("Format specifier missing precision");
    spec.precision = static_cast<int>(std::min(number(), kMostDigits));
  }
  spec.type = take("bcdeEfFgGnosxX%");
  if (!text.empty()) return wrong("Invalid format specifier '", whole_text, "'");
  return spec;
}

}  // namespace

Result<std::string> format_value(Runtime& runtime, const Value& value, std::string_view text) {
  if (text.empty()) return runtime.str(value);
  HEARTH_TRY(Spec spec, parse_spec(text));
  std::string out;
  const std::string_view type(&spec.type, spec.type == '\0' ? 0 : 1);
  const auto among = [&](std::string_view types) {
    return type.empty() || types.find(type) != std::string_view::npos;
  };
  if (value.is(Kind::string) && among("s") && spec.sign == '-' && spec.align != '=') {
    HEARTH_CHECK(format_text(runtime, out, value.text(), spec, '<'));
    return out;
  }
  if (value.is(Kind::string) && among("s") && spec.fill == "0") {
    spec.align = '<';  // "{:05}" of a text
    HEARTH_CHECK(format_text(runtime, out, value.text(), spec, '<'));
    return out;
  }
  if (value.is_whole() && among("bcdoxXn") && spec.precision < 0) {
    HEARTH_CHECK(format_whole(runtime, out, value.as_integer(), spec));
    return out;
  }
  const bool real = value.is(Kind::real) || (value.is_whole() && !type.empty());
  if (real && among("eEfFgGn%")) {
    HEARTH_CHECK(format_real(runtime, out, value.as_real(), spec));
    return out;
  }
  return wrong("the format '", text, "' is not for '", type_name(value), "'");
}

Result<Value> percent_format(Runtime& runtime, std::string_view format, const Value& values) {
  return Percent(runtime, format, values).run();
}

namespace {

class Brace {
 public:
  Brace(Runtime& runtime, const Args& args) : runtime_(runtime), args_(args) {}

  Result<std::string> run(std::string_view format, int depth) {
    std::string out;
    for (size_t at = 0; at < format.size();) {
      HEARTH_CHECK(runtime_.step());
      const char c = format[at];
      if (c != '{' && c != '}') {
        const size_t end = std::min(format.find_first_of("{}", at), format.size());
        out += format.substr(at, end - at);
        at = end;
        continue;
      }
      if (at + 1 < format.size() && format[at + 1] == c) {
        out += c;
        at += 2;
        continue;
      }
      if (c == '}') return wrong("Single '}' encountered in format string");
      const size_t end = end_of_field(format, at + 1);
      if (end == format.npos) return wrong("expected '}' before end of string");
      HEARTH_TRY(const std::string text, field(format.substr(at + 1, end - at - 1), depth));
      HEARTH_CHECK(runtime_.room(out.size() + text.size()));
      out += text;
      at = end + 1;
    }
    return out;
  }

 private:
  static size_t end_of_field(std::string_view format, size_t at) {
    int open = 1;
    bool index = false;
    for (; at < format.size(); ++at) {
      if (format[at] == '[' && open == 1) index = true;
      if (format[at] == ']') index = false;
      if (index) continue;
      if (format[at] == '{') ++open;
      if (format[at] == '}' && --open == 0) return at;
    }
    return format.npos;
  }

  Result<std::string> field(std::string_view text, int depth) {
    if (depth > 1) return wrong("Max string recursion exceeded");
    // A ":" or "!" inside of brackets belongs to the name.
    size_t name_end = 0;
    for (bool index = false; name_end < text.size(); ++name_end) {
      const char c = text[name_end];
      if (c == '[') index = true;
      if (c == ']') index = false;
      if (!index && (c == ':' || c == '!')) break;
    }
    HEARTH_TRY(Value value, named(text.substr(0, name_end)));
    text = text.substr(name_end);
    if (!text.empty() && text[0] == '!') {
      if (text.size() < 2 || (text.size() > 2 && text[2] != ':'))
        return wrong("expected ':' after conversion specifier");
      if (text[1] != 's' && text[1] != 'r')
        return wrong("Unknown conversion specifier '", text.substr(1, 1), "'");
      HEARTH_TRY(std::string converted,
                 text[1] == 's' ? runtime_.str(value) : runtime_.repr(value));
      value = runtime_.string(std::move(converted));
      text = text.substr(2);
    }
    if (!text.empty()) text.remove_prefix(1);
    HEARTH_TRY(const std::string spec, run(text, depth + 1));
    return format_value(runtime_, value, spec);
  }

  // "name", "0", "" (the next one), with ".attribute" and "[item]" behind it.
  Result<Value> named(std::string_view name) {
    const size_t end = std::min(name.find_first_of(".["), name.size());
    HEARTH_TRY(Value value, argument(name.substr(0, end)));
    name = name.substr(end);
    while (!name.empty()) {
      const bool attribute = name[0] == '.';
      const size_t past =
          attribute ? std::min(name.find_first_of(".[", 1), name.size()) : name.find(']');
      if (past == name.npos) return wrong("Missing ']' in format string");
      const std::string_view part = name.substr(1, past - 1);
      if (part.empty()) return wrong("Empty attribute in format string");
      if (attribute) {
        HEARTH_TRY(value, runtime_.attribute(value, part));
      } else {
        const auto index = parse_index(part);
        HEARTH_TRY(value, runtime_.item(value, index ? Value::integer(*index)
                                                     : runtime_.string(std::string(part))));
      }
      name = name.substr(past + (attribute ? 0 : 1));
      if (!name.empty() && name[0] != '.' && name[0] != '[')
        return wrong("Only '.' or '[' may follow ']' in format field specifier");
    }
    return value;
  }

  static std::optional<int64_t> parse_index(std::string_view text) {
    if (text.empty() || text.find_first_not_of("0123456789") != text.npos || text.size() > 18)
      return std::nullopt;
    return parse_whole(text, 10)->value;
  }

  Result<Value> argument(std::string_view name) {
    std::optional<int64_t> index = parse_index(name);
    if (name.empty() || index) {
      const Numbering numbering = name.empty() ? Numbering::automatic : Numbering::manual;
      if (numbering_ != Numbering::open && numbering_ != numbering)
        return wrong("cannot mix automatic and manual field numbering");
      numbering_ = numbering;
      if (!index) index = next_++;
      if (*index >= static_cast<int64_t>(args_.values.size()))
        return wrong("Replacement index ", *index, " out of range for positional args tuple");
      return args_.values[static_cast<size_t>(*index)];
    }
    for (const auto& [other, value] : args_.named)
      if (other == name) return value;
    return wrong("the format names '", name, "', which is not given");
  }

  enum class Numbering { open, automatic, manual };

  Runtime& runtime_;
  const Args& args_;
  Numbering numbering_ = Numbering::open;
  int64_t next_ = 0;
};

}  // namespace

Result<Value> brace_format(Runtime& runtime, std::string_view format, const Args& args) {
  HEARTH_TRY(std::string text, Brace(runtime, args).run(format, 0));
  return runtime.string(std::move(text));
}

}  // namespace hearth::text::jinja
