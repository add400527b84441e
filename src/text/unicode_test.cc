#include "text/unicode.h"

#include <gtest/gtest.h>

namespace hearth::text {
namespace {

constexpr uint16_t kMain = kLetter | kNumber | kWhitespace | kMark | kPunctuation | kSymbol;

TEST(CharTable, KnowsClassesOfManyScripts) {
  const CharTable& table = CharTable::get();
  for (const char32_t letter : U"azAZéßДяλ你好ก한ªƻ𐐀𠀀") {
    if (letter == 0) continue;  // the end of the literal
    EXPECT_EQ(table[letter] & kMain, kLetter) << static_cast<uint32_t>(letter);
  }
  for (const char32_t number : U"09٣५Ⅷ²½㊿𝟘") {
    if (number == 0) continue;  // the end of the literal
    EXPECT_EQ(table[number] & kMain, kNumber) << static_cast<uint32_t>(number);
  }
  for (const char32_t space : U" \t\n\v\f\r\u0085\u00A0\u1680\u2003\u2028\u3000") {
    if (space == 0) continue;  // the end of the literal
    EXPECT_EQ(table[space] & kMain, kWhitespace) << static_cast<uint32_t>(space);
  }
  EXPECT_EQ(table[U'\u0301'] & (kMain | kAccent), kMark | kAccent);
  EXPECT_EQ(table[U'\u0903'], kMark);
  EXPECT_EQ(table[U'!'], kPunctuation);
  EXPECT_EQ(table[U'。'], kPunctuation);
  EXPECT_EQ(table[U'+'], kSymbol);
  EXPECT_EQ(table[U'🚀'], kSymbol);
}

TEST(CharTable, GivesNoClassToControlsFormatsAndUnassigned) {
  const CharTable& table = CharTable::get();
  for (const uint32_t code : {0x00u, 0x1Cu, 0x7Fu, 0x200Bu, 0x200Du, 0xD800u, 0xE000u, 0x0378u,
                              0xFFFFu, 0x10FFFFu, 0x110000u}) {
    EXPECT_EQ(table[code] & ~kControlChar, 0) << code;
  }
  EXPECT_EQ(table[static_cast<char32_t>(UINT32_MAX)], 0);
}

TEST(CharTable, HoldsWhatTheGeneratedRunsSay) {
  const CharTable& table = CharTable::get();
  const auto runs = unicode_runs();
  ASSERT_GT(runs.size(), 1000u);
  EXPECT_EQ(runs[0] >> 16, 0u);
  size_t wrong = 0;
  for (size_t run = 0; run < runs.size(); ++run) {
    const uint64_t end = run + 1 < runs.size() ? runs[run + 1] >> 16 : 0x110000;
    ASSERT_LT(runs[run] >> 16, end);
    for (uint64_t code = runs[run] >> 16; code < end; ++code) {
      wrong += table[static_cast<char32_t>(code)] == (runs[run] & 0xFFFF) ? 0u : 1u;
    }
  }
  EXPECT_EQ(wrong, 0u);
}

TEST(CharTable, KnowsCaseHanAndWhatFolds) {
  const CharTable& table = CharTable::get();
  for (const char32_t upper : {U'A', U'É', U'Д', U'ǅ'}) EXPECT_NE(table[upper] & kUpper, 0);
  for (const char32_t lower : {U'a', U'é', U'д', U'ß'}) EXPECT_NE(table[lower] & kLower, 0);
  for (const char32_t neither : {U'ª', U'你', U'ʰ', U'1'}) {
    EXPECT_EQ(table[neither] & (kUpper | kLower), 0);
  }
  for (const char32_t han : {U'你', U'々', U'〇', U'⺀', U'𠀀'}) EXPECT_NE(table[han] & kHan, 0);
  EXPECT_EQ(table[U'あ'] & kHan, 0);
  EXPECT_NE(table[char32_t{0x2EBF0}] & kLetter, 0);  // new in Unicode 15.1
}

TEST(CharTable, AgreesWithTheTableOfAscii) {
  for (char32_t code = 0; code < kAsciiClasses.size(); ++code) {
    EXPECT_EQ(CharTable::get()[code], kAsciiClasses[code]) << static_cast<uint32_t>(code);
  }
}

TEST(Folding, LowersAndTakesAccentsOff) {
  EXPECT_EQ(lowercase(U'A'), U'a');
  EXPECT_EQ(lowercase(U'Σ'), U'σ');
  EXPECT_EQ(lowercase(U'ß'), U'ß');
  using Bases = std::array<char32_t, 3>;
  EXPECT_EQ(without_accents(U'é'), (Bases{U'e', 0, 0}));
  EXPECT_EQ(without_accents(U'ǭ'), (Bases{U'o', 0, 0}));
  EXPECT_EQ(without_accents(U'각'), (Bases{0x1100, 0x1161, 0x11A8}));
  EXPECT_EQ(without_accents(U'가'), (Bases{0x1100, 0x1161, 0}));
  EXPECT_EQ(without_accents(U'\u09CB'), (Bases{0x9C7, 0x9BE, 0}));
  EXPECT_EQ(without_accents(U'x'), (Bases{U'x', 0, 0}));
}

}  // namespace
}  // namespace hearth::text
