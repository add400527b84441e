// Remembers within one text which tokens a word became. Prose repeats its words all the time, so
// most of them are copied. A word is remembered the second time it comes: names and numbers that
// come once would only push others out.
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
    tags_.resize(entries);
  }

  // Appends the tokens of a word met before to `out`; false when it is not remembered. On false,
  // `encode()` must be followed by remember() with the size that `out` had before.
  [[nodiscard]] bool copy(std::string_view word, std::vector<Token>& out) {
    if (entries_.empty() || word.size() > kMaxWordBytes) return false;
    const uint64_t hash = hash_text(word, kSeed);
    const size_t place = hash & (entries_.size() - 1);
    const auto tag = static_cast<uint32_t>(hash >> 32);
    current_ = nullptr;
    if (tags_[place] != tag) {
      tags_[place] = tag;
      return false;
    }
    current_ = &entries_[place];
    if (current_->length != word.size() ||
        std::memcmp(current_->word, word.data(), word.size()) != 0) {
      return false;
    }
    out.insert(out.end(), current_->tokens, current_->tokens + current_->count);
    return true;
  }

  // The word last asked for has become out[begin..].
  void remember(std::string_view word, size_t begin, const std::vector<Token>& out) {
    const size_t count = out.size() - begin;
    if (current_ == nullptr || word.size() > kMaxWordBytes || count > kMaxTokens) return;
    std::memcpy(current_->word, word.data(), word.size());
    if (count != 0) std::memcpy(current_->tokens, out.data() + begin, count * sizeof(Token));
    current_->length = static_cast<uint8_t>(word.size());
    current_->count = static_cast<uint8_t>(count);
  }

 private:
  static constexpr size_t kFewestEntries = 1024;
  static constexpr size_t kMostEntries = size_t{1} << 15;
  static constexpr size_t kBytesPerEntry = 8;
  static constexpr size_t kMaxWordBytes = 46;
  static constexpr size_t kMaxTokens = 20;
  static constexpr size_t kWorthwhileBytes = 4096;
  static constexpr uint64_t kSeed = 0;  // a collision costs one encoding, never more

  // Two lines of a processor's cache, of which most words need one: what is remembered elsewhere
  // would have to be brought from memory.
  struct alignas(64) Entry {
    uint8_t length = 0;  // 0: none
    uint8_t count = 0;
    char word[kMaxWordBytes];
    Token tokens[kMaxTokens];
  };
  static_assert(sizeof(Entry) == 128);

  std::vector<Entry> entries_;
  std::vector<uint32_t> tags_;  // of the last word that came to each place
  Entry* current_ = nullptr;    // where the word asked for last is to be remembered
};

}  // namespace hearth::text
