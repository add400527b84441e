// Texts with a number each, walked byte by byte. Children of a node stand next to each other,
// sorted, so a node costs nine bytes and building takes time linear in the bytes of all texts (and
// a sort).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text {

class ByteTrie {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kMaxNodes = size_t{16} << 20;

  struct Entry {
    std::string_view text;  // not empty
    uint32_t value = 0;     // below kNone
  };

  ByteTrie() { build_root(); }

  // Of entries with the same text the one with the lowest value counts. too_large: more than
  // kMaxNodes different beginnings; `what` names the texts in the message.
  [[nodiscard]] static Result<ByteTrie> create(std::vector<Entry> entries, std::string_view what);

  // The node behind the root, or kNone.
  [[nodiscard]] uint32_t first(unsigned char byte) const { return root_[byte]; }
  // The node behind `node`, or kNone.
  [[nodiscard]] uint32_t next(uint32_t node, unsigned char byte) const {
    uint32_t at = nodes_[node].children;
    uint32_t end = nodes_[node + 1].children;
    while (end - at > kFew) {
      const uint32_t middle = at + (end - at) / 2;
      (labels_[middle] <= byte ? at : end) = middle;
    }
    for (; at < end; ++at) {
      if (labels_[at] == byte) return at;
    }
    return kNone;
  }
  // The number of the text that ends at `node`, or kNone.
  [[nodiscard]] uint32_t value(uint32_t node) const { return nodes_[node].value; }
  // Whether some text goes on behind `node` with a byte below `limit`.
  [[nodiscard]] bool continues_below(uint32_t node, unsigned limit) const {
    const uint32_t at = nodes_[node].children;
    return at < nodes_[node + 1].children && labels_[at] < limit;
  }

  struct Match {
    size_t length = 0;  // 0: none
    uint32_t value = kNone;
  };
  // The longest text that text[at..] begins with.
  [[nodiscard]] Match longest(std::string_view text, size_t at) const;

 private:
  static constexpr uint32_t kFew = 8;

  struct Node {
    uint32_t children = 0;  // they end where those of the next node begin
    uint32_t value = kNone;
  };

  void build_root();

  std::array<uint32_t, 256> root_{};
  std::vector<Node> nodes_;  // one more than there are
  std::vector<unsigned char> labels_;
};

}  // namespace hearth::text
