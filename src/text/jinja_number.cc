#include "text/jinja_number.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "text/jinja_string.h"

namespace hearth::text::jinja {

std::string c_format(char type, int precision, double value, bool alternate) {
  const char format[] = {'%', '#', '.', '*', type, '\0'};
  const char plain[] = {'%', '.', '*', type, '\0'};
  const char* chosen = alternate ? format : plain;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const int size = std::snprintf(nullptr, 0, chosen, precision, value);
  std::string out(static_cast<size_t>(std::max(size, 0)) + 1, '\0');
  std::snprintf(out.data(), out.size(), chosen, precision, value);
#pragma GCC diagnostic pop
  out.pop_back();
  return out;
}

std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // The fewest digits that read back as the same number.
  std::string digits;
  for (int precision = 0; precision < 17; ++precision) {
    digits = c_format('e', precision, value);
    if (std::strtod(digits.c_str(), nullptr) == value) break;
  }
  const bool negative = digits[0] == '-';
  const size_t mark = digits.find('e');
  const int exponent = std::atoi(digits.c_str() + mark + 1);
  std::string mantissa = digits.substr(negative ? 1 : 0, mark - (negative ? 1 : 0));
  mantissa.erase(std::remove(mantissa.begin(), mantissa.end(), '.'), mantissa.end());
  std::string out = negative ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    out += mantissa[0];
    if (mantissa.size() > 1) out += cat(".", mantissa.substr(1));
    const int size = std::abs(exponent);
    return out + cat(exponent < 0 ? "e-" : "e+", size < 10 ? "0" : "", size);
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + mantissa;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (mantissa.size() <= whole)
    return out + mantissa + std::string(whole - mantissa.size(), '0') + ".0";
  return out + mantissa.substr(0, whole) + "." + mantissa.substr(whole);
}

namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

// The base that "0x", "0o", "0b" in front of digits stand for; 0 for none of them.
int base_of_prefix(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return 0;
  switch (text[1]) {
    case 'x':
    case 'X':
      return 16;
    case 'o':
    case 'O':
      return 8;
    case 'b':
    case 'B':
      return 2;
    default:
      return 0;
  }
}

// Takes out each "_" that stands between two digits; nullopt for any other.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    const bool between =
        i > 0 && i + 1 < text.size() && digit_of(text[i - 1]) < 36 && digit_of(text[i + 1]) < 36;
    if (!between) return std::nullopt;
  }
  return out;
}

}  // namespace

std::optional<WholeNumber> parse_whole(std::string_view text, int base) {
  text = strip(text, std::nullopt, Side::both);
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const int prefix = base_of_prefix(text);
  if (prefix != 0 && (base == 0 || base == prefix)) {
    text.remove_prefix(2);
    base = prefix;
    if (!text.empty() && text[0] == '_') text.remove_prefix(1);
  }
  const auto plain = without_underscores(text);
  if (!plain || plain->empty()) return std::nullopt;
  if (base == 0) {
    base = 10;
    if ((*plain)[0] == '0' && plain->find_first_not_of('0') != std::string::npos)
      return std::nullopt;
  }
  uint64_t value = 0;
  bool large = false;
  for (const char c : *plain) {
    const int digit = digit_of(c);
    if (digit >= base) return std::nullopt;
    large =
        large || value > (UINT64_MAX - static_cast<uint64_t>(digit)) / static_cast<uint64_t>(base);
    value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit);
  }
  const uint64_t most = uint64_t{INT64_MAX} + (negative ? 1 : 0);
  if (!large && value <= most)
    return WholeNumber{static_cast<int64_t>(negative ? 0 - value : value), ""};
  if (base != 10) return std::nullopt;
  const size_t first = std::min(plain->find_first_not_of('0'), plain->size() - 1);
  return WholeNumber{0, (negative ? "-" : "") + plain->substr(first)};
}

std::optional<double> parse_real(std::string_view text) {
  const auto plain = without_underscores(strip(text, std::nullopt, Side::both));
  if (!plain || plain->empty()) return std::nullopt;
  const size_t sign = (*plain)[0] == '+' || (*plain)[0] == '-' ? 1 : 0;
  std::string word = plain->substr(sign);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const bool named = word == "inf" || word == "infinity" || word == "nan";
  // strtod alone would also take hexadecimal digits.
  if (!named && word.find_first_not_of("0123456789.e+-") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(plain->c_str(), &end);
  if (end != plain->c_str() + plain->size()) return std::nullopt;
  return value;
}

Value whole_value(Runtime& runtime, WholeNumber number) {
  if (number.digits.empty()) return Value::integer(number.value);
  return Value::object(Kind::big,
                       std::make_unique<Text>(runtime.ledger(), std::move(number.digits)));
}

namespace {

constexpr double kTwo63 = 9223372036854775808.0;

tl::unexpected<Error> too_big() {
  return fail(ErrorCode::too_large, "a whole number beyond 64 bits");
}

Result<Value> whole_quotient(int64_t a, int64_t b, bool remainder) {
  if (b == 0) return wrong("integer division or modulo by zero");
  if (b == -1) {
    if (remainder) return Value::integer(0);
    if (a == INT64_MIN) return too_big();
    return Value::integer(-a);
  }
  int64_t quotient = a / b;
  int64_t rest = a % b;
  if (rest != 0 && (rest < 0) != (b < 0)) {
    --quotient;
    rest += b;
  }
  return Value::integer(remainder ? rest : quotient);
}

Result<Value> real_quotient(double a, double b, bool remainder) {
  if (b == 0) return wrong(remainder ? "float modulo" : "float floor division by zero");
  // As CPython computes both, so that they fit together.
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) {
      rest += b;
      quotient -= 1;
    }
  } else {
    rest = std::copysign(0.0, b);
  }
  if (remainder) return Value::real(rest);
  if (quotient == 0) return Value::real(std::copysign(0.0, a / b));
  double floor = std::floor(quotient);
  if (quotient - floor > 0.5) floor += 1;
  return Value::real(floor);
}

