// Merging neighbours, best first: the heart of both SentencePiece BPE (best score) and byte-level
// BPE (lowest rank). Equal neighbours are merged from the left.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "text/vocab.h"

namespace hearth::text {

inline constexpr uint32_t kNoMerge = UINT32_MAX;

// Words are cut here, so that positions fit 32 bits and memory stays bounded on any text.
inline constexpr size_t kMaxWordBytes = size_t{4} << 20;

struct Merge {
  uint32_t rank = kNoMerge;  // lower is better
  Token token = kNoToken;    // what the pair becomes
};

struct Symbol {
  Token token = kNoToken;
  uint32_t begin = 0;   // bytes of the word that it stands for
  uint32_t length = 0;  // 0 when merged into another
  uint32_t next = 0;
  uint32_t prev = 0;
  Merge merge;  // with the next symbol
};

// Buffers to merge one word after the other without new memory for each.
class Merger {
 public:
  void clear() { symbols_.clear(); }
  void push(Token token, size_t length) {
    const uint32_t begin = symbols_.empty() ? 0 : symbols_.back().begin + symbols_.back().length;
    symbols_.push_back({token, begin, static_cast<uint32_t>(length), 0, 0, {}});
  }

  // Merges until no pair is left; `lookup(left, right)` gives the Merge of two neighbours. Takes
  // O(n log n) lookups and steps. Afterwards symbols() are what is left, in order.
  template <class Lookup>
  void run(const Lookup& lookup) {
    if (symbols_.size() < 2) return;
    for (size_t i = 0; i + 1 < symbols_.size(); ++i) {
      symbols_[i].merge = lookup(symbols_[i], symbols_[i + 1]);
    }
    symbols_.back().merge = {};
    if (symbols_.size() <= kFewSymbols) {
      run_few(lookup);
    } else {
      run_many(lookup);
    }
  }

  [[nodiscard]] const std::vector<Symbol>& symbols() const { return symbols_; }

 private:
  // Up to here a scan for the best pair is faster than a heap: most words are shorter.
  static constexpr size_t kFewSymbols = 48;

  template <class Lookup>
  void run_few(const Lookup& lookup) {
    while (true) {
      size_t best = 0;
      for (size_t i = 1; i < symbols_.size(); ++i) {
        if (symbols_[i].merge.rank < symbols_[best].merge.rank) best = i;
      }
      Symbol& left = symbols_[best];
      if (left.merge.rank == kNoMerge) return;
      left.token = left.merge.token;
      left.length += symbols_[best + 1].length;
      symbols_.erase(symbols_.begin() + static_cast<std::ptrdiff_t>(best) + 1);
      const bool last = best + 1 == symbols_.size();
      symbols_[best].merge = last ? Merge{} : lookup(symbols_[best], symbols_[best + 1]);
      if (best != 0) symbols_[best - 1].merge = lookup(symbols_[best - 1], symbols_[best]);
    }
  }

  template <class Lookup>
  void run_many(const Lookup& lookup) {
    const auto count = static_cast<uint32_t>(symbols_.size());
    heap_.clear();
    for (uint32_t i = 0; i < count; ++i) {
      symbols_[i].prev = i - 1;  // of the first: never used
      symbols_[i].next = i + 1;
      if (symbols_[i].merge.rank != kNoMerge) heap_.push_back(entry(i));
    }
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      const auto at = static_cast<uint32_t>(heap_.back());
      const auto rank = static_cast<uint32_t>(heap_.back() >> 32);
      heap_.pop_back();
      // Stale unless the symbol is still there and its pair still has this rank.
      if (symbols_[at].length == 0 || symbols_[at].merge.rank != rank) continue;
      merge_at(at, count, lookup);
    }
    symbols_.erase(std::remove_if(symbols_.begin(), symbols_.end(),
                                  [](const Symbol& symbol) { return symbol.length == 0; }),
                   symbols_.end());
  }

  template <class Lookup>
  void merge_at(uint32_t at, uint32_t count, const Lookup& lookup) {
    Symbol& left = symbols_[at];
    Symbol& right = symbols_[left.next];
    left.token = left.merge.token;
    left.length += right.length;
    left.next = right.next;
    right.length = 0;
    const auto refresh = [&](uint32_t i) {
      symbols_[i].merge = lookup(symbols_[i], symbols_[symbols_[i].next]);
      if (symbols_[i].merge.rank == kNoMerge) return;
      heap_.push_back(entry(i));
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    };
    left.merge = {};
    if (left.next < count) {
      symbols_[left.next].prev = at;
      refresh(at);
    }
    if (at != 0) refresh(left.prev);
  }

  // Rank above position: the smallest entry is the best pair, the leftmost of equals.
  [[nodiscard]] uint64_t entry(uint32_t i) const {
    return uint64_t{symbols_[i].merge.rank} << 32 | i;
  }

  std::vector<Symbol> symbols_;
  std::vector<uint64_t> heap_;
};

}  // namespace hearth::text
