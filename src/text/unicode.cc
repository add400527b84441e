#include "text/unicode.h"

#include <algorithm>

namespace hearth::text {

namespace {

// Hangul syllables decompose by rule: the Unicode Standard, section 3.12.
constexpr char32_t kHangulFirst = 0xAC00, kHangulLast = 0xD7A3;
constexpr char32_t kLeading = 0x1100, kVowel = 0x1161, kTrailing = 0x11A7;
constexpr char32_t kTrailings = 28, kVowelsAndTrailings = 21 * kTrailings;

std::array<char32_t, 3> decompose_hangul(char32_t code) {
  const char32_t index = code - kHangulFirst;
  const char32_t trailing = index % kTrailings;
  return {kLeading + index / kVowelsAndTrailings, kVowel + index % kVowelsAndTrailings / kTrailings,
          trailing == 0 ? char32_t{0} : kTrailing + trailing};
}

template <class Row>
const Row* find_row(std::span<const Row> rows, char32_t code) {
  const auto at = std::partition_point(rows.begin(), rows.end(),
                                       [&](const Row& row) { return row.code < code; });
  return at != rows.end() && at->code == code ? &*at : nullptr;
}

}  // namespace

char32_t lowercase(char32_t code) {
  const Lowercase* row = find_row(unicode_lowercase(), code);
  return row == nullptr ? code : row->lower;
}

std::array<char32_t, 3> without_accents(char32_t code) {
  if (code >= kHangulFirst && code <= kHangulLast) return decompose_hangul(code);
  const WithoutAccents* row = find_row(unicode_without_accents(), code);
  if (row == nullptr) return {code, 0, 0};
  return {row->bases[0], row->bases[1], row->bases[2]};
}

const CharTable& CharTable::get() {
  static const CharTable table;
  return table;
}

CharTable::CharTable() {
  const auto runs = unicode_runs();
  size_t run = 0;
  for (uint32_t index = 0; index < block_of_.size(); ++index) {
    std::array<uint16_t, kBlock> block{};
    for (uint32_t i = 0; i < kBlock; ++i) {
      const uint32_t code = index * kBlock + i;
      while (run + 1 < runs.size() && (runs[run + 1] >> 16) <= code) ++run;
      block[i] = static_cast<uint16_t>(runs[run] & 0xFFFF);
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
