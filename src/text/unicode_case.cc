#include "text/unicode_case.h"

#include <algorithm>

#include "base/utf8.h"

namespace hearth::text {

uint8_t case_flags(char32_t code) {
  const auto runs = case_runs();
  const auto after = std::upper_bound(runs.begin(), runs.end(), static_cast<uint32_t>(code),
                                      [](uint32_t c, uint32_t run) { return c < run >> 8; });
  return static_cast<uint8_t>(*(after - 1) & 0xFF);
}

namespace {

const CaseMapping* find(std::span<const CaseMapping> mappings, char32_t code) {
  const auto at = std::lower_bound(mappings.begin(), mappings.end(), static_cast<uint32_t>(code),
                                   [](const CaseMapping& m, uint32_t c) { return m.from < c; });
  return at != mappings.end() && at->from == code ? &*at : nullptr;
}

void append(std::string& out, const CaseMapping& mapping) {
  for (const uint32_t code : mapping.to)
    if (code != 0) append_utf8(out, code);
}

void append_upper(std::string& out, char32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code >= 'a' && code <= 'z' ? code - 32 : code);
  } else if (const CaseMapping* mapping = find(upper_mappings(), code)) {
    append(out, *mapping);
  } else {
    append_utf8(out, code);
  }
}

void append_title(std::string& out, char32_t code) {
  if (const CaseMapping* mapping = find(title_mappings(), code)) {
    append(out, *mapping);
  } else {
    append_upper(out, code);
  }
}

// Whether a sigma at `at` ends a word: a letter before it and none behind.
bool is_final_sigma(std::string_view text, size_t at, size_t length) {
  bool before = false;
  for (size_t i = at; i > 0;) {
    do --i;
    while ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80);
    const uint8_t flags = case_flags(decode_utf8(text, i).code);
    if ((flags & kCaseIgnorable) != 0) continue;
    before = (flags & kCased) != 0;
    break;
  }
  if (!before) return false;
  for (size_t i = at + length; i < text.size();) {
    const Utf8Char c = decode_utf8(text, i);
    const uint8_t flags = case_flags(c.code);
    if ((flags & kCaseIgnorable) == 0) return (flags & kCased) == 0;
    i += c.length;
  }
  return true;
}

void append_lower(std::string& out, std::string_view text, size_t at, const Utf8Char& c) {
  if (c.code < 0x80) {
    out += static_cast<char>(c.code >= 'A' && c.code <= 'Z' ? c.code + 32 : c.code);
  } else if (c.code == 0x3A3) {
    append_utf8(out, is_final_sigma(text, at, c.length) ? 0x3C2 : 0x3C3);
  } else if (const CaseMapping* mapping = find(lower_mappings(), c.code)) {
    append(out, *mapping);
  } else {
    append_utf8(out, c.code);
  }
}

// Calls each(at, character) for every character.
template <class Each>
void each_character(std::string_view text, const Each& each) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    each(at, c);
    at += c.length;
  }
}

}  // namespace

std::string upper_case(std::string_view text) {
  std::string out;
  each_character(text, [&](size_t, const Utf8Char& c) { append_upper(out, c.code); });
  return out;
}

std::string lower_case(std::string_view text) {
  std::string out;
  each_character(text, [&](size_t at, const Utf8Char& c) { append_lower(out, text, at, c); });
  return out;
}

std::string title_case(std::string_view text) {
  std::string out;
  bool inside = false;
  each_character(text, [&](size_t at, const Utf8Char& c) {
    if (inside) {
      append_lower(out, text, at, c);
    } else {
      append_title(out, c.code);
    }
    // A letter with case: upper, lower or title, or one that has other forms.
    inside = (case_flags(c.code) & (kCaseLower | kCaseUpper | kCaseTitle)) != 0;
  });
  return out;
}

std::string capitalized(std::string_view text) {
  std::string out;
  each_character(text, [&](size_t at, const Utf8Char& c) {
    if (at == 0) {
      append_title(out, c.code);
    } else {
      append_lower(out, text, at, c);
    }
  });
  return out;
}

std::string swapped_case(std::string_view text) {
  std::string out;
  each_character(text, [&](size_t at, const Utf8Char& c) {
    const uint8_t flags = case_flags(c.code);
    if ((flags & kCaseUpper) != 0) {
      append_lower(out, text, at, c);
    } else if ((flags & kCaseLower) != 0) {
      append_upper(out, c.code);
    } else {
      append_utf8(out, c.code);
    }
  });
  return out;
}

std::string case_folded(std::string_view text) {
  std::string out;
  each_character(text, [&](size_t, const Utf8Char& c) {
    if (const CaseMapping* mapping = find(fold_mappings(), c.code)) {
      append(out, *mapping);
    } else if (const CaseMapping* lower = find(lower_mappings(), c.code)) {
      append(out, *lower);
    } else {
      append_utf8(out, c.code);
    }
  });
  return out;
}

}  // namespace hearth::text
