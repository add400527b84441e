// Characters as sequences of byte ranges.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "grammar/expression.h"

namespace hearth::grammar {

struct ByteRange {
  uint8_t low = 0;
  uint8_t high = 0;
};

// One to four ranges of bytes that stand for characters of one length.
struct ByteRanges {
  std::array<ByteRange, 4> ranges{};
  size_t length = 0;
};

// All sequences that spell characters of `range` in UTF-8 (surrogates have none).
void for_each_utf8(CharRange range, const std::function<void(const ByteRanges&)>& take);

}  // namespace hearth::grammar
