// Rows of weights in the formats of files: floats are rounded, blocks fitted (tensor/fit.h).
#pragma once

#include <cstddef>
#include <span>
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

  // Of the rows to come: `importance` [columns] is the mean square of the inputs that the weights
  // meet (an importance matrix), finite; empty when nothing is known.
  void set_importance(std::span<const float> importance);

  // Writes row_bytes(type, columns) bytes of a row [columns] of finite weights.
  void encode(const float* row, std::byte* out);

 private:
  void weigh(const float* row);

  DType type_;
  size_t columns_;
  const Fitter& fitter_;
  const GroupFormat* format_;
  std::vector<float> importance_;  // of the inputs; empty: all alike
  std::vector<float> counts_;      // how much the square of each weight's error counts
  std::vector<BlockParts> parts_;
  std::vector<CodebookParts> codebook_parts_;
};

}  // namespace hearth
