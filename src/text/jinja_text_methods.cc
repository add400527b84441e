// The methods of Python's str.
#include <algorithm>

#include "text/jinja_globals.h"
#include "text/jinja_string.h"
#include "text/unicode.h"
#include "text/unicode_case.h"

namespace hearth::text::jinja {
namespace {

Result<Value> text_value(Runtime& runtime, std::string_view text) {
  return runtime.string(std::string(text));
}

using Convert = std::string (*)(std::string_view);
template <Convert convert>
Result<Value> converted(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("this method", args, {}));
  HEARTH_CHECK(runtime.step(self.text().size() >> 3));
  return runtime.string(convert(self.text()));
}

template <Side side>
Result<Value> stripped(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("strip", args, {{"chars"}}));
  std::optional<std::string_view> chars;
  if (bound.given(0) && !bound[0].is(Kind::none)) {
    HEARTH_TRY(chars, bound.text(0));
  }
  // Each character at an end is looked for among `chars`.
  const size_t each = 1 + (chars ? chars->size() : 0);
  HEARTH_CHECK(runtime.step((self.text().size() / 64 + 1) * (1 + each / 64)));
  return text_value(runtime, strip(self.text(), chars, side));
}

// ---- properties ----

// Whether all characters have one of the flags and there is at least one.
template <class Has>
Value every(std::string_view text, const Has& has) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (!has(c.code)) return Value::boolean(false);
    at += c.length;
  }
  return Value::boolean(!text.empty());
}

template <uint8_t flags>
Result<Value> has_flags(Runtime& runtime, const Value& self, Args&) {
  HEARTH_CHECK(runtime.step(self.text().size() >> 5));
  return every(self.text(), [](char32_t code) { return (case_flags(code) & flags) != 0; });
}

bool is_letter(char32_t code) { return (CharTable::get()[code] & kLetter) != 0; }

Result<Value> is_alpha(Runtime& runtime, const Value& self, Args&) {
  HEARTH_CHECK(runtime.step(self.text().size() >> 5));
  return every(self.text(), is_letter);
}

Result<Value> is_alnum(Runtime& runtime, const Value& self, Args&) {
  HEARTH_CHECK(runtime.step(self.text().size() >> 5));
  return every(self.text(), [](char32_t code) {
    return is_letter(code) ||
           (case_flags(code) & (kDecimalValue | kDigitValue | kNumericValue)) != 0;
  });
}

Result<Value> is_space(Runtime& runtime, const Value& self, Args&) {
  HEARTH_CHECK(runtime.step(self.text().size() >> 5));
  return every(self.text(), is_blank);
}

