// Remembers within one text which tokens a word became. Prose repeats its words all the time, so
// most of them are copied from where they stand in the output already.
#pragma once

#include <string_view>
#include <vector>

#include "text/hash.h"
#include "text/vocab.h"

namespace hearth::text {

class WordCache {
 public:
  // A short text is done before a table of this size is even cleared.
  explicit WordCache(size_t text_bytes) {
    if (text_bytes >= kWorthwhileBytes) entries_.resize(kEntries);
  }

  // Appends the tokens of a word met before to `out`; false when it is not remembered. On false,
  // `encode()` must be followed by remember() with the size that `out` had before.
  [[nodiscard]] bool copy(std::string_view word, std::vector<Token>& out) {
    if (entries_.empty() || word.size() > kMaxWordBytes) return false;
    current_ = &entries_[hash_text(word, kSeed) & (kEntries - 1)];
    if (current_->word != word) return false;
    for (size_t i = 0; i < current_->count; ++i) out.push_back(out[current_->begin + i]);
    return true;
  }

  // The word last asked for has become out[begin..]; its bytes must outlive the cache.
  void remember(std::string_view word, size_t begin, const std::vector<Token>& out) {
    if (entries_.empty() || word.size() > kMaxWordBytes) return;
    *current_ = {word, begin, out.size() - begin};
  }

 private:
  static constexpr size_t kEntries = 8192;
  static constexpr size_t kMaxWordBytes = 48;
  static constexpr size_t kWorthwhileBytes = 4096;
  static constexpr uint64_t kSeed = 0;  // a collision costs one encoding, never more

  struct Entry {
    std::string_view word;
    size_t begin = 0;  // in the output
    size_t count = 0;
  };

  std::vector<Entry> entries_;
  Entry* current_ = nullptr;
};

}  // namespace hearth::text
