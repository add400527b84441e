// Masks beside the slow way: each token's bytes, one after the other.
#include "grammar/token_masks.h"

#include <cmath>

#include "base/rng.h"
#include "grammar/constraint.h"
#include "grammar/test_grammar.h"

namespace hearth::grammar {
namespace {

// Pieces of JSON and of anything else, some of them twice, and a token without text.
std::vector<std::string> some_pieces(uint64_t seed) {
  constexpr std::string_view kBytes = "{}[]\":, \n\\truefalsn0123456789.-eEab\xC3\xA4\xF0x";
  Rng rng(seed);
  std::vector<std::string> pieces{"", "{\"", "\": ", "\",", "},", "\"}", "true", "null", " ", "  "};
  for (const char c : kBytes) pieces.emplace_back(1, c);
  for (int i = 0; i < 400; ++i) {
    std::string piece;
    for (uint64_t n = 1 + rng.below(5); n > 0; --n) piece += kBytes[rng.below(kBytes.size())];
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

bool has(const TokenSet& set, size_t token) { return (set[token / 64] >> (token % 64) & 1) != 0; }

constexpr std::string_view kGrammars[] = {
    kJson,
    "root ::= [a-e]* | [0-9]{2,5} (\".\" [0-9]+)?",
    "root ::= \"a\" root \"b\" | \"e\"*",
    "root ::= item (\",\" item)*\nitem ::= \"t\"? \"r\"",
    "root ::= (list | other)+\nlist ::= \"[\" (root (\",\" root)*)? \"]\"\nother ::= [^\\[\\],]+",
    "root ::= a | b\na ::= \"tr\" c\nb ::= \"t\" d\nc ::= \"ue\" | \"e\"\nd ::= \"rue\" [0-9]",
};

TEST(TokenMasksTest, AreThoseOfReadingEachToken) {
  for (const std::string_view gbnf : kGrammars) {
    const Grammar grammar = grammar_of(gbnf);
    const std::vector<std::string> pieces = some_pieces(3);
    const TokenTrie trie(pieces);
    Rng rng(7);
    for (int walk = 0; walk < 20; ++walk) {
      Stacks stacks(grammar);
      TokenMasks masks(trie);
      Stacks::State state = stacks.start();
      for (int step = 0; step < 40; ++step) {
        const TokenSet* set = masks.after(stacks, state);
        ASSERT_NE(set, nullptr);
        std::vector<std::pair<size_t, Stacks::State>> next;
        for (size_t token = 0; token < pieces.size(); ++token) {
          Stacks::State after = pieces[token].empty() ? Stacks::kDead : state;
          for (const char c : pieces[token]) after = stacks.step(after, static_cast<uint8_t>(c));
          ASSERT_EQ(has(*set, token), after != Stacks::kDead) << pieces[token];
          if (after != Stacks::kDead) next.emplace_back(token, after);
        }
        if (next.empty()) break;
        state = next[rng.below(next.size())].second;
        if (rng.below(5) == 0) {
          state = stacks.compact(state);
          masks.forget_states();
        }
      }
    }
  }
}

TEST(ConstraintTest, OnlyWhatTheGrammarAllows) {
  auto grammar = std::make_shared<const Grammar>(grammar_of(kJson));
  const std::vector<std::string> pieces = some_pieces(4);
  auto trie = std::make_shared<const TokenTrie>(pieces);
  Rng rng(5);
  int whole = 0;
  for (int answer = 0; answer < 40; ++answer) {
    Constraint constraint(grammar, trie, {0});
    std::string text;
    for (int step = 0; step < 200; ++step) {
      std::vector<float> logits(pieces.size() + 3);  // some models have more logits than tokens
      for (float& logit : logits) logit = static_cast<float>(rng.uniform());
      ASSERT_TRUE(constraint.apply(logits));
      EXPECT_EQ(std::isfinite(logits[0]), constraint.may_end());
      if (constraint.may_end()) logits[0] = 2;  // ends as soon as it may
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      ASSERT_LT(best, std::ssize(pieces));
      ASSERT_TRUE(constraint.accept(static_cast<int32_t>(best)));
      if (best == 0) break;
      text += pieces[static_cast<size_t>(best)];
    }
    Stacks stacks(*grammar);
    EXPECT_NE(read_all(stacks, text), Stacks::kDead) << text;
    whole += matches(*grammar, text) ? 1 : 0;
  }
  EXPECT_GT(whole, 0);
}

TEST(ConstraintTest, SaysWhatCannotGoOn) {
  auto grammar = std::make_shared<const Grammar>(grammar_of("root ::= \"xyz\""));
  auto trie = std::make_shared<const TokenTrie>(std::vector<std::string>{"", "x", "z"});
  Constraint constraint(grammar, trie, {0});
  std::vector<float> logits(3);
  ASSERT_TRUE(constraint.apply(logits));
  EXPECT_FALSE(constraint.accept(2));
  Constraint other(grammar, trie, {0});
  ASSERT_TRUE(other.accept(1));
  const Result<void> stuck = other.apply(logits);
  ASSERT_FALSE(stuck);
  EXPECT_EQ(stuck.error().code, ErrorCode::bad_usage);
}

// A text with more readings than can be followed is an error, not a crash or a wait.
TEST(ConstraintTest, TooManyReadings) {
  auto grammar = std::make_shared<const Grammar>(
      grammar_of("root ::= \"a\" root tail | \"e\"\ntail ::= \"b\"? \"c\"? | \"bc\""));
  auto trie = std::make_shared<const TokenTrie>(std::vector<std::string>{"", "a", "e", "b", "c"});
  Constraint constraint(grammar, trie, {0});
  bool refused = false;
  for (int i = 0; i < 3000 && !refused; ++i) {
    std::vector<float> logits(5);
    refused = !constraint.apply(logits) || !constraint.accept(i < 1500 ? 1 : i == 1500 ? 2 : 3);
  }
  EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace hearth::grammar
