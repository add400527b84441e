#include "base/text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/result.h"
#include "base/utf8.h"

namespace hearth {
namespace {

TEST(Cat, JoinsEveryKindOfPiece) {
  EXPECT_EQ(cat(), "");
  EXPECT_EQ(cat("a", std::string("b"), std::string_view("c"), 'd', 1, true, 2.5f), "abcd1true2.5");
  EXPECT_EQ(cat(UINT64_MAX, " ", INT64_MIN), "18446744073709551615 -9223372036854775808");
  EXPECT_EQ(cat(uint8_t{200}, " ", int8_t{-3}, " ", uint16_t{65535}), "200 -3 65535");
  EXPECT_EQ(cat(1e-5, " ", 1.0 / 3, " ", 1e300), "1e-05 0.333333 1e+300");
  EXPECT_EQ(cat(std::string("a\0b", 3)).size(), 3u);
}

TEST(Printable, LeavesOrdinaryTextAlone) {
  const std::string text = "na\u00EFve \u65E5\u672C \U0001F680 \\x41 'q'";
  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("\x1B[31m"), "\\x1b[31m");
  EXPECT_EQ(printable("a\nb\r\tc\x7F"), "a\\x0ab\\x0d\\x09c\\x7f");
  EXPECT_EQ(printable(std::string("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "\\xc2\\x9b31m");                             // CSI in one character
  EXPECT_EQ(printable("a\u202Eb"), "a\\xe2\\x80\\xaeb");  // turns the rest of the line
  EXPECT_EQ(printable("a\u2028b"), "a\\xe2\\x80\\xa8b");  // a line separator
  EXPECT_EQ(printable("\xFF\xC3("), "\\xff\\xc3(");
}

TEST(Printable, CutsLongText) {
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdefg", 6), "abcdef...");
  EXPECT_EQ(printable("\u00E9\u00E9\u00E9", 3), "\u00E9\u00E9...");  // never inside a character
  EXPECT_EQ(printable("a", 0), "...");
}

TEST(Printable, IsOneLineOfValidTextWhateverComes) {
  EXPECT_TRUE(rc::check([] {
    const auto text = *rc::gen::container<std::string>(rc::gen::oneOf(
        rc::gen::arbitrary<char>(),
        rc::gen::element('\x1B', '\n', '\xC2', '\x9B', '\xE2', '\x80', '\xAE', '\xF0')));
    const size_t limit = *rc::gen::inRange<size_t>(0, 200);
    const std::string shown = printable(text, limit);
    RC_ASSERT(is_valid_utf8(shown));
    RC_ASSERT(shown.size() <= limit + 6);  // one character over, and the dots
    for (size_t at = 0; at < shown.size();) {
      const Utf8Char c = decode_utf8(shown, at);
      RC_ASSERT(c.code >= 0x20 && !(c.code >= 0x7F && c.code < 0xA0));
      RC_ASSERT(c.code < 0x2028 || c.code > 0x202E);
      at += c.length;
    }
  }));
}

TEST(Text, PrefixesAndSuffixes) {
  EXPECT_TRUE(starts_with("abc", "ab"));
  EXPECT_TRUE(starts_with("abc", ""));
  EXPECT_TRUE(starts_with("", ""));
  EXPECT_FALSE(starts_with("ab", "abc"));
  EXPECT_TRUE(ends_with("abc", "bc"));
  EXPECT_TRUE(ends_with("", ""));
  EXPECT_FALSE(ends_with("bc", "abc"));
}

TEST(Text, SplitAndTrim) {
  using Parts = std::vector<std::string_view>;
  EXPECT_EQ(split("", ','), Parts{""});
  EXPECT_EQ(split(",", ','), (Parts{"", ""}));
  EXPECT_EQ(split("a,,b", ','), (Parts{"a", "", "b"}));
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n\t "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_TRUE(rc::check([](const std::string& text) {
    std::string joined;
    for (const std::string_view part : split(text, 'a')) joined += cat(part, "a");
    RC_ASSERT(joined == text + "a");
  }));
}

TEST(Nearest, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string_view> commands{"run", "chat", "show", "tokenize", "perplexity"};
  EXPECT_EQ(nearest("chta", commands), "chat");
  EXPECT_EQ(nearest("tokenise", commands), "tokenize");
  EXPECT_EQ(nearest("perplex", commands), "perplexity");
  EXPECT_EQ(nearest("rnu", commands), "run");
  EXPECT_EQ(nearest("show", commands), "show");
  EXPECT_EQ(nearest("quantum", commands), "");
  EXPECT_EQ(nearest("xyz", commands), "");
  EXPECT_EQ(nearest("", commands), "");
  EXPECT_EQ(nearest("chat", {}), "");
  EXPECT_EQ(nearest("--version", {"--json"}), "");  // dashes alike do not make words alike
  EXPECT_EQ(nearest(std::string(10'000, 'a'), commands), "");
  EXPECT_EQ(nearest("abcd", {"abce", "abcd"}), "abcd");
  EXPECT_EQ(nearest("abcx", {"abcd", "abce"}), "abcd");  // the first of equals
}

Result<int> half(int number) {
  if (number % 2 != 0) return fail(ErrorCode::bad_usage, number, " is odd");
  return number / 2;
}

Result<int> quarter(int number) {
  HEARTH_TRY(const int first, half(number));
  HEARTH_TRY(const int second, half(first));
  return second;
}

Result<void> check_even(int number) {
  HEARTH_CHECK(half(number));
  return {};
}

TEST(Result, ErrorsTravelUp) {
  EXPECT_EQ(quarter(8).value(), 2);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
  EXPECT_EQ(quarter(6).error().code, ErrorCode::bad_usage);
  EXPECT_TRUE(check_even(2));
  EXPECT_FALSE(check_even(3));
  const Result<int> outer = fail_with_context("here", quarter(1).error());
  EXPECT_EQ(outer.error().message, "here: 1 is odd");
}

}  // namespace
}  // namespace hearth