Result<Value> is_ascii(Runtime&, const Value& self, Args&) {
  const std::string_view text = self.text();
  return Value::boolean(std::all_of(text.begin(), text.end(),
                                    [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
}

// No character of the other case, and one at least of this.
template <uint8_t wanted, uint8_t unwanted>
Result<Value> is_case(Runtime& runtime, const Value& self, Args&) {
  const std::string_view text = self.text();
  HEARTH_CHECK(runtime.step(text.size() >> 5));
  bool found = false;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const uint8_t flags = case_flags(c.code);
    if ((flags & unwanted) != 0) return Value::boolean(false);
    // kCaseTitle stands with upper-case letters too.
    const bool title = (flags & (kCaseTitle | kCaseUpper)) == kCaseTitle;
    if (title) return Value::boolean(false);
    found = found || (flags & wanted) != 0;
    at += c.length;
  }
  return Value::boolean(found);
}

Result<Value> is_title(Runtime& runtime, const Value& self, Args&) {
  const std::string_view text = self.text();
  HEARTH_CHECK(runtime.step(text.size() >> 5));
  bool found = false;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const uint8_t flags = case_flags(c.code);
    const bool big = (flags & (kCaseUpper | kCaseTitle)) != 0;
    const bool small = (flags & kCaseLower) != 0;
    if ((big && inside) || (small && !inside)) return Value::boolean(false);
    inside = big || small;
    found = found || inside;
    at += c.length;
  }
  return Value::boolean(found);
}

// ---- searching ----

// The part of a text between two positions in code points, as find(sub, start, end) takes them.
struct Window {
  std::string_view text;
  int64_t begin = 0;  // in code points; -1 when it lies beyond the text
};

Result<Window> window(const Value& self, const Bound& bound) {
  const std::string_view text = self.text();
  if (!bound.given(1) && !bound.given(2)) return Window{text, 0};
  const auto size = static_cast<int64_t>(code_points(text));
  const auto limit = [&](size_t i, int64_t fallback) -> Result<int64_t> {
    if (bound.given(i) && bound[i].is(Kind::none)) return fallback;
    HEARTH_TRY(const int64_t at, bound.integer_or(i, fallback));
    return at < 0 ? std::max<int64_t>(at + size, 0) : at;
  };
  HEARTH_TRY(const int64_t begin, limit(1, 0));
  HEARTH_TRY(int64_t end, limit(2, size));
  end = std::min(end, size);
  if (begin > end) return Window{{}, -1};
  const size_t from = byte_of(text, static_cast<size_t>(begin));
  const size_t length = byte_of(text.substr(from), static_cast<size_t>(end - begin));
  return Window{text.substr(from, length), begin};
}

enum class Search { find, find_last, index, index_last };
template <Search how>
Result<Value> searched(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("find", args, {{"sub", true}, {"start"}, {"end"}}));
  HEARTH_TRY(const std::string_view sub, bound.text(0));
  HEARTH_CHECK(runtime.step(self.text().size() >> 5));
  HEARTH_TRY(const Window part, window(self, bound));
  const bool last = how == Search::find_last || how == Search::index_last;
  const size_t found = part.begin < 0 ? std::string_view::npos
                       : last         ? part.text.rfind(sub)
                                      : part.text.find(sub);
  if (found != std::string_view::npos) {
    return Value::integer(part.begin +
                          static_cast<int64_t>(code_points(part.text.substr(0, found))));
  }
  if (how == Search::index || how == Search::index_last) return wrong("substring not found");
  return Value::integer(-1);
}

Result<Value> count(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("count", args, {{"sub", true}, {"start"}, {"end"}}));
  HEARTH_TRY(const std::string_view sub, bound.text(0));
  HEARTH_CHECK(runtime.step(self.text().size() >> 5));
  HEARTH_TRY(const Window part, window(self, bound));
  if (part.begin < 0) return Value::integer(0);
  return Value::integer(static_cast<int64_t>(count_of(part.text, sub, SIZE_MAX)));
}

template <bool at_end>
Result<Value> begins_or_ends(Runtime&, const Value& self, Args& args) {
  const std::string_view name = at_end ? "endswith" : "startswith";
  HEARTH_TRY(const Bound bound, Bound::bind(name, args, {{"affix", true}, {"start"}, {"end"}}));
  HEARTH_TRY(const Window part, window(self, bound));
  const auto matches = [&](std::string_view affix) {
    return part.begin >= 0 &&
           (at_end ? ends_with(part.text, affix) : starts_with(part.text, affix));
  };
  if (!bound[0].is(Kind::tuple)) {
    HEARTH_TRY(const std::string_view affix, bound.text(0));
    return Value::boolean(matches(affix));
  }
  for (const Value& affix : bound[0].items()) {
    if (!affix.is(Kind::string)) return wrong(name, "() needs texts, not ", type_name(affix));
    if (matches(affix.text())) return Value::boolean(true);
  }
  return Value::boolean(false);
}

template <bool at_end>
Result<Value> remove_affix(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("removeprefix", args, {{"affix", true}}));
  HEARTH_TRY(const std::string_view affix, bound.text(0));
  std::string_view text = self.text();
  if (at_end ? ends_with(text, affix) : starts_with(text, affix))
    text = at_end ? text.substr(0, text.size() - affix.size()) : text.substr(affix.size());
  return text_value(runtime, text);
}

// ---- cutting and joining ----

Result<Value> list_of(Runtime& runtime, const std::vector<std::string_view>& pieces) {
  std::vector<Value> items;
  items.reserve(pieces.size());
  for (const std::string_view piece : pieces) {
    HEARTH_CHECK(runtime.step());
    items.push_back(runtime.string(std::string(piece)));
  }
  return runtime.list(std::move(items));
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator,
                                       size_t most) {
  std::vector<std::string_view> pieces;
  while (pieces.size() < most) {
    const size_t at = text.find(separator);
    if (at == text.npos) break;
    pieces.push_back(text.substr(0, at));
    text = text.substr(at + separator.size());
  }
  pieces.push_back(text);
  return pieces;
}

