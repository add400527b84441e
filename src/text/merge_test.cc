#include "text/merge.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <utility>
#include <vector>

#include "text/pair_table.h"

namespace hearth::text {
namespace {

using Rules = std::map<std::pair<Token, Token>, Merge>;
using Tokens = std::vector<Token>;

Tokens merge_with_merger(const Tokens& tokens, const Rules& rules, size_t* lookups = nullptr) {
  Merger merger;
  for (const Token token : tokens) merger.push(token, 1);
  merger.run([&](const Symbol& left, const Symbol& right) {
    if (lookups != nullptr) ++*lookups;
    const auto rule = rules.find({left.token, right.token});
    return rule == rules.end() ? Merge{} : rule->second;
  });
  Tokens merged;
  uint32_t at = 0;
  for (const Symbol& symbol : merger.symbols()) {
    EXPECT_EQ(symbol.begin, at);
    at += symbol.length;
    merged.push_back(symbol.token);
  }
  EXPECT_EQ(at, tokens.size());
  return merged;
}

// The definition, without any cleverness: the best pair, the leftmost of equals, again and again.
Tokens merge_by_definition(Tokens tokens, const Rules& rules) {
  while (true) {
    size_t best = tokens.size();
    Merge merge;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      const auto rule = rules.find({tokens[i], tokens[i + 1]});
      if (rule == rules.end() || rule->second.rank >= merge.rank) continue;
      best = i;
      merge = rule->second;
    }
    if (best == tokens.size()) return tokens;
    tokens[best] = merge.token;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(Merger, LeavesNothingAndOneSymbolAlone) {
  EXPECT_EQ(merge_with_merger({}, {}), Tokens{});
  EXPECT_EQ(merge_with_merger({5}, {}), Tokens{5});
}

TEST(Merger, MergesTheBestPairFirstAndEqualsFromTheLeft) {
  const Rules rules = {{{1, 1}, {7, 10}}, {{10, 10}, {3, 20}}, {{10, 1}, {9, 30}}};
  EXPECT_EQ(merge_with_merger({1, 1, 1}, rules), (Tokens{30}));
  EXPECT_EQ(merge_with_merger({1, 1, 1, 1}, rules), (Tokens{20}));
  EXPECT_EQ(merge_with_merger({1, 1, 1, 1, 1}, rules), (Tokens{20, 1}));
}

// Words of both sizes: few symbols take another path than many. Several rules share a rank, as
// tokens of equal score do.
TEST(Merger, DoesWhatTheDefinitionSays) {
  EXPECT_TRUE(rc::check([] {
    const auto length = *rc::gen::element<size_t>(2, 7, 47, 48, 49, 50, 200);
    const auto tokens = *rc::gen::container<Tokens>(length, rc::gen::inRange(0, 3));
    const auto count = *rc::gen::inRange(0, 25);
    Rules rules;
    for (Token made = 3; made < 3 + count; ++made) {
      const auto left = *rc::gen::inRange(0, made);
      const auto right = *rc::gen::inRange(0, made);
      const auto rank = *rc::gen::inRange<uint32_t>(0, 12);
      rules.emplace(std::pair{left, right}, Merge{rank, made});
    }
    RC_ASSERT(merge_with_merger(tokens, rules) == merge_by_definition(tokens, rules));
  }));
}

TEST(Merger, TakesLinearlyManyLookupsOnALongWord) {
  Rules rules;
  for (Token level = 0; level < 20; ++level) {
    rules[{level, level}] = {static_cast<uint32_t>(level), level + 1};
  }
  size_t lookups = 0;
  const size_t length = size_t{1} << 18;
  EXPECT_EQ(merge_with_merger(Tokens(length, 0), rules, &lookups), (Tokens{18}));
  EXPECT_LT(lookups, 4 * length);
}

TEST(PairTable, KeepsTheFirstOfRepeatedPairs) {
  PairTable table;
  EXPECT_EQ(table.find(1, 2).rank, kNoMerge);
  EXPECT_EQ(table.find(kNoToken, 0).rank, kNoMerge);
  table.reserve(1000);
  for (Token i = 0; i < 1000; ++i) table.insert(i, i + 1, {static_cast<uint32_t>(i), i});
  table.insert(5, 6, {99, 99});
  for (Token i = 0; i < 1000; ++i) {
    EXPECT_EQ(table.find(i, i + 1).token, i);
    EXPECT_EQ(table.find(i + 1, i).rank, kNoMerge);
  }
}

}  // namespace
}  // namespace hearth::text
