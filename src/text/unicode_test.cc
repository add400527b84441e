#include "text/unicode.h"

#include <gtest/gtest.h>

namespace hearth::text {
namespace {

TEST(CharTable, KnowsClassesOfManyScripts) {
  const CharTable& table = CharTable::get();
  for (const char32_t letter : U"azAZéßДяλ你好ก한ªƻ𐐀𠀀") {
    if (letter == 0) continue;  // the end of the literal
    EXPECT_EQ(table[letter], kLetter) << static_cast<uint32_t>(letter);
  }
  for (const char32_t number : U"09٣५Ⅷ²½㊿𝟘") {
    if (number == 0) continue;  // the end of the literal
    EXPECT_EQ(table[number], kNumber) << static_cast<uint32_t>(number);
  }
  for (const char32_t space : U" \t\n\v\f\r\u0085\u00A0\u1680\u2003\u2028\u3000") {
    if (space == 0) continue;  // the end of the literal
    EXPECT_EQ(table[space], kWhitespace) << static_cast<uint32_t>(space);
  }
  EXPECT_EQ(table[U'\u0301'], kMark);
  EXPECT_EQ(table[U'!'], kPunctuation);
  EXPECT_EQ(table[U'。'], kPunctuation);
  EXPECT_EQ(table[U'+'], kSymbol);
  EXPECT_EQ(table[U'🚀'], kSymbol);
}

TEST(CharTable, GivesNoClassToControlsFormatsAndUnassigned) {
  const CharTable& table = CharTable::get();
  for (const uint32_t code : {0x00u, 0x1Cu, 0x7Fu, 0x200Bu, 0x200Du, 0xD800u, 0xE000u, 0x0378u,
                              0xFFFFu, 0x10FFFFu, 0x110000u}) {
    EXPECT_EQ(table[code], 0) << code;
  }
  EXPECT_EQ(table[static_cast<char32_t>(UINT32_MAX)], 0);
}

TEST(CharTable, HoldsWhatTheGeneratedRunsSay) {
  const CharTable& table = CharTable::get();
  const auto runs = unicode_runs();
  ASSERT_GT(runs.size(), 1000u);
  EXPECT_EQ(runs[0] >> 8, 0u);
  size_t wrong = 0;
  for (size_t run = 0; run < runs.size(); ++run) {
    const uint32_t end = run + 1 < runs.size() ? runs[run + 1] >> 8 : 0x110000;
    ASSERT_LT(runs[run] >> 8, end);
    for (uint32_t code = runs[run] >> 8; code < end; ++code) {
      wrong += table[code] == (runs[run] & 0xFF) ? 0u : 1u;
    }
  }
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace hearth::text
