#include "grammar/json_parts.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/utf8.h"

namespace hearth::grammar {
namespace {

constexpr uint32_t kMostDigits = 18;  // of a whole number: what 64 bits hold
constexpr uint32_t kMostFraction = 16;

Expression digits(uint32_t least, uint32_t most) {
  return repeated(chars_of({{'0', '9'}}), least, most);
}

Expression optional(Expression part) { return repeated(std::move(part), 0, 1); }

Expression digit_from(char first, char last) {
  return chars_of({{static_cast<char32_t>(first), static_cast<char32_t>(last)}});
}

// How JSON spells a character that may not stand for itself.
std::string escape(char32_t c) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    default:
      return {'\\', 'u', '0', '0', kHex[c >> 4 & 15], kHex[c & 15]};
  }
}

bool needs_escape(char32_t c) { return c < 0x20 || c == '"' || c == '\\' || c == 0x7F; }

// Of chars: those that stand for themselves, or the escape of one.
Expression escaped_chars(const std::vector<CharRange>& ranges) {
  std::vector<CharRange> plain;
  std::vector<Expression> choices;
  for (const CharRange& range : ranges) {
    char32_t first = range.first;
    for (char32_t c = range.first; c <= std::min<char32_t>(range.last, 0x7F); ++c) {
      if (!needs_escape(c)) continue;
      if (c > first) plain.push_back({first, c - 1});
      first = c + 1;
      choices.push_back(text_of(escape(c)));
    }
    if (first <= range.last) plain.push_back({first, range.last});
  }
  if (!plain.empty()) choices.push_back(chars_of(std::move(plain)));
  return choice_of(std::move(choices));
}

// Numbers without sign that have as many digits as `low` and `high` have, from one to the other.
Expression between(const std::string& low, const std::string& high) {
  const auto length = static_cast<uint32_t>(low.size());
  if (low == std::string(length, '0') && high == std::string(length, '9'))
    return digits(length, length);
  const uint32_t rest = length - 1;
  if (low.front() == high.front()) {
    return sequence_of({text_of(low.substr(0, 1)), between(low.substr(1), high.substr(1))});
  }
  std::vector<Expression> choices;
  choices.push_back(
      sequence_of({text_of(low.substr(0, 1)), between(low.substr(1), std::string(rest, '9'))}));
  if (high.front() - low.front() > 1) {
    choices.push_back(sequence_of(
        {digit_from(static_cast<char>(low.front() + 1), static_cast<char>(high.front() - 1)),
         digits(rest, rest)}));
  }
  choices.push_back(
      sequence_of({text_of(high.substr(0, 1)), between(std::string(rest, '0'), high.substr(1))}));
  return choice_of(std::move(choices));
}

// 0 <= low <= high.
Expression magnitudes(uint64_t low, uint64_t high) {
  const std::string last = std::to_string(high);
  std::vector<Expression> choices;
  for (std::string first = std::to_string(low);; first = "1" + std::string(first.size(), '0')) {
    const bool same_length = first.size() == last.size();
    choices.push_back(between(first, same_length ? last : std::string(first.size(), '9')));
    if (same_length) return choice_of(std::move(choices));
  }
}

}  // namespace

Expression json_space() {
  return choice_of(
      {text_of(""), text_of(" "),
       sequence_of({text_of("\n"), repeated(chars_of({{' ', ' '}, {'\t', '\t'}}), 0, 20)})});
}

Expression json_escaped(const Expression& text) {
  Expression e = text;
  if (e.kind == Expression::Kind::chars) return escaped_chars(e.ranges);
  if (e.kind == Expression::Kind::text) {
    std::string spelled;
    for (const char c : e.text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 128 && needs_escape(byte))
        spelled += escape(byte);
      else
        spelled += c;
    }
    return text_of(std::move(spelled));
  }
  for (Expression& part : e.parts) part = json_escaped(part);
  return e;
}

