// Filters that make texts of texts.
#include <algorithm>

#include "text/jinja_filters.h"
#include "text/jinja_globals.h"
#include "text/jinja_number.h"
#include "text/jinja_string.h"
#include "text/unicode.h"
#include "text/unicode_case.h"

namespace hearth::text::jinja {

Result<std::string> text_of(Runtime& runtime, const Value& value) {
  HEARTH_TRY(std::string text, runtime.str(value));
  HEARTH_CHECK(runtime.step(text.size() >> 5));
  return text;
}

namespace {

// A method of str, on the text of any value.
Result<Value> by_method(Runtime& runtime, std::string_view name, const Value& value, Args& args) {
  HEARTH_TRY(std::string text, text_of(runtime, value));
  return find_text_method(name)(runtime, runtime.string(std::move(text)), args);
}

Result<Value> upper(Runtime& runtime, const Value& value, Args& args) {
  return by_method(runtime, "upper", value, args);
}
Result<Value> lower(Runtime& runtime, const Value& value, Args& args) {
  return by_method(runtime, "lower", value, args);
}
Result<Value> capitalize(Runtime& runtime, const Value& value, Args& args) {
  return by_method(runtime, "capitalize", value, args);
}

Result<Value> trim(Runtime& runtime, const Value& value, Args& args) {
  return by_method(runtime, "strip", value, args);
}

Result<Value> center(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("center", args, {{"width"}}));
  HEARTH_TRY(const int64_t width, bound.integer_or(0, 80));
  Args inner;
  inner.values.push_back(Value::integer(width));
  return by_method(runtime, "center", value, inner);
}

Result<Value> replace(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound,
             Bound::bind("replace", args, {{"old", true}, {"new", true}, {"count"}}));
  Args inner;
  for (size_t i = 0; i < 2; ++i) {
    HEARTH_TRY(std::string text, runtime.str(bound[i]));
    inner.values.push_back(runtime.string(std::move(text)));
  }
  if (bound.given(2) && !bound[2].is(Kind::none)) inner.values.push_back(bound[2]);
  return by_method(runtime, "replace", value, inner);
}

// Words begin behind blanks, hyphens and opening brackets.
Result<Value> title(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("title", args, {}));
  HEARTH_TRY(const std::string text, text_of(runtime, value));
  const auto parts_words = [](char32_t code) {
    return is_blank(code) || code == '-' || code == '(' || code == '{' || code == '[' ||
           code == '<';
  };
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char first = decode_utf8(text, at);
    if (parts_words(first.code)) {
      out += text.substr(at, first.length);
      at += first.length;
      continue;
    }
    size_t end = at + first.length;
    while (end < text.size()) {
      const Utf8Char c = decode_utf8(text, end);
      if (parts_words(c.code)) break;
      end += c.length;
    }
    out += upper_case(text.substr(at, first.length));
    out += lower_case(std::string_view(text).substr(at + first.length, end - at - first.length));
    at = end;
  }
  return runtime.string(std::move(out));
}

Result<Value> to_string(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("string", args, {}));
  if (value.is(Kind::string)) return value;
  HEARTH_TRY(std::string text, runtime.str(value));
  return runtime.string(std::move(text));
}

// Nothing is escaped unless a template asks for it, so nothing is marked as safe either.
Result<Value> escape(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("escape", args, {}));
  HEARTH_TRY(const std::string text, text_of(runtime, value));
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return runtime.string(std::move(out));
}

Result<Value> striptags(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("striptags", args, {}));
  HEARTH_TRY(std::string text, text_of(runtime, value));
  const auto cut = [&](std::string_view open, std::string_view close) {
    std::string out;
    size_t at = 0;
    while (true) {
      const size_t begin = text.find(open, at);
      const size_t end = begin == text.npos ? text.npos : text.find(close, begin + open.size());
      if (end == text.npos) break;
      out += text.substr(at, begin - at);
      at = end + close.size();
    }
    text = out + text.substr(at);
  };
  cut("<!--", "-->");
  cut("<", ">");
  std::string out;
  for (const std::string_view word : split_blanks(text, SIZE_MAX)) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  static constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
      {"&lt;", "<"},    {"&gt;", ">"},  {"&#34;", "\""},
      {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};
  for (const auto& [entity, character] : kEntities)
    out = replace_all(out, entity, character, SIZE_MAX);
  return runtime.string(std::move(out));
}

