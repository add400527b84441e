// Keeps an answer within a grammar, token by token.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "grammar/grammar.h"
#include "grammar/stacks.h"
#include "grammar/token_masks.h"
#include "grammar/token_trie.h"

namespace hearth::grammar {

// For one answer at a time, and one thread. Grammar and trie may be shared between many.
class Constraint {
 public:
  // `ends`: the tokens that end an answer; they are allowed where the grammar may be over.
  Constraint(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTrie> trie,
             std::vector<int32_t> ends);

  // Makes the logits of all tokens that cannot follow minus infinity: [n_vocab]. too_large: the
  // grammar has too many readings of the answer. bad_usage: no token of the model can go on.
  [[nodiscard]] Result<void> apply(std::span<float> logits);

  // Goes on behind a token that apply() left.
  [[nodiscard]] Result<void> accept(int32_t token);

  // Whether the answer may end here; whether nothing can follow.
  [[nodiscard]] bool may_end() const { return stacks_.may_end(state_); }
  [[nodiscard]] bool is_over() const { return stacks_.readings(state_).empty(); }

 private:
  [[nodiscard]] Result<const TokenSet*> allowed();
  void make_room();

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const TokenTrie> trie_;
  std::vector<int32_t> ends_;
  Stacks stacks_;
  TokenMasks masks_;
  Stacks::State state_;
};

}  // namespace hearth::grammar
