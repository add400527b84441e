#include "grammar/regex.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/utf8.h"

namespace hearth::grammar {
namespace {

constexpr size_t kMaxDepth = 100;
constexpr uint32_t kMaxCount = 100'000;

using Ranges = std::vector<CharRange>;

const Ranges kDigits = {{'0', '9'}};
const Ranges kWords = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kSpaces = {{9, 13},          {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                        {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                        {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const Ranges kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class RegexParser {
 public:
  explicit RegexParser(std::string_view pattern) : pattern_(pattern) {}

  Result<Expression> run() {
    if (pattern_.size() > kMaxRegexBytes)
      return fail(ErrorCode::too_large, "a pattern of more than ", kMaxRegexBytes, " bytes");
    HEARTH_TRY(Expression all, parse_choice(0));
    if (at_ < pattern_.size()) return wrong("')' is too much");
    return all;
  }

 private:
  [[nodiscard]] bool sees(char c) const { return at_ < pattern_.size() && pattern_[at_] == c; }
  bool take(std::string_view text) {
    if (pattern_.substr(at_, text.size()) != text) return false;
    at_ += text.size();
    return true;
  }
  template <class... Pieces>
  [[nodiscard]] tl::unexpected<Error> wrong(const Pieces&... pieces) const {
    return fail(ErrorCode::bad_usage, "pattern '", printable(pattern_, 100), "', byte ", at_ + 1,
                ": ", pieces...);
  }

  static Expression anything() { return repeated(chars_but({}), 0, kUnbounded); }

  // Outside of groups each alternative has anchors of its own.
  Result<Expression> parse_choice(size_t depth) {
    if (depth > kMaxDepth) return wrong("more than ", kMaxDepth, " groups within each other");
    std::vector<Expression> choices;
    do {
      const bool at_start = depth > 0 || take("^");
      HEARTH_TRY(Expression sequence, parse_sequence(depth));
      const bool at_end = depth > 0 || take("$");
      std::vector<Expression> parts;
      if (!at_start) parts.push_back(anything());
      parts.push_back(std::move(sequence));
      if (!at_end) parts.push_back(anything());
      choices.push_back(sequence_of(std::move(parts)));
    } while (take("|"));
    return choice_of(std::move(choices));
  }

  Result<Expression> parse_sequence(size_t depth) {
    std::vector<Expression> parts;
    while (at_ < pattern_.size() && !sees('|') && !sees(')')) {
      if (sees('$') && depth == 0) break;
      if (sees('^') || sees('$')) return wrong("'^' and '$' stand at the ends only");
      HEARTH_TRY(Expression atom, parse_atom(depth));
      HEARTH_TRY(Expression part, parse_quantifier(std::move(atom)));
      parts.push_back(std::move(part));
    }
    return sequence_of(std::move(parts));
  }

  Result<Expression> parse_atom(size_t depth) {
    if (take("(")) {
      if (take("?") && !take(":")) return wrong("'(?' other than '(?:' is not supported");
      HEARTH_TRY(Expression group, parse_choice(depth + 1));
      if (!take(")")) return wrong("a group is not closed");
      return group;
    }
    if (take("[")) return parse_class();
    if (take(".")) return chars_but(kLineEnds);
    if (sees('*') || sees('+') || sees('?')) return wrong("nothing to repeat");
    HEARTH_TRY(Ranges chars, parse_char(false));
    return chars_of(std::move(chars));
  }

  Result<Expression> parse_quantifier(Expression atom) {
    Expression part = std::move(atom);
    if (take("*")) {
      part = repeated(std::move(part), 0, kUnbounded);
    } else if (take("+")) {
      part = repeated(std::move(part), 1, kUnbounded);
    } else if (take("?")) {
      part = repeated(std::move(part), 0, 1);
    } else if (take("{")) {
      HEARTH_TRY(const uint32_t least, parse_count());
      uint32_t most = least;
      if (take(",")) {
        most = kUnbounded;
        if (!sees('}')) {
          HEARTH_TRY(most, parse_count());
        }
      }
      if (!take("}") || most < least) return wrong("what stands between '{' and '}' is no count");
      part = repeated(std::move(part), least, most);
    } else {
      return part;
    }
    (void)take("?");  // lazy or not: the same texts
    if (sees('*') || sees('+') || sees('?') || sees('{')) return wrong("nothing to repeat");
    return part;
  }

  Result<uint32_t> parse_count() {
    uint64_t count = 0;
    const size_t first = at_;
    for (; at_ < pattern_.size() && pattern_[at_] >= '0' && pattern_[at_] <= '9'; ++at_)
      count = std::min<uint64_t>(10 * count + static_cast<uint64_t>(pattern_[at_] - '0'),
                                 kMaxCount + 1);
    if (at_ == first || count > kMaxCount)
      return wrong("a count from 0 to ", kMaxCount, " is missing");
    return static_cast<uint32_t>(count);
  }

  // A character or, behind a backslash, a set of them.
  Result<Ranges> parse_char(bool in_class) {
    if (at_ >= pattern_.size()) return wrong("the pattern ends too early");
    if (!take("\\")) {
      const Utf8Char c = decode_utf8(pattern_, at_);
      if (!c.valid) return wrong("what stands here is not UTF-8");
      at_ += c.length;
      return Ranges{{c.code, c.code}};
    }
    if (at_ >= pattern_.size()) return wrong("the pattern ends behind a backslash");
    const char kind = pattern_[at_++];
    const auto others = [](const Ranges& ranges) { return chars_but(ranges).ranges; };
    switch (kind) {
      case 'd':
        return kDigits;
      case 'D':
        return others(kDigits);
      case 'w':
        return kWords;
      case 'W':
        return others(kWords);
      case 's':
        return kSpaces;
      case 'S':
        return others(kSpaces);
      case 'n':
        return Ranges{{'\n', '\n'}};
      case 'r':
        return Ranges{{'\r', '\r'}};
      case 't':
        return Ranges{{'\t', '\t'}};
      case 'v':
        return Ranges{{'\v', '\v'}};
      case 'f':
        return Ranges{{'\f', '\f'}};
      case '0':
        return Ranges{{0, 0}};
      case 'x':
        return parse_hex(2);
      case 'u':
        return parse_hex(4);
      default:
        break;
    }
    if (kind == 'b' && in_class) return Ranges{{'\b', '\b'}};
    const bool is_word = std::any_of(kWords.begin(), kWords.end(), [&](const CharRange& range) {
      return static_cast<unsigned char>(kind) >= range.first &&
             static_cast<unsigned char>(kind) <= range.last;
    });
    if (is_word || static_cast<unsigned char>(kind) >= 128)
      return wrong("'\\", printable(std::string_view(&kind, 1)), "' is not supported");
    return Ranges{{static_cast<char32_t>(kind), static_cast<char32_t>(kind)}};
  }

  Result<Ranges> parse_hex(size_t digits) {
    char32_t code = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const char c = at_ < pattern_.size() ? pattern_[at_] : '\0';
      const char lower = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9')
        code = code * 16 + static_cast<char32_t>(c - '0');
      else if (lower >= 'a' && lower <= 'f')
        code = code * 16 + static_cast<char32_t>(lower - 'a' + 10);
      else
        return wrong(digits, " hexadecimal digits are missing");
    }
    if (code >= 0xD800 && code <= 0xDFFF) return wrong("half a surrogate pair is not supported");
    return Ranges{{code, code}};
  }

  Result<Expression> parse_class() {
    const bool others = take("^");
    Ranges all;
    while (!take("]")) {
      HEARTH_TRY(Ranges chars, parse_char(true));
      const bool single = chars.size() == 1 && chars[0].first == chars[0].last;
      if (sees('-') && pattern_.substr(at_, 2) != "-]") {
        ++at_;
        HEARTH_TRY(const Ranges last, parse_char(true));
        if (!single || last.size() != 1 || last[0].first != last[0].last)
          return wrong("a range of characters begins and ends with one character");
        if (last[0].last < chars[0].first) return wrong("a range that ends before it begins");
        chars[0].last = last[0].last;
      }
      all.insert(all.end(), chars.begin(), chars.end());
    }
    return others ? chars_but(std::move(all)) : chars_of(std::move(all));
  }

  std::string_view pattern_;
  size_t at_ = 0;
};

}  // namespace

Result<Expression> parse_regex(std::string_view pattern) { return RegexParser(pattern).run(); }

}  // namespace hearth::grammar