Expression json_any_char() {
  const Expression hex = chars_of({{'0', '9'}, {'a', 'f'}, {'A', 'F'}});
  const Expression unit = choice_of(
      {sequence_of({chars_of({{'0', '9'}, {'a', 'c'}, {'A', 'C'}, {'e', 'f'}, {'E', 'F'}}),
                    repeated(hex, 3, 3)}),
       sequence_of(
           {chars_of({{'d', 'd'}, {'D', 'D'}}), chars_of({{'0', '7'}}), repeated(hex, 2, 2)})});
  const Expression escapes = choice_of({chars_of({{'"', '"'},
                                                  {'\\', '\\'},
                                                  {'/', '/'},
                                                  {'b', 'b'},
                                                  {'f', 'f'},
                                                  {'n', 'n'},
                                                  {'r', 'r'},
                                                  {'t', 't'}}),
                                        sequence_of({text_of("u"), unit})});
  return choice_of({chars_but({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}, {0x7F, 0x7F}}),
                    sequence_of({text_of("\\"), escapes})});
}

namespace {

// What may follow `at` characters that all of `keys` (ascending) begin with.
Expression other_rest(std::vector<std::u32string> keys, size_t at) {
  const Expression any =
      repeated(chars_but({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}, {0x7F, 0x7F}}), 0, kUnbounded);
  std::map<char32_t, std::vector<std::u32string>> next;
  bool is_key = false;
  for (std::u32string& key : keys) {
    is_key = is_key || key.size() == at;
    if (key.size() > at) next[key[at]].push_back(std::move(key));
  }
  std::vector<CharRange> not_others{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}, {0x7F, 0x7F}};
  std::vector<Expression> choices;
  if (!is_key) choices.push_back(text_of(""));
  for (auto& [c, of_next] : next) {
    not_others.push_back({c, c});
    if (!needs_escape(c)) {
      choices.push_back(sequence_of({chars_of({{c, c}}), other_rest(std::move(of_next), at + 1)}));
    }
  }
  choices.push_back(sequence_of({chars_but(std::move(not_others)), any}));
  return choice_of(std::move(choices));
}

}  // namespace

Expression json_other_key(const std::vector<std::string>& keys) {
  std::vector<std::u32string> characters;
  for (const std::string& key : keys) {
    std::u32string& spelled = characters.emplace_back();
    for (size_t at = 0; at < key.size();) {
      const Utf8Char c = decode_utf8(key, at);
      spelled += c.code;
      at += c.length;
    }
  }
  return sequence_of({text_of("\""), other_rest(std::move(characters), 0), text_of("\"")});
}

Expression json_integer(std::optional<int64_t> least, std::optional<int64_t> most) {
  constexpr int64_t kLargest = 999'999'999'999'999'999;
  const int64_t low = std::clamp(least.value_or(-kLargest), -kLargest, kLargest);
  const int64_t high = std::clamp(most.value_or(kLargest), -kLargest, kLargest);
  std::vector<Expression> choices;
  if (!least && !most) {
    return sequence_of({optional(text_of("-")),
                        choice_of({text_of("0"), sequence_of({digit_from('1', '9'),
                                                              digits(0, kMostDigits - 1)})})});
  }
  if (high >= 0 && low <= high) {
    choices.push_back(
        magnitudes(static_cast<uint64_t>(std::max<int64_t>(low, 0)), static_cast<uint64_t>(high)));
  }
  if (low < 0 && low <= high) {
    choices.push_back(
        sequence_of({text_of("-"), magnitudes(static_cast<uint64_t>(-std::min<int64_t>(high, -1)),
                                              static_cast<uint64_t>(-low))}));
  }
  return choice_of(std::move(choices));
}

Expression json_number(bool may_be_negative) {
  std::vector<Expression> parts;
  if (may_be_negative) parts.push_back(optional(text_of("-")));
  parts.push_back(
      choice_of({text_of("0"), sequence_of({digit_from('1', '9'), digits(0, kMostDigits - 1)})}));
  parts.push_back(optional(sequence_of({text_of("."), digits(1, kMostFraction)})));
  parts.push_back(
      optional(sequence_of({chars_of({{'e', 'e'}, {'E', 'E'}}),
                            optional(chars_of({{'+', '+'}, {'-', '-'}})), digits(1, 2)})));
  return sequence_of(std::move(parts));
}

}  // namespace hearth::grammar
