#include "grammar/token_trie.h"

#include <algorithm>

namespace hearth::grammar {

TokenTrie::TokenTrie(std::span<const std::string> pieces) : pieces_(pieces.begin(), pieces.end()) {
  for (uint32_t token = 0; token < pieces_.size(); ++token) {
    if (!pieces_[token].empty() && pieces_[token].size() <= kLongest) tokens_.push_back(token);
  }
  std::sort(tokens_.begin(), tokens_.end(), [&](uint32_t a, uint32_t b) {
    return pieces_[a] != pieces_[b] ? pieces_[a] < pieces_[b] : a < b;
  });
  std::vector<uint32_t> open;  // from the root to the last token
  const auto close = [&](size_t depth) {
    for (; open.size() > depth; open.pop_back())
      nodes_[open.back()].end = static_cast<uint32_t>(nodes_.size());
  };
  for (uint32_t t = 0; t < tokens_.size(); ++t) {
    const std::string& piece = pieces_[tokens_[t]];
    size_t common = 0;
    while (common < open.size() && common < piece.size() &&
           nodes_[open[common]].byte == static_cast<uint8_t>(piece[common])) {
      ++common;
    }
    close(common);
    for (size_t i = common; i < piece.size(); ++i) {
      open.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, t, static_cast<uint16_t>(i + 1), static_cast<uint8_t>(piece[i])});
    }
    deepest_ = std::max(deepest_, static_cast<uint32_t>(piece.size()));
  }
  close(0);
  nodes_.push_back(
      {static_cast<uint32_t>(nodes_.size() + 1), static_cast<uint32_t>(tokens_.size()), 0, 0});
}

}  // namespace hearth::grammar