Result<Value> indent(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("indent", args, {{"width"}, {"first"}, {"blank"}}));
  if (value.is_undefined()) return wrong_undefined(value);
  if (!value.is(Kind::string)) return wrong("indent needs a text, not '", type_name(value), "'");
  std::string blanks;
  if (bound.given(0) && bound[0].is(Kind::string)) {
    blanks = bound[0].text();
  } else {
    HEARTH_TRY(const int64_t width, bound.integer_or(0, 4));
    HEARTH_CHECK(runtime.room(static_cast<size_t>(std::max<int64_t>(width, 0))));
    blanks.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  const std::string text = cat(value.text(), "\n");
  HEARTH_CHECK(runtime.step(text.size() >> 4));
  const std::vector<std::string_view> lines = split_lines(text, false);
  const bool blank = bound.truth_or(2, false);
  std::string out = bound.truth_or(1, false) ? blanks : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    HEARTH_CHECK(runtime.room(out.size() + blanks.size() + lines[i].size()));
    if (i > 0) out += '\n';
    if (i > 0 && (blank || !lines[i].empty())) out += blanks;
    out += lines[i];
  }
  return runtime.string(std::move(out));
}

Result<Value> truncate(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound,
             Bound::bind("truncate", args, {{"length"}, {"killwords"}, {"end"}, {"leeway"}}));
  HEARTH_TRY(const int64_t length, bound.integer_or(0, 255));
  HEARTH_TRY(const std::string end, runtime.str(bound.value_or(2, runtime.string("..."))));
  const bool usual = !bound.given(3) || bound[3].is(Kind::none);
  HEARTH_TRY(const int64_t leeway, usual ? Result<int64_t>(5) : bound.integer_or(3, 5));
  HEARTH_TRY(const std::string text, text_of(runtime, value));
  const auto end_size = static_cast<int64_t>(code_points(end));
  if (length < end_size) return wrong("truncate: expected length >= ", end_size, ", got ", length);
  if (leeway < 0) return wrong("truncate: expected leeway >= 0, got ", leeway);
  const auto size = static_cast<int64_t>(code_points(text));
  if (size <= length || size - length <= leeway) return runtime.string(text);
  std::string_view kept(text);
  kept = kept.substr(0, byte_of(kept, static_cast<size_t>(length - end_size)));
  if (!bound.truth_or(1, false)) kept = kept.substr(0, kept.rfind(' '));
  return runtime.string(cat(kept, end));
}

Result<Value> wordcount(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("wordcount", args, {}));
  HEARTH_TRY(const std::string text, text_of(runtime, value));
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const bool word = c.code == '_' || (CharTable::get()[c.code] & kLetter) != 0 ||
                      (case_flags(c.code) & (kDecimalValue | kDigitValue | kNumericValue)) != 0;
    if (word && !inside) ++words;
    inside = word;
    at += c.length;
  }
  return Value::integer(words);
}

Result<Value> format(Runtime& runtime, const Value& value, Args& args) {
  if (!args.values.empty() && !args.named.empty())
    return wrong("format takes arguments either by position or by name");
  HEARTH_TRY(const std::string text, runtime.str(value));
  if (args.named.empty()) {
    HEARTH_TRY(const Value values, runtime.tuple(args.values));
    return percent_format(runtime, text, values);
  }
  std::vector<Entry> entries;
  for (const auto& [name, given] : args.named) entries.push_back({runtime.string(name), given});
  HEARTH_TRY(const Value values, runtime.dict(std::move(entries)));
  return percent_format(runtime, text, values);
}

