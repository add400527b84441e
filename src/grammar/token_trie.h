// All tokens of a vocabulary by their bytes, in the order in which a walk meets them: nodes of a
// trie in preorder, so that whole branches are skipped by one jump.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hearth::grammar {

class TokenTrie {
 public:
  static constexpr size_t kLongest = 4096;  // bytes of a token; longer ones are left out

  // pieces[i] is what token i adds to a text; tokens that add nothing are left out.
  explicit TokenTrie(std::span<const std::string> pieces);

  [[nodiscard]] size_t n_vocab() const { return pieces_.size(); }
  [[nodiscard]] const std::string& piece(size_t token) const { return pieces_[token]; }

  [[nodiscard]] uint32_t nodes() const { return static_cast<uint32_t>(nodes_.size() - 1); }
  [[nodiscard]] uint8_t byte(uint32_t node) const { return nodes_[node].byte; }
  // Bytes from the beginning to this node's, itself included.
  [[nodiscard]] uint32_t depth(uint32_t node) const { return nodes_[node].depth; }
  // The first node that does not begin with what this one stands for.
  [[nodiscard]] uint32_t end(uint32_t node) const { return nodes_[node].end; }
  [[nodiscard]] uint32_t deepest() const { return deepest_; }
  // The tokens that are exactly this long.
  [[nodiscard]] std::span<const uint32_t> tokens(uint32_t node) const {
    const uint32_t first = nodes_[node].first_token;
    return std::span(tokens_).subspan(first, nodes_[node + 1].first_token - first);
  }

 private:
  struct Node {
    uint32_t end = 0;
    uint32_t first_token = 0;
    uint16_t depth = 0;
    uint8_t byte = 0;
  };

  std::vector<std::string> pieces_;
  std::vector<Node> nodes_;  // and one behind them
  std::vector<uint32_t> tokens_;
  uint32_t deepest_ = 0;
};

}  // namespace hearth::grammar
