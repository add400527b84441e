#include "base/utf8.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdio>
#include <optional>
#include <vector>

#include "base/text.h"

namespace hearth {
namespace {

char to_char(int byte) { return static_cast<char>(static_cast<unsigned char>(byte)); }

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%02x ", static_cast<unsigned>(c) & 0xFFu);
    out += digits;
  }
  return out;
}

// The table of RFC 3629 (section 4), written down as ranges: which bytes make one character.
struct Form {
  int lead_low, lead_high, second_low, second_high;
  size_t length;
};
constexpr Form kForms[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

int byte_at(std::string_view text, size_t at) { return static_cast<unsigned char>(text[at]); }

// The form that a text begins with, as far as its first two bytes tell.
const Form* form_of(std::string_view text) {
  for (const Form& form : kForms) {
    const bool lead = byte_at(text, 0) >= form.lead_low && byte_at(text, 0) <= form.lead_high;
    if (!lead) continue;
    if (text.size() < 2) return &form;
    if (byte_at(text, 1) >= form.second_low && byte_at(text, 1) <= form.second_high) return &form;
  }
  return nullptr;
}

// Length of the character that `text` begins with; 0 when it is not one.
size_t expected_length(std::string_view text) {
  if (byte_at(text, 0) < 0x80) return 1;
  const Form* form = form_of(text);
  if (form == nullptr || text.size() < form->length) return 0;
  for (size_t i = 2; i < form->length; ++i) {
    if (byte_at(text, i) < 0x80 || byte_at(text, i) > 0xBF) return 0;
  }
  return form->length;
}

// Whether `text`, of 1 to 3 bytes, is the beginning of a longer character.
bool is_unfinished(std::string_view text) {
  if (byte_at(text, 0) < 0x80) return false;
  const Form* form = form_of(text);
  if (form == nullptr || text.size() >= form->length) return false;
  for (size_t i = 2; i < text.size(); ++i) {
    if (byte_at(text, i) < 0x80 || byte_at(text, i) > 0xBF) return false;
  }
  return true;
}

size_t expected_prefix(std::string_view text) {
  for (size_t held = std::min<size_t>(3, text.size()); held > 0; --held) {
    if (is_unfinished(text.substr(text.size() - held))) return text.size() - held;
  }
  return text.size();
}

void expect_decodes_as_the_table_says(std::string_view text) {
  const Utf8Char c = decode_utf8(text, 0);
  const size_t length = expected_length(text);
  EXPECT_EQ(c.valid, length != 0) << hex(text);
  EXPECT_EQ(c.length, length == 0 ? 1 : length) << hex(text);
  if (length == 0) {
    EXPECT_EQ(c.code, char32_t{0xFFFD}) << hex(text);
    return;
  }
  std::string again;
  append_utf8(again, c.code);
  EXPECT_EQ(again, text.substr(0, length)) << hex(text);
}

TEST(Utf8, EveryOneAndTwoBytes) {
  for (int a = 0; a < 256; ++a) {
    expect_decodes_as_the_table_says(std::string{to_char(a)});
    EXPECT_EQ(is_valid_utf8(std::string{to_char(a)}), a < 0x80);
    for (int b = 0; b < 256; ++b) {
      const std::string text{to_char(a), to_char(b)};
      expect_decodes_as_the_table_says(text);
      const size_t length = expected_length(text);
      const bool valid = length == 2 || (length == 1 && b < 0x80);
      EXPECT_EQ(is_valid_utf8(text), valid) << hex(text);
      EXPECT_EQ(complete_utf8_prefix(text), expected_prefix(text)) << hex(text);
    }
  }
}

TEST(Utf8, BoundariesOfThreeAndFourBytes) {
  constexpr int kEdges[] = {0x00, 0x41, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F, 0xA0, 0xA1,
                            0xBE, 0xBF, 0xC0, 0xC1, 0xC2, 0xE0, 0xED, 0xF0, 0xFF};
  for (int lead = 0xDF; lead < 0x100; ++lead) {
    for (const int b : kEdges) {
      for (const int c : kEdges) {
        const std::string three{to_char(lead), to_char(b), to_char(c)};
        expect_decodes_as_the_table_says(three);
        EXPECT_EQ(complete_utf8_prefix(three), expected_prefix(three)) << hex(three);
        for (const int d : kEdges) {
          const std::string four = three + to_char(d);
          expect_decodes_as_the_table_says(four);
          EXPECT_EQ(complete_utf8_prefix(four), expected_prefix(four)) << hex(four);
        }
      }
    }
  }
}

TEST(Utf8, EveryScalarValueComesBack) {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code == 0xD800) code = 0xE000;  // surrogates are no characters
    std::string text = "<";
    append_utf8(text, code);
    const size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    ASSERT_EQ(text.size(), 1 + length) << static_cast<uint32_t>(code);
    ASSERT_EQ(utf8_length(static_cast<unsigned char>(text[1])), length);
    const Utf8Char c = decode_utf8(text, 1);
    ASSERT_TRUE(c.valid && c.code == code && c.length == length) << static_cast<uint32_t>(code);
    for (size_t cut = 1; cut < length; ++cut) {
      const std::string_view part = std::string_view(text).substr(0, 1 + cut);
      ASSERT_FALSE(decode_utf8(part, 1).valid) << static_cast<uint32_t>(code);
      ASSERT_EQ(complete_utf8_prefix(part), 1u) << static_cast<uint32_t>(code);
    }
    ASSERT_EQ(complete_utf8_prefix(text), text.size());
  }
}

