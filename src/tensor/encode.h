// Rows of weights in the formats of files: floats are rounded, blocks fitted (tensor/fit.h).
#pragma once

#include <cstddef>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/fit.h"

namespace hearth {

// Whether rows can be brought into a type.
[[nodiscard]] bool encodable(DType type);

// Q8_0 has nothing to search for: `n` finite weights, whole blocks, to n / 32 blocks.
void encode_q8_0(const float* weights, size_t n, std::byte* out);

// Memory for one row at a time; each thread has its own.
class RowEncoder {
 public:
  // `type` must be encodable and `columns` whole blocks of it.
  RowEncoder(DType type, size_t columns, const Fitter& fitter);

  // Writes row_bytes(type, columns) bytes. `importance` [columns] is the mean square of the inputs
  // that the weights meet (an importance matrix), or null. Everything must be finite.
  void encode(const float* row, const float* importance, std::byte* out);

 private:
  void weigh(const float* row, const float* importance);

  DType type_;
  size_t columns_;
  const Fitter& fitter_;
  const GroupFormat* format_;
  std::vector<float> importance_;  // of the row's weights
  std::vector<BlockParts> parts_;
  std::vector<CodebookParts> codebook_parts_;
};

}  // namespace hearth