std::string url_quoted(std::string_view text, bool in_query) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || std::string_view("_.-~").find(c) != std::string_view::npos ||
        (c == '/' && !in_query)) {
      out += c;
    } else if (c == ' ' && in_query) {
      out += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

Result<Value> urlencode(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("urlencode", args, {}));
  const bool several = value.is(Kind::dict) || value.is_sequence() || value.is(Kind::view) ||
                       value.is(Kind::generator) || value.is_undefined();
  if (!several) {
    HEARTH_TRY(const std::string text, text_of(runtime, value));
    return runtime.string(url_quoted(text, false));
  }
  std::vector<Value> pairs;
  if (value.is(Kind::dict)) {
    for (const Entry& entry : value.as<Dict>().entries) {
      HEARTH_TRY(Value pair, runtime.tuple({entry.key, entry.value}));
      pairs.push_back(std::move(pair));
    }
  } else {
    HEARTH_TRY(pairs, runtime.walk(value));
  }
  std::string out;
  for (const Value& pair : pairs) {
    HEARTH_TRY(const std::vector<Value> parts, runtime.walk(pair));
    if (parts.size() != 2) return wrong("urlencode needs pairs of a name and a value");
    HEARTH_TRY(const std::string name, runtime.str(parts[0]));
    HEARTH_TRY(const std::string text, runtime.str(parts[1]));
    out += cat(out.empty() ? "" : "&", url_quoted(name, true), "=", url_quoted(text, true));
    HEARTH_CHECK(runtime.room(out.size()));
  }
  return runtime.string(std::move(out));
}

Result<Value> xmlattr(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("xmlattr", args, {{"autospace"}}));
  if (!value.is(Kind::dict)) return wrong("xmlattr needs a dict, not '", type_name(value), "'");
  std::string out;
  for (const Entry& entry : value.as<Dict>().entries) {
    if (entry.value.is(Kind::none) || entry.value.is_undefined()) continue;
    if (!entry.key.is(Kind::string)) return wrong("xmlattr needs names that are texts");
    if (entry.key.text().find_first_of(" \t\n\r\f\v/>=") != std::string_view::npos)
      return wrong("Invalid character in attribute name");
    Args none;
    HEARTH_TRY(const Value name, escape(runtime, entry.key, none));
    HEARTH_TRY(const Value text, escape(runtime, entry.value, none));
    out += cat(out.empty() ? "" : " ", name.text(), "=\"", text.text(), "\"");
    HEARTH_CHECK(runtime.room(out.size()));
  }
  if (bound.truth_or(0, true) && !out.empty()) out.insert(0, " ");
  return runtime.string(std::move(out));
}

Result<Value> filesizeformat(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("filesizeformat", args, {{"binary"}}));
  double bytes = value.is_number() ? value.as_real() : 0;
  if (value.is(Kind::string)) {
    const auto parsed = parse_real(value.text());
    if (!parsed) return wrong("could not convert string to float");
    bytes = *parsed;
  } else if (!value.is_number()) {
    return wrong("filesizeformat needs a number, not '", type_name(value), "'");
  }
  const bool binary = bound.truth_or(0, false);
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return runtime.string("1 Byte");
  if (bytes < base) {
    HEARTH_TRY(const Value whole, truncated(bytes));
    return runtime.string(cat(whole.as_integer(), " Bytes"));
  }
  double unit = base;
  std::string_view prefix;
  for (const char c : std::string_view(binary ? "KMGTPEZY" : "kMGTPEZY")) {
    unit *= base;
    prefix = std::string_view(binary ? "KMGTPEZY" : "kMGTPEZY");
    prefix = prefix.substr(prefix.find(c), 1);
    if (bytes < unit) break;
  }
  return runtime.string(
      cat(c_format('f', 1, base * bytes / unit), " ", prefix, binary ? "iB" : "B"));
}

constexpr NamedFilter kFilters[] = {{"capitalize", capitalize},
                                    {"center", center},
                                    {"e", escape},
                                    {"escape", escape},
                                    {"filesizeformat", filesizeformat},
                                    {"forceescape", escape},
                                    {"format", format},
                                    {"indent", indent},
                                    {"lower", lower},
                                    {"replace", replace},
                                    {"safe", to_string},
                                    {"string", to_string},
                                    {"striptags", striptags},
                                    {"title", title},
                                    {"trim", trim},
                                    {"truncate", truncate},
                                    {"upper", upper},
                                    {"urlencode", urlencode},
                                    {"wordcount", wordcount},
                                    {"xmlattr", xmlattr}};

}  // namespace

std::span<const NamedFilter> text_filters() { return kFilters; }

}  // namespace hearth::text::jinja
