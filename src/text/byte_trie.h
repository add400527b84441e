// Texts with a number each, walked byte by byte. Children of a node stand next to each other,
// sorted, so a node costs nine bytes and building takes time linear in the bytes of all texts (and
// a sort).
//
// The first nodes with many children have a table of them, too.
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

  ByteTrie() { root_.fill(kNone); }

  // Of entries with the same text the one with the lowest value counts. too_large: more than
  // kMaxNodes different beginnings; `what` names the texts in the message.
  [[nodiscard]] static Result<ByteTrie> create(std::vector<Entry> entries, std::string_view what);

  // The node behind the root, or kNone.
  [[nodiscard]] uint32_t first(unsigned char byte) const { return root_[byte]; }
  // The node behind `node`, or kNone.
  [[nodiscard]] uint32_t next(uint32_t node, unsigned char byte) const {
    uint32_t at = nodes_[node].children;
    if ((at & kInTable) != 0) return tables_[at & ~kInTable][byte];
    uint32_t end = first_child(node + 1);
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
    const uint32_t at = first_child(node);
    return at < first_child(node + 1) && labels_[at] < limit;
  }

  struct Match {
    size_t length = 0;  // 0: none
    uint32_t value = kNone;
  };
  // The longest text that text[at..] begins with.
  [[nodiscard]] Match longest(std::string_view text, size_t at) const {
    return at < text.size() ? longest(text, at, first(static_cast<unsigned char>(text[at])), at + 1)
                            : Match{};
  }
  // The same for one who has walked to `node` with text[at..end-1].
  [[nodiscard]] Match longest(std::string_view text, size_t at, uint32_t node, size_t end) const {
    Match best;
    while (node != kNone) {
      if (value(node) != kNone) best = {end - at, value(node)};
      if (end >= text.size()) break;
      node = next(node, static_cast<unsigned char>(text[end++]));
    }
    return best;
  }

 private:
  static constexpr uint32_t kFew = 8;
  static constexpr uint32_t kMany = 12;
  static constexpr size_t kMaxTables = 4096;  // of 1 KiB
  static constexpr uint32_t kInTable = uint32_t{1} << 31;

  struct Node {
    // The first of them; they end where those of the next node begin. With kInTable the number of
    // the table, whose last entry is the first child.
    uint32_t children = 0;
    uint32_t value = kNone;
  };

  using Table = std::array<uint32_t, 257>;

  [[nodiscard]] uint32_t first_child(uint32_t node) const {
    const uint32_t at = nodes_[node].children;
    return (at & kInTable) != 0 ? tables_[at & ~kInTable][256] : at;
  }
  void build_tables();

  std::array<uint32_t, 256> root_{};
  std::vector<Table> tables_;
  std::vector<Node> nodes_;  // one more than there are
  std::vector<unsigned char> labels_;
};

}  // namespace hearth::text
