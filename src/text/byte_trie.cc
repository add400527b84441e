#include "text/byte_trie.h"

#include <algorithm>

namespace hearth::text {

namespace {

// The entries below a node, which share their first `depth` bytes.
struct Range {
  uint32_t first;
  uint32_t last;
  uint32_t depth;
};

}  // namespace

Result<ByteTrie> ByteTrie::create(std::vector<Entry> entries, std::string_view what) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    const int order = a.text.compare(b.text);
    return order != 0 ? order < 0 : a.value < b.value;
  });
  ByteTrie trie;
  trie.nodes_.clear();
  trie.labels_.clear();
  std::vector<Range> ranges = {{0, static_cast<uint32_t>(entries.size()), 0}};
  trie.labels_.push_back(0);  // of the root, never looked at
  for (size_t node = 0; node < ranges.size(); ++node) {
    const Range range = ranges[node];
    uint32_t at = range.first;
    Node made{static_cast<uint32_t>(ranges.size()), kNone};
    for (; at < range.last && entries[at].text.size() == range.depth; ++at) {
      if (made.value == kNone) made.value = entries[at].value;
    }
    while (at < range.last) {
      const char label = entries[at].text[range.depth];
      const uint32_t first = at;
      while (at < range.last && entries[at].text[range.depth] == label) ++at;
      trie.labels_.push_back(static_cast<unsigned char>(label));
      ranges.push_back({first, at, range.depth + 1});
    }
    trie.nodes_.push_back(made);
    if (ranges.size() > kMaxNodes) {
      return fail(ErrorCode::too_large, what, " have more than ", kMaxNodes,
                  " different beginnings, which is all that hearth keeps");
    }
  }
  trie.nodes_.push_back({static_cast<uint32_t>(ranges.size()), kNone});
  trie.build_tables();
  return trie;
}

void ByteTrie::build_tables() {
  root_.fill(kNone);
  for (uint32_t at = nodes_[0].children; at < nodes_[1].children; ++at) root_[labels_[at]] = at;
  for (uint32_t node = 1; node + 1 < nodes_.size() && tables_.size() < kMaxTables; ++node) {
    const uint32_t begin = nodes_[node].children;
    const uint32_t end = nodes_[node + 1].children;
    if (end - begin < kMany) continue;
    Table table;
    table.fill(kNone);
    table[256] = begin;
    for (uint32_t at = begin; at < end; ++at) table[labels_[at]] = at;
    nodes_[node].children = kInTable | static_cast<uint32_t>(tables_.size());
    tables_.push_back(table);
  }
}

}  // namespace hearth::text
