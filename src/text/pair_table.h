// The merges of byte-level BPE: which two tokens become which third, and how early.
#pragma once

#include <cstdint>
#include <vector>

#include "text/hash.h"
#include "text/merge.h"
#include "text/vocab.h"

namespace hearth::text {

class PairTable {
 public:
  PairTable() { reserve(0); }

  // Makes room for `count` pairs; call before the first insert.
  void reserve(size_t count) {
    size_t slots = 16;
    while (slots < count + count / 2) slots *= 2;
    slots_.assign(slots, Slot{});
    seed_ = hash_seed();
  }

  // The first entry of a pair stays.
  void insert(Token left, Token right, Merge merge) {
    Slot& slot = slots_[place(key_of(left, right))];
    if (slot.key == kFree) slot = {key_of(left, right), merge};
  }

  [[nodiscard]] Merge find(Token left, Token right) const {
    return slots_[place(key_of(left, right))].merge;
  }

 private:
  static constexpr uint64_t kFree = UINT64_MAX;

  struct Slot {
    uint64_t key = kFree;
    Merge merge;
  };

  [[nodiscard]] static uint64_t key_of(Token left, Token right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }

  // The slot that holds the key, or the free one where it would go.
  [[nodiscard]] size_t place(uint64_t key) const {
    const size_t mask = slots_.size() - 1;
    size_t at = hash_number(key, seed_) & mask;
    while (slots_[at].key != key && slots_[at].key != kFree) at = (at + 1) & mask;
    return at;
  }

  std::vector<Slot> slots_;
  uint64_t seed_ = 0;
};

}  // namespace hearth::text
