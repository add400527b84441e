#include "grammar/token_masks.h"

namespace hearth::grammar {

TokenMasks::TokenMasks(const TokenTrie& trie)
    : trie_(&trie), words_((trie.n_vocab() + 63) / 64), path_(trie.deepest() + 1) {}

bool TokenMasks::walk(Stacks& stacks, Stacks::State state, uint32_t depth, uint32_t first,
                      uint32_t end, TokenSet& allowed, std::vector<uint32_t>* left_at) {
  path_[depth] = state;
  for (uint32_t node = first; node < end;) {
    const uint32_t at = trie_->depth(node);
    const Stacks::State next = stacks.step(path_[at - 1], trie_->byte(node));
    if (next == Stacks::kDead) {
      node = trie_->end(node);
      continue;
    }
    if (stacks.full()) return false;
    for (const uint32_t token : trie_->tokens(node))
      allowed[token / 64] |= uint64_t{1} << (token % 64);
    const bool has_more = trie_->end(node) > node + 1;
    if (left_at != nullptr && has_more && stacks.has_left(next)) left_at->push_back(node);
    path_[at] = next;
    ++node;
  }
  return true;
}

const TokenMasks::Frame* TokenMasks::frame(Stacks& stacks, Position position) {
  const auto known = frames_.find(position);
  if (known != frames_.end()) return &known->second;
  if (frames_.size() * words_ * sizeof(uint64_t) >= kMaxBytes) frames_.clear();
  Frame made{TokenSet(words_), {}};
  const Stacks::State inside = stacks.inside(position);
  if (!walk(stacks, inside, 0, 0, trie_->nodes(), made.allowed, &made.left_at)) return nullptr;
  return &frames_.emplace(position, std::move(made)).first->second;
}

const TokenSet* TokenMasks::after(Stacks& stacks, Stacks::State state) {
  const auto known = of_states_.find(state);
  if (known != of_states_.end()) return &known->second;
  if (of_states_.size() * words_ * sizeof(uint64_t) >= kMaxBytes) of_states_.clear();
  TokenSet allowed(words_);
  const auto readings = stacks.readings(state);
  // By value: numbering states moves them.
  for (const Stacks::Stack reading : std::vector(readings.begin(), readings.end())) {
    const Frame* inner = frame(stacks, stacks.position(reading));
    if (inner == nullptr) return nullptr;
    for (size_t i = 0; i < words_; ++i) allowed[i] |= inner->allowed[i];
    if (inner->left_at.empty()) continue;
    const Stacks::State below = stacks.below(reading);
    for (const uint32_t node : inner->left_at) {
      if (!walk(stacks, below, trie_->depth(node), node + 1, trie_->end(node), allowed, nullptr))
        return nullptr;
    }
  }
  return &of_states_.emplace(state, std::move(allowed)).first->second;
}

}  // namespace hearth::grammar
