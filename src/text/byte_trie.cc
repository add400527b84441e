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
  trie.build_root();
  return trie;
}

void ByteTrie::build_root() {
  root_.fill(kNone);
  if (nodes_.empty()) return;
  for (uint32_t at = nodes_[0].children; at < nodes_[1].children; ++at) root_[labels_[at]] = at;
}

ByteTrie::Match ByteTrie::longest(std::string_view text, size_t at) const {
  Match best;
  if (at >= text.size()) return best;
  uint32_t node = first(static_cast<unsigned char>(text[at]));
  for (size_t end = at + 1; node != kNone; ++end) {
    if (value(node) != kNone) best = {end - at, value(node)};
    if (end >= text.size()) break;
    node = next(node, static_cast<unsigned char>(text[end]));
  }
  return best;
}

}  // namespace hearth::text
