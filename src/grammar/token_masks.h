// Which tokens may follow a place in a grammar.
//
// Most of that depends on the innermost rule alone: inside a string it does not matter which string
// it is. So for a position of a rule the trie of all tokens is walked once, with callers unknown;
// the few branches in which a token leaves the rule are kept, and walked for the real callers each
// time (as the adaptive token masks of Dong et al. 2024, arXiv 2411.15100, do it).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "grammar/stacks.h"
#include "grammar/token_trie.h"

namespace hearth::grammar {

// A bit for each token.
using TokenSet = std::vector<uint64_t>;

class TokenMasks {
 public:
  explicit TokenMasks(const TokenTrie& trie);

  // The tokens of which all bytes may follow. Null when `stacks` became full on the way.
  // Valid until the next call.
  [[nodiscard]] const TokenSet* after(Stacks& stacks, Stacks::State state);

  // The numbers of states mean something else now.
  void forget_states() { of_states_.clear(); }

 private:
  static constexpr size_t kMaxBytes = size_t{32} << 20;  // of remembered sets, of either kind

  struct Frame {
    TokenSet allowed;
    std::vector<uint32_t> left_at;  // nodes at which the rule is over, and tokens go on
  };

  [[nodiscard]] const Frame* frame(Stacks& stacks, Position position);
  // Adds the tokens of nodes [first, end) of the trie, children of a node of depth `depth` at which
  // the text stands in `state`. False when stacks became full.
  [[nodiscard]] bool walk(Stacks& stacks, Stacks::State state, uint32_t depth, uint32_t first,
                          uint32_t end, TokenSet& allowed, std::vector<uint32_t>* left_at);

  const TokenTrie* trie_;
  size_t words_;
  std::vector<Stacks::State> path_;  // the state at each depth of a walk
  std::unordered_map<Position, Frame> frames_;
  std::unordered_map<Stacks::State, TokenSet> of_states_;
};

}  // namespace hearth::grammar