TEST(Utf8, SurrogatesAndCodesAboveUnicodeAreInvalid) {
  for (char32_t code = 0xD800; code < 0xE000; ++code) {
    std::string text;
    append_utf8(text, code);
    ASSERT_FALSE(decode_utf8(text, 0).valid);
    ASSERT_FALSE(is_valid_utf8(text));
  }
  for (const char32_t code : {0x110000u, 0x110001u, 0x13FFFFu, 0x1FFFFFu}) {
    std::string text;
    append_utf8(text, code);
    EXPECT_FALSE(decode_utf8(text, 0).valid);
  }
}

TEST(Utf8, DecodesInTheMiddleOfText) {
  const std::string text = "a\u00E9\u65E5\U0001F680z";
  std::vector<char32_t> codes;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    codes.push_back(c.code);
    at += c.length;
  }
  EXPECT_EQ(codes, (std::vector<char32_t>{'a', 0xE9, 0x65E5, 0x1F680, 'z'}));
  EXPECT_TRUE(is_valid_utf8(""));
}

// Bytes that a decoder meets when it goes wrong: whole characters, halves of them, and noise.
rc::Gen<std::string> broken_text() {
  const auto piece = rc::gen::oneOf(
      rc::gen::element<std::string>("a", "\u00E9", "\u65E5", "\U0001F680", "\xC3", "\xE6\x97",
                                    "\xF0\x9F\x9A", "\xED\xA0", "\xE0\x80", "\xF4\x90", "\xC0",
                                    "\x80", "\xBF", "\xFF", "\xF0", "\xE0"),
      rc::gen::map(rc::gen::inRange(0, 256), [](int byte) { return std::string{to_char(byte)}; }));
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece),
                      [](const std::vector<std::string>& pieces) {
                        std::string text;
                        for (const std::string& p : pieces) text += p;
                        return text;
                      });
}

TEST(Utf8, PrefixHoldsBackExactlyAnUnfinishedCharacter) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = *broken_text();
    RC_ASSERT(complete_utf8_prefix(text) == expected_prefix(text));
  }));
}

TEST(Utf8, PrefixesOfAnySplitJoinToTheText) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = *broken_text();
    std::string shown;
    std::string held;
    for (size_t at = 0; at < text.size();) {
      const size_t count = *rc::gen::inRange<size_t>(1, 5);
      held += text.substr(at, count);
      at = std::min(text.size(), at + count);
      const size_t complete = complete_utf8_prefix(held);
      RC_ASSERT(complete <= held.size());
      shown += held.substr(0, complete);
      held.erase(0, complete);
      RC_ASSERT(held.size() <= 3u);
    }
    RC_ASSERT(shown + held == text);
    // What was shown can be read on its own: no character of the text is torn in two.
    size_t at = 0;
    while (at < shown.size()) at += decode_utf8(text, at).length;
    RC_ASSERT(at == shown.size());
  }));
}

}  // namespace
}  // namespace hearth
