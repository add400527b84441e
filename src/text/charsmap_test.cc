#include "text/charsmap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "text/test_vocab.h"

namespace hearth::text {
namespace {

using testing::HasSubstr;

Charsmap read(const std::string& bytes) {
  auto made = Charsmap::read(as_bytes(bytes));
  EXPECT_TRUE(made) << made.error().message;
  return made ? *std::move(made) : Charsmap();
}

Error error_of(const std::string& bytes) {
  const auto made = Charsmap::read(as_bytes(bytes));
  EXPECT_FALSE(made);
  return made ? Error{} : made.error();
}

std::string apply(const Charsmap& map, std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (const size_t plain = map.plain_run(text, at); plain != 0) {
      out += text.substr(at, plain);
      at += plain;
      continue;
    }
    const Charsmap::Step step = map.step(text, at);
    out += step.text;
    at += step.consumed;
  }
  return out;
}

TEST(Charsmap, ReplacesTheLongestText) {
  const Charsmap map = read(charsmap_bytes(
      {{"\t", " "}, {"\uFF21", "A"}, {"e\u0301", "\u00E9"}, {"\u00AD", ""}, {"\uFB01", "fi"}}));
  EXPECT_EQ(map.rules(), 5u);
  EXPECT_EQ(apply(map, "a\tb \uFF21e\u0301e\uFB01\u00AD!"), "a b A\u00E9efi!");
  EXPECT_EQ(apply(map, ""), "");
}

TEST(Charsmap, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(apply(Charsmap(), "a\xFF\xE2\x82z"), "a\uFFFD\uFFFD\uFFFDz");
  EXPECT_EQ(apply(Charsmap(), "\u20AC"), "\u20AC");
}

TEST(Charsmap, RefusesSizesThatDoNotFit) {
  const std::string good = charsmap_bytes({{"a", "b"}});
  for (const size_t size : {size_t{1}, size_t{4}, size_t{8}, good.size() - 3}) {
    EXPECT_EQ(error_of(good.substr(0, size)).code, ErrorCode::bad_file) << size;
  }
  EXPECT_EQ(read("").rules(), 0u);
  std::string odd = good;
  odd[0] = 2;
  EXPECT_THAT(error_of(odd).message, HasSubstr("precompiled_charsmap"));
  EXPECT_EQ(error_of(std::string(8, '\0')).code, ErrorCode::bad_file);  // an array of nothing
  EXPECT_EQ(error_of(std::string(Charsmap::kMaxBytes + 1, '\0')).code, ErrorCode::too_large);
}

TEST(Charsmap, RefusesBadReplacements) {
  std::string bytes = charsmap_bytes({{"a", "b"}});
  bytes.back() = 'x';  // no end
  EXPECT_THAT(error_of(bytes).message, HasSubstr("no end"));
  EXPECT_THAT(error_of(charsmap_bytes({{"a", "\xFF"}})).message, HasSubstr("UTF-8"));
  EXPECT_EQ(error_of(charsmap_bytes({{"a", std::string(300, 'b')}})).code, ErrorCode::too_large);
  EXPECT_EQ(error_of(charsmap_bytes({{std::string(65, 'a'), "b"}})).code, ErrorCode::too_large);
  bytes = charsmap_bytes({{"a", "b"}});
  bytes[4 + 4 * 512] = 7;  // the value of the rule: the leaf of the node "a"
  EXPECT_THAT(error_of(bytes).message, HasSubstr("outside of the replacements"));
}

// A unit that leads back to its own block: the rules would never end.
TEST(Charsmap, RefusesCircles) {
  std::string bytes = charsmap_bytes({{"a", "b"}});
  const uint32_t at = 256 ^ 'a';
  const uint32_t unit = 'a' | (at ^ 256) << 10;
  std::memcpy(bytes.data() + 4 + 4 * at, &unit, sizeof unit);
  EXPECT_EQ(error_of(bytes).code, ErrorCode::too_large);
}

TEST(Charsmap, NeverReadsOutsideOfDamagedFiles) {
  const std::string good = charsmap_bytes({{"a", "b"}, {"ab", "c"}, {"\u00E9", "e"}});
  Rng random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 4; ++i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    const auto made = Charsmap::read(as_bytes(bytes));
    if (made) EXPECT_TRUE(is_valid_utf8(apply(*made, "abc\u00E9 a\xFF")));
  }
}

}  // namespace
}  // namespace hearth::text