Result<Value> compute_whole(char op, int64_t a, int64_t b) {
  int64_t out = 0;
  bool over = false;
  switch (op) {
    case '+':
      over = __builtin_add_overflow(a, b, &out);
      break;
    case '-':
      over = __builtin_sub_overflow(a, b, &out);
      break;
    case '*':
      over = __builtin_mul_overflow(a, b, &out);
      break;
    case '/':
      if (b == 0) return wrong("division by zero");
      return Value::real(static_cast<double>(a) / static_cast<double>(b));
    default:
      return whole_quotient(a, b, op == '%');
  }
  if (over) return too_big();
  return Value::integer(out);
}

}  // namespace

Result<Value> truncated(double value) {
  if (std::isnan(value)) return wrong("cannot convert float NaN to integer");
  if (std::isinf(value)) return wrong("cannot convert float infinity to integer");
  const double whole = std::trunc(value);
  if (whole >= kTwo63 || whole < -kTwo63) return too_big();
  return Value::integer(static_cast<int64_t>(whole));
}

Result<Value> compute(char op, const Value& a, const Value& b) {
  if (a.is_whole() && b.is_whole()) return compute_whole(op, a.as_integer(), b.as_integer());
  const double x = a.as_real();
  const double y = b.as_real();
  switch (op) {
    case '+':
      return Value::real(x + y);
    case '-':
      return Value::real(x - y);
    case '*':
      return Value::real(x * y);
    case '/':
      if (y == 0) return wrong("float division by zero");
      return Value::real(x / y);
    default:
      return real_quotient(x, y, op == '%');
  }
}

Result<Value> power(const Value& a, const Value& b) {
  if (!a.is_whole() || !b.is_whole() || b.as_integer() < 0) {
    const double x = a.as_real();
    const double y = b.as_real();
    if (x == 0 && y < 0) return wrong("0.0 cannot be raised to a negative power");
    const double out = std::pow(x, y);
    if (std::isnan(out) && !std::isnan(x) && !std::isnan(y))
      return wrong("a complex number: a negative number to a broken power");
    if (std::isinf(out) && std::isfinite(x) && std::isfinite(y))
      return wrong("the result of ** is out of range");
    return Value::real(out);
  }
  int64_t result = 1;
  int64_t base = a.as_integer();
  int64_t left = b.as_integer();
  if (base == 0 || base == 1) return Value::integer(left == 0 ? 1 : base);
  if (base == -1) return Value::integer(left % 2 == 0 ? 1 : -1);
  if (left > 63) return too_big();
  for (; left > 0; --left)
    if (__builtin_mul_overflow(result, base, &result)) return too_big();
  return Value::integer(result);
}

Result<Value> rounded(const Value& value, int64_t digits) {
  if (value.is_whole()) {
    if (digits >= 0) return Value::integer(value.as_integer());
    if (digits < -18) return Value::integer(0);
    int64_t unit = 1;
    for (int64_t i = 0; i > digits; --i) unit *= 10;
    // Half to even.
    const int64_t x = value.as_integer();
    HEARTH_TRY(const Value low, whole_quotient(x, unit, false));
    HEARTH_TRY(const Value rest, whole_quotient(x, unit, true));
    const int64_t twice = 2 * (rest.as_integer() - unit / 2);
    const bool up = twice > 0 || (twice == 0 && low.as_integer() % 2 != 0);
    return compute_whole('*', low.as_integer() + (up ? 1 : 0), unit);
  }
  const double x = value.as_real();
  if (!std::isfinite(x) || digits > 323) return Value::real(x);
  if (digits < -308) return Value::real(std::copysign(0.0, x));
  if (digits >= 0) {
    return Value::real(std::strtod(c_format('f', static_cast<int>(digits), x).c_str(), nullptr));
  }
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return Value::real(std::nearbyint(x / unit) * unit);
}

}  // namespace hearth::text::jinja
