#include "quantize/name_pattern.h"

#include <gtest/gtest.h>

namespace hearth::quantize {
namespace {

bool found(std::string_view pattern, std::string_view name) {
  const auto parsed = NamePattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  return parsed && parsed->found_in(name);
}

TEST(NamePatternTest, WhatIsFound) {
  struct Case {
    std::string_view pattern, name;
  };
  constexpr std::string_view kName = "blk.12.ffn_down.weight";
  for (const std::string_view pattern : {"ffn_down",
                                         "FFN_DOWN",
                                         "blk",
                                         "weight$",
                                         "^blk",
                                         "^blk.12.ffn_down.weight$",
                                         ".",
                                         "12|13",
                                         "x|ffn",
                                         R"(blk\.(0|12)\.)",
                                         R"(blk\.1[0-9]\.)",
                                         R"(\.\d+\.)",
                                         R"(\.\d\d\.f)",
                                         "f+n_",
                                         "fx?fn",
                                         "fx*fn",
                                         "ffn_(?:up|down)",
                                         "ffn_.*weight",
                                         "[^a-z]12",
                                         "[x.]12",
                                         "[2-]\\.",
                                         "()",
                                         "(x|)blk",
                                         "(b*)*l",
                                         "ffn_[\\w]+\\.",
                                         "a*"}) {
    EXPECT_TRUE(found(pattern, kName)) << pattern;
  }
  for (const std::string_view pattern :
       {"ffn_up", "^ffn", "ffn$", R"(blk\.(0|1)\.)", R"(blk\.1[013-9]\.)", "x+", "down.+down",
        R"(\d\d\d)", "^$", "[^0-9]12[^.]", "ff?n$", "weight.", "blk\\.12ffn"}) {
    EXPECT_FALSE(found(pattern, kName)) << pattern;
  }
  EXPECT_TRUE(found("^$", ""));
  EXPECT_TRUE(found("a*$", ""));
  EXPECT_FALSE(found("a", ""));
}

TEST(NamePatternTest, NoPatternTakesLong) {
  const std::string name(60'000, 'a');
  EXPECT_FALSE(found("(a*)*b", name));
  EXPECT_FALSE(found("(a|a)*(a|a)*(a|a)*b", name));
  EXPECT_TRUE(found("(a?)*$", name));
}

TEST(NamePatternTest, WhatIsNoPattern) {
  for (const std::string_view pattern : {"", "*a", "a(", "a)", "(a", "[a", "[", "[]", "[z-a]",
                                         "a\\", "\\b", "a{2}", "(?=a)", "+", "a|*"}) {
    const auto parsed = NamePattern::parse(pattern);
    ASSERT_FALSE(parsed) << pattern;
    EXPECT_EQ(parsed.error().code, ErrorCode::bad_usage);
    EXPECT_NE(parsed.error().message.find("pattern"), std::string::npos);
  }
  EXPECT_FALSE(NamePattern::parse(std::string(2000, 'a')));
  EXPECT_FALSE(NamePattern::parse(std::string(100, '(') + "a" + std::string(100, ')')));
  EXPECT_TRUE(NamePattern::parse(std::string(20, '(') + "a" + std::string(20, ')')));
}

}  // namespace
}  // namespace hearth::quantize
