#include "text/jinja_string.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "base/text.h"
#include "text/unicode.h"

namespace hearth::text::jinja {
namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// The last character of a text that is not empty.
Utf8Char last_character(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && !begins_character(text[at])) --at;
  return decode_utf8(text, at);
}

bool holds(std::string_view chars, char32_t code) {
  for (size_t at = 0; at < chars.size();) {
    const Utf8Char c = decode_utf8(chars, at);
    if (c.code == code) return true;
    at += c.length;
  }
  return false;
}

// Where str.splitlines() ends a line.
bool ends_line(char32_t code) {
  return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
         code == 0x2028 || code == 0x2029;
}

}  // namespace

size_t code_points(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

size_t byte_of(std::string_view text, size_t index) {
  size_t at = 0;
  for (; at < text.size() && index > 0; --index)
    at += utf8_length(static_cast<unsigned char>(text[at]));
  return std::min(at, text.size());
}

std::string_view code_point_at(std::string_view text, size_t index) {
  const size_t at = byte_of(text, index);
  if (at == text.size()) return {};
  return text.substr(at, utf8_length(static_cast<unsigned char>(text[at])));
}

bool is_blank(char32_t code) {
  return (code >= 0x1C && code <= 0x1F) || (CharTable::get()[code] & kWhitespace) != 0;
}

std::string_view strip(std::string_view text, std::optional<std::string_view> chars, Side side) {
  const auto goes = [&](char32_t code) { return chars ? holds(*chars, code) : is_blank(code); };
  while (side != Side::right && !text.empty()) {
    const Utf8Char c = decode_utf8(text, 0);
    if (!goes(c.code)) break;
    text.remove_prefix(c.length);
  }
  while (side != Side::left && !text.empty()) {
    const Utf8Char c = last_character(text);
    if (!goes(c.code)) break;
    text.remove_suffix(c.length);
  }
  return text;
}

std::vector<std::string_view> split_blanks(std::string_view text, size_t most) {
  std::vector<std::string_view> pieces;
  text = strip(text, std::nullopt, Side::left);
  while (!text.empty()) {
    if (pieces.size() == most) {
      pieces.push_back(text);
      break;
    }
    size_t end = 0;
    while (end < text.size()) {
      const Utf8Char c = decode_utf8(text, end);
      if (is_blank(c.code)) break;
      end += c.length;
    }
    pieces.push_back(text.substr(0, end));
    text = strip(text.substr(end), std::nullopt, Side::left);
  }
  return pieces;
}

std::vector<std::string_view> split_blanks_right(std::string_view text, size_t most) {
  std::vector<std::string_view> pieces;
  text = strip(text, std::nullopt, Side::right);
  while (!text.empty()) {
    if (pieces.size() == most) {
      pieces.push_back(text);
      break;
    }
    size_t begin = text.size();
    while (begin > 0) {
      const Utf8Char c = last_character(text.substr(0, begin));
      if (is_blank(c.code)) break;
      begin -= c.length;
    }
    pieces.push_back(text.substr(begin));
    text = strip(text.substr(0, begin), std::nullopt, Side::right);
  }
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    size_t next = at + c.length;
    if (ends_line(c.code)) {
      if (c.code == '\r' && next < text.size() && text[next] == '\n') ++next;
      lines.push_back(text.substr(begin, (keep_ends ? next : at) - begin));
      begin = next;
    }
    at = next;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

size_t count_of(std::string_view text, std::string_view old, size_t most) {
  if (old.empty()) return std::min(most, code_points(text) + 1);
  size_t count = 0;
  for (size_t at = text.find(old); at != text.npos && count < most; ++count)
    at = text.find(old, at + old.size());
  return count;
}

std::string replace_all(std::string_view text, std::string_view old, std::string_view by,
                        size_t most) {
  std::string out;
  size_t at = 0;
  if (old.empty()) {  // in front of each character and at the end
    for (; most > 0; --most) {
      out += by;
      if (at == text.size()) return out;
      const size_t length = utf8_length(static_cast<unsigned char>(text[at]));
      out += text.substr(at, length);
      at += length;
    }
    out += text.substr(at);
    return out;
  }
  for (; most > 0; --most) {
    const size_t found = text.find(old, at);
    if (found == text.npos) break;
    out += text.substr(at, found - at);
    out += by;
    at = found + old.size();
  }
  out += text.substr(at);
  return out;
}

namespace {

void append_hex(std::string& out, const char* format, char32_t code) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%0*x",
                format[1] == 'x'   ? 2
                : format[1] == 'u' ? 4
                                   : 8,
                static_cast<unsigned>(code));
  out += format;
  out += digits;
}

bool is_printable(char32_t code) {
  if (code == ' ') return true;
  return (CharTable::get()[code] & (kLetter | kNumber | kMark | kPunctuation | kSymbol)) != 0;
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  const bool single = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char quote = single ? '"' : '\'';
  out += quote;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (c.code == '\\' || c.code == static_cast<unsigned char>(quote)) {
      out += '\\';
      out += static_cast<char>(c.code);
    } else if (c.code == '\n' || c.code == '\r' || c.code == '\t') {
      out += c.code == '\n' ? "\\n" : c.code == '\r' ? "\\r" : "\\t";
    } else if (is_printable(c.code)) {
      out += text.substr(at, c.length);
    } else {
      append_hex(out, c.code < 0x100 ? "\\x" : c.code < 0x10000 ? "\\u" : "\\U", c.code);
    }
    at += c.length;
  }
  out += quote;
}

void append_json_string(std::string& out, std::string_view text, bool ascii) {
  out += '"';
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const size_t found = std::string_view("\"\\\n\r\t\b\f").find(text[at]);
    if (found != std::string_view::npos) {
      out += '\\';
      out += "\"\\nrtbf"[found];
    } else if (c.code < 0x20 || (ascii && c.code >= 0x7F)) {
      if (c.code >= 0x10000) {
        append_hex(out, "\\u", 0xD800 + ((c.code - 0x10000) >> 10));
        append_hex(out, "\\u", 0xDC00 + (c.code & 0x3FF));
      } else {
        append_hex(out, "\\u", c.code);
      }
    } else {
      out += text.substr(at, c.length);
    }
    at += c.length;
  }
  out += '"';
}

}  // namespace hearth::text::jinja
