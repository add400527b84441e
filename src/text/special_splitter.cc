#include "text/special_splitter.h"

#include <algorithm>

namespace hearth::text {

SpecialSplitter::SpecialSplitter(const Vocab& vocab) {
  for (size_t i = 0; i < vocab.size(); ++i) {
    const auto token = static_cast<Token>(i);
    const TokenKind kind = vocab.kind(token);
    const bool special =
        kind == TokenKind::control || kind == TokenKind::user_defined || kind == TokenKind::unknown;
    const size_t length = vocab.text(token).size();
    if (special && length != 0 && length <= kMaxBytes) sorted_.push_back(token);
  }
  // Of tokens with the same text only the first can ever match.
  std::sort(sorted_.begin(), sorted_.end(), [&](Token a, Token b) {
    const int order = vocab.text(a).compare(vocab.text(b));
    return order != 0 ? order < 0 : a < b;
  });
  sorted_.erase(std::unique(sorted_.begin(), sorted_.end(),
                            [&](Token a, Token b) { return vocab.text(a) == vocab.text(b); }),
                sorted_.end());
  for (const Token token : sorted_) {
    ++first_byte_[size_t{static_cast<unsigned char>(vocab.text(token)[0])} + 1];
  }
  for (size_t byte = 1; byte < first_byte_.size(); ++byte) {
    first_byte_[byte] += first_byte_[byte - 1];
  }
}

SpecialSplitter::Match SpecialSplitter::find(const Vocab& vocab, std::string_view text, size_t from,
                                             bool parse_special) const {
  if (sorted_.empty()) return {};
  for (size_t at = from; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (first_byte_[byte] == first_byte_[size_t{byte} + 1]) continue;
    const Match match = match_at(vocab, text, at, parse_special);
    if (match.length != 0) return match;
  }
  return {};
}

// Narrows the sorted range byte by byte; a text that ends at the depth reached stands first in it.
SpecialSplitter::Match SpecialSplitter::match_at(const Vocab& vocab, std::string_view text,
                                                 size_t at, bool parse_special) const {
  const auto first = static_cast<unsigned char>(text[at]);
  auto low = sorted_.begin() + first_byte_[first];
  auto high = sorted_.begin() + first_byte_[size_t{first} + 1];
  Match best;
  for (size_t depth = 1; low != high; ++depth) {
    if (vocab.text(*low).size() == depth) {
      const bool counts = parse_special || vocab.kind(*low) == TokenKind::user_defined;
      if (counts) best = {at, depth, *low};
      ++low;
    }
    if (at + depth >= text.size()) break;
    const auto byte = static_cast<unsigned char>(text[at + depth]);
    const auto byte_of = [&](Token token) {
      return static_cast<unsigned char>(vocab.text(token)[depth]);
    };
    low = std::partition_point(low, high, [&](Token token) { return byte_of(token) < byte; });
    high = std::partition_point(low, high, [&](Token token) { return byte_of(token) <= byte; });
  }
  return best;
}

}  // namespace hearth::text