std::vector<std::string_view> split_at_right(std::string_view text, std::string_view separator,
                                             size_t most) {
  std::vector<std::string_view> pieces;
  while (pieces.size() < most) {
    const size_t at = text.rfind(separator);
    if (at == text.npos) break;
    pieces.push_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
  }
  pieces.push_back(text);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

template <bool from_right>
Result<Value> split(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("split", args, {{"sep"}, {"maxsplit"}}));
  HEARTH_TRY(const int64_t given, bound.integer_or(1, -1));
  const size_t most = given < 0 ? SIZE_MAX : static_cast<size_t>(given);
  const std::string_view text = self.text();
  HEARTH_CHECK(runtime.step(text.size() >> 4));
  HEARTH_CHECK(runtime.room(text.size()));
  if (!bound.given(0) || bound[0].is(Kind::none))
    return list_of(runtime, from_right ? split_blanks_right(text, most) : split_blanks(text, most));
  HEARTH_TRY(const std::string_view separator, bound.text(0));
  if (separator.empty()) return wrong("empty separator");
  return list_of(runtime, from_right ? split_at_right(text, separator, most)
                                     : split_at(text, separator, most));
}

Result<Value> lines(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("splitlines", args, {{"keepends"}}));
  HEARTH_CHECK(runtime.step(self.text().size() >> 4));
  return list_of(runtime, split_lines(self.text(), bound.truth_or(0, false)));
}

template <bool from_right>
Result<Value> partition(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("partition", args, {{"sep", true}}));
  HEARTH_TRY(const std::string_view separator, bound.text(0));
  if (separator.empty()) return wrong("empty separator");
  const std::string_view text = self.text();
  HEARTH_CHECK(runtime.step(text.size() >> 5));
  const size_t at = from_right ? text.rfind(separator) : text.find(separator);
  std::vector<std::string_view> parts = {text, "", ""};
  if (at == text.npos && from_right) parts = {"", "", text};
  if (at != text.npos) parts = {text.substr(0, at), separator, text.substr(at + separator.size())};
  HEARTH_TRY(const Value list, list_of(runtime, parts));
  return runtime.tuple(list.items());
}

Result<Value> join(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("join", args, {{"iterable", true}}));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(bound[0]));
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is(Kind::string)) {
      return wrong("sequence item ", i, ": expected str instance, ", type_name(items[i]), " found");
    }
    if (i > 0) out += self.text();
    HEARTH_CHECK(runtime.room(out.size() + items[i].text().size()));
    out += items[i].text();
  }
  return runtime.string(std::move(out));
}

Result<Value> replace(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound,
             Bound::bind("replace", args, {{"old", true}, {"new", true}, {"count"}}));
  HEARTH_TRY(const std::string_view old, bound.text(0));
  HEARTH_TRY(const std::string_view by, bound.text(1));
  HEARTH_TRY(const int64_t given, bound.integer_or(2, -1));
  const size_t most = given < 0 ? SIZE_MAX : static_cast<size_t>(given);
  HEARTH_CHECK(runtime.step(self.text().size() >> 5));
  const size_t times = count_of(self.text(), old, most);
  if (by.size() > old.size() && times > 0) {
    const size_t more = by.size() - old.size();
    HEARTH_CHECK(
        runtime.room(times > SIZE_MAX / 2 / more ? SIZE_MAX : self.text().size() + times * more));
  }
  return runtime.string(replace_all(self.text(), old, by, times));
}

// ---- padding ----

