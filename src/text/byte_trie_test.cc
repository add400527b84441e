#include "text/byte_trie.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <string>

namespace hearth::text {
namespace {

ByteTrie make(const std::vector<std::string>& texts) {
  std::vector<ByteTrie::Entry> entries;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i].empty()) entries.push_back({texts[i], static_cast<uint32_t>(i)});
  }
  auto made = ByteTrie::create(std::move(entries), "the texts");
  EXPECT_TRUE(made) << made.error().message;
  return *std::move(made);
}

TEST(ByteTrie, FindsTheLongestText) {
  const ByteTrie trie = make({"a", "abc", "ab", "b\xFF", "a"});
  EXPECT_EQ(trie.longest("abcd", 0).value, 1u);
  EXPECT_EQ(trie.longest("abx", 0).value, 2u);
  EXPECT_EQ(trie.longest("abx", 0).length, 2u);
  EXPECT_EQ(trie.longest("xa", 1).value, 0u);  // the first of equal texts
  EXPECT_EQ(trie.longest("b\xFF\xFF", 0).length, 2u);
  EXPECT_EQ(trie.longest("b", 0).length, 0u);
  EXPECT_EQ(trie.longest("", 0).length, 0u);
  EXPECT_EQ(ByteTrie().longest("a", 0).length, 0u);
}

TEST(ByteTrie, FindsWhatAMapFinds) {
  EXPECT_TRUE(rc::check([](const std::vector<std::string>& texts, const std::string& text) {
    const ByteTrie trie = make(texts);
    std::map<std::string, uint32_t> known;
    for (size_t i = 0; i < texts.size(); ++i) known.emplace(texts[i], static_cast<uint32_t>(i));
    for (const std::string& each : texts) {
      if (each.empty()) continue;
      const ByteTrie::Match match = trie.longest(each, 0);
      RC_ASSERT(match.length == each.size());
      RC_ASSERT(match.value == known[each]);
    }
    for (size_t at = 0; at < text.size(); ++at) {
      size_t longest = 0;
      for (const auto& [each, value] : known) {
        if (text.compare(at, each.size(), each) == 0) longest = std::max(longest, each.size());
      }
      RC_ASSERT(trie.longest(text, at).length == longest);
    }
  }));
}

TEST(ByteTrie, RefusesTooManyBeginnings) {
  const std::string huge(ByteTrie::kMaxNodes + 1, 'a');
  const auto made = ByteTrie::create({{huge, 0}}, "the texts");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::too_large);
  EXPECT_THAT(made.error().message, testing::HasSubstr("the texts"));
}

}  // namespace
}  // namespace hearth::text
