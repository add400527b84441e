#include "grammar/constraint.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace hearth::grammar {

Constraint::Constraint(std::shared_ptr<const Grammar> grammar,
                       std::shared_ptr<const TokenTrie> trie, std::vector<int32_t> ends)
    : grammar_(std::move(grammar)),
      trie_(std::move(trie)),
      ends_(std::move(ends)),
      stacks_(*grammar_),
      masks_(*trie_),
      state_(stacks_.start()) {}

void Constraint::make_room() {
  state_ = stacks_.compact(state_);
  masks_.forget_states();
}

Result<const TokenSet*> Constraint::allowed() {
  const TokenSet* found = masks_.after(stacks_, state_);
  if (found == nullptr) {
    make_room();
    found = masks_.after(stacks_, state_);
  }
  if (found == nullptr || stacks_.ambiguous()) {
    return fail(ErrorCode::too_large,
                "the grammar can be read in too many ways: write it so that what follows decides");
  }
  return found;
}

Result<void> Constraint::apply(std::span<float> logits) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  HEARTH_TRY(const TokenSet* allowed, allowed());
  std::vector<float> kept;
  if (may_end()) {
    for (const int32_t end : ends_) kept.push_back(logits[static_cast<size_t>(end)]);
  }
  bool any = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    const bool may = i / 64 < allowed->size() && ((*allowed)[i / 64] >> (i % 64) & 1) != 0;
    any = any || may;
    if (!may) logits[i] = kNever;
  }
  for (size_t k = 0; k < kept.size(); ++k) logits[static_cast<size_t>(ends_[k])] = kept[k];
  if (any || !kept.empty()) return {};
  return fail(ErrorCode::bad_usage, "the grammar asks for what no token of this model says");
}

Result<void> Constraint::accept(int32_t token) {
  if (std::find(ends_.begin(), ends_.end(), token) != ends_.end()) return {};
  if (stacks_.full()) make_room();
  for (const char c : trie_->piece(static_cast<size_t>(token)))
    state_ = stacks_.step(state_, static_cast<uint8_t>(c));
  if (state_ != Stacks::kDead) return {};
  return fail(ErrorCode::internal, "a token that the grammar does not allow");
}

}  // namespace hearth::grammar