enum class Pad { left, right, center, zeros };
template <Pad how>
Result<Value> padded(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, how == Pad::zeros
                                    ? Bound::bind("zfill", args, {{"width", true}})
                                    : Bound::bind("just", args, {{"width", true}, {"fill"}}));
  HEARTH_TRY(const int64_t width, bound.integer_or(0, 0));
  std::string_view fill = how == Pad::zeros ? "0" : " ";
  if (how != Pad::zeros && bound.given(1)) {
    HEARTH_TRY(fill, bound.text(1));
    if (code_points(fill) != 1)
      return wrong("The fill character must be exactly one character long");
  }
  const std::string_view text = self.text();
  const auto size = static_cast<int64_t>(code_points(text));
  if (width <= size) return self;
  const auto more = static_cast<size_t>(width - size);
  HEARTH_CHECK(runtime.room(more > SIZE_MAX / 8 ? SIZE_MAX : text.size() + more * fill.size()));
  const auto fills = [&](size_t times) {
    std::string out;
    for (size_t i = 0; i < times; ++i) out += fill;
    return out;
  };
  switch (how) {
    case Pad::left:
      return runtime.string(cat(text, fills(more)));
    case Pad::right:
      return runtime.string(cat(fills(more), text));
    case Pad::zeros: {
      const bool sign = !text.empty() && (text[0] == '+' || text[0] == '-');
      return runtime.string(
          cat(text.substr(0, sign ? 1 : 0), fills(more), text.substr(sign ? 1 : 0)));
    }
    case Pad::center:
      break;
  }
  const size_t left = more / 2 + (more & static_cast<size_t>(width) & 1);
  return runtime.string(cat(fills(left), text, fills(more - left)));
}

Result<Value> expand_tabs(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("expandtabs", args, {{"tabsize"}}));
  HEARTH_TRY(const int64_t size, bound.integer_or(0, 8));
  HEARTH_CHECK(runtime.step(self.text().size() >> 4));
  std::string out;
  int64_t column = 0;
  for (const char c : self.text()) {
    if (c == '\t') {
      const int64_t blanks = size > 0 ? size - column % size : 0;
      HEARTH_CHECK(runtime.room(out.size() + static_cast<size_t>(blanks)));
      out.append(static_cast<size_t>(blanks), ' ');
      column += blanks;
      continue;
    }
    out += c;
    if (c == '\n' || c == '\r') {
      column = 0;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++column;
    }
  }
  return runtime.string(std::move(out));
}

Result<Value> format(Runtime& runtime, const Value& self, Args& args) {
  return brace_format(runtime, self.text(), args);
}

Result<Value> format_map(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("format_map", args, {{"mapping", true}}));
  if (!bound[0].is(Kind::dict)) return wrong("format_map() needs a dict");
  Args named;
  for (const Entry& entry : bound[0].as<Dict>().entries)
    if (entry.key.is(Kind::string)) named.named.emplace_back(entry.key.text(), entry.value);
  return brace_format(runtime, self.text(), named);
}

constexpr NamedMethod kMethods[] = {
    {"capitalize", converted<capitalized>},
    {"casefold", converted<case_folded>},
    {"center", padded<Pad::center>},
    {"count", count},
    {"endswith", begins_or_ends<true>},
    {"expandtabs", expand_tabs},
    {"find", searched<Search::find>},
    {"format", format},
    {"format_map", format_map},
    {"index", searched<Search::index>},
    {"isalnum", is_alnum},
    {"isalpha", is_alpha},
    {"isascii", is_ascii},
    {"isdecimal", has_flags<kDecimalValue>},
    {"isdigit", has_flags<kDigitValue>},
    {"islower", is_case<kCaseLower, kCaseUpper>},
    {"isnumeric", has_flags<kNumericValue>},
    {"isspace", is_space},
    {"istitle", is_title},
    {"isupper", is_case<kCaseUpper, kCaseLower>},
    {"join", join},
    {"ljust", padded<Pad::left>},
    {"lower", converted<lower_case>},
    {"lstrip", stripped<Side::left>},
    {"partition", partition<false>},
    {"removeprefix", remove_affix<false>},
    {"removesuffix", remove_affix<true>},
    {"replace", replace},
    {"rfind", searched<Search::find_last>},
    {"rindex", searched<Search::index_last>},
    {"rjust", padded<Pad::right>},
    {"rpartition", partition<true>},
    {"rsplit", split<true>},
    {"rstrip", stripped<Side::right>},
    {"split", split<false>},
    {"splitlines", lines},
    {"startswith", begins_or_ends<false>},
    {"strip", stripped<Side::both>},
    {"swapcase", converted<swapped_case>},
    {"title", converted<title_case>},
    {"upper", converted<upper_case>},
    {"zfill", padded<Pad::zeros>},
};

}  // namespace

Method find_text_method(std::string_view name) {
  for (const NamedMethod& method : kMethods)
    if (method.name == name) return method.method;
  return nullptr;
}

}  // namespace hearth::text::jinja
