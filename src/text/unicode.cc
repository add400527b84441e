#include "text/unicode.h"

#include <algorithm>

namespace hearth::text {

const CharTable& CharTable::get() {
  static const CharTable table;
  return table;
}

CharTable::CharTable() {
  const auto runs = unicode_runs();
  size_t run = 0;
  for (uint32_t index = 0; index < block_of_.size(); ++index) {
    std::array<uint8_t, kBlock> block{};
    for (uint32_t i = 0; i < kBlock; ++i) {
      const uint32_t code = index * kBlock + i;
      while (run + 1 < runs.size() && (runs[run + 1] >> 8) <= code) ++run;
      block[i] = static_cast<uint8_t>(runs[run] & 0xFF);
    }
    // Most of the code space is a few blocks over and over: ideographs, Hangul, nothing at all.
    const auto known = std::find(blocks_.rbegin(), blocks_.rend(), block);
    if (known == blocks_.rend()) {
      block_of_[index] = static_cast<uint16_t>(blocks_.size());
      blocks_.push_back(block);
    } else {
      block_of_[index] = static_cast<uint16_t>(std::distance(known, blocks_.rend()) - 1);
    }
  }
}

}  // namespace hearth::text
