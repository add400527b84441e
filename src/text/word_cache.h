// Remembers within one text which tokens a word became. Prose repeats its words all the time, so
// most of them are copied from where they stand in the output already.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "text/hash.h"
#include "text/vocab.h"

namespace hearth::text {

class WordCache {
 public:
  // A short text is done before a table of any size is even cleared.
  explicit WordCache(size_t text_bytes) {
    if (text_bytes < kWorthwhileBytes) return;
    size_t entries = kFewestEntries;
    while (entries < kMostEntries && entries < text_bytes / kBytesPerEntry) entries *= 2;
    entries_.resize(entries);
  }

  // Appends the tokens of a word met before to `out`; false when it is not remembered. On false,
  // `encode()` must be followed by remember() with the size that `out` had before.
  [[nodiscard]] bool copy(std::string_view word, std::vector<Token>& out) {
    if (entries_.empty() || word.size() > kMaxWordBytes) return false;
    current_ = &entries_[hash_text(word, kSeed) & (entries_.size() - 1)];
    if (current_->length != word.size() ||
        std::memcmp(current_->word, word.data(), word.size()) != 0) {
      return false;
    }
    for (size_t i = 0; i < current_->count; ++i) out.push_back(out[current_->begin + i]);
    return true;
  }

  // The word last asked for has become out[begin..]; its bytes must outlive the cache.
  void remember(std::string_view word, size_t begin, const std::vector<Token>& out) {
    if (entries_.empty() || word.size() > kMaxWordBytes) return;
    *current_ = {word.data(), begin, static_cast<uint16_t>(word.size()),
                 static_cast<uint16_t>(out.size() - begin)};
  }

 private:
  static constexpr size_t kFewestEntries = 1024;
  static constexpr size_t kMostEntries = size_t{1} << 16;  // 1.5 MB: what a core has to itself
  static constexpr size_t kBytesPerEntry = 8;
  static constexpr size_t kMaxWordBytes = 48;
  static constexpr size_t kWorthwhileBytes = 4096;
  static constexpr uint64_t kSeed = 0;  // a collision costs one encoding, never more

  struct Entry {
    const char* word = nullptr;
    size_t begin = 0;     // in the output
    uint16_t length = 0;  // 0: none
    uint16_t count = 0;   // of tokens
  };

  std::vector<Entry> entries_;
  Entry* current_ = nullptr;
};

}  // namespace hearth::text
