// What a block of a codebook format says, one field for each number: points, signs, scales. Fitting
// works on these; pack_codebook() puts them where the format wants them (docs/formats/blocks.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace hearth {

inline constexpr int kRun = 8;  // weights that share a byte of signs
inline constexpr int kMaxPoints = 64;
inline constexpr int kRunsOfBlock = 32;
inline constexpr int kMaxScales = 16;

struct CodebookParts {
  uint16_t d = 0;                   // f16
  uint8_t scales[kMaxScales] = {};  // s of (2 s + 1), in order
  uint16_t points[kMaxPoints] = {};
  // Bit j: weight j of the run is negative. IQ1: all bits are set where the points are moved down.
  uint8_t signs[kRunsOfBlock] = {};
};

// Whether the type is one of the IQ1, IQ2 and IQ3 formats.
[[nodiscard]] bool is_codebook(DType type);

// One block of the format.
void pack_codebook(DType type, const CodebookParts& parts, std::byte* out);

}  // namespace hearth
