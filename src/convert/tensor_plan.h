// What an output tensor is made of, as data: which rows and columns of which source tensors, and
// what happens to their values. Planning reads no weights, so a whole conversion can be shown and
// checked before the first byte is written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "convert/safetensors.h"
#include "tensor/dtype.h"

namespace hearth::convert {

// What happens to each value.
enum class Change : uint8_t {
  none,
  add_one,       // norms that were trained as a difference from 1
  negative_exp,  // logarithms of decay rates, which are stored as the negative rates
};

// A tensor of the checkpoint, with the scales of its blocks where it is stored in 8 bits.
struct Source {
  const SourceTensor* values = nullptr;
  const SourceTensor* scales = nullptr;  // for MXFP4: one byte a block; for FP8: see block_*
  uint64_t block_rows = 0;               // rows and columns of values that share a scale
  uint64_t block_columns = 0;
};

// The sources stand one behind another as one matrix; `rows` and `columns` choose from it, then
// matrices of `turned` rows are transposed, then `change` is applied.
struct TensorPlan {
  std::string name;
  std::vector<uint64_t> dims;  // as in GGUF: the row length first
  DType type = DType::F32;
  std::vector<Source> sources;    // all of one shape
  std::vector<uint32_t> rows;     // in the order of the output; empty: all as they come
  std::vector<uint32_t> columns;  // the same for columns
  uint64_t turned = 0;            // 0: nothing is transposed
  Change change = Change::none;
  std::vector<float> values;  // of a tensor without sources, which follows from the configuration

  [[nodiscard]] uint64_t weights() const;
  [[nodiscard]] uint64_t output_rows() const { return weights() / dims[0]; }
  // Of the sources together.
  [[nodiscard]] uint64_t source_rows() const;
  [[nodiscard]] uint64_t source_columns() const;
  // Chosen rows and columns, before anything is transposed.
  [[nodiscard]] uint64_t chosen_rows() const;
  [[nodiscard]] uint64_t chosen_columns() const;
};

// The parts of `rows` or `columns` that edits are put together from. Each begins with what was
// chosen so far.

// All `count` of them, unless some are chosen already.
std::vector<uint32_t>& chosen(std::vector<uint32_t>& indices, uint64_t count);

// From `begin` on, every `step`-th, `count` in all.
[[nodiscard]] Result<void> choose_rows(TensorPlan& plan, uint64_t begin, uint64_t count,
                                       uint64_t step = 1);

// Reads `count` items from `begin` on, which stand as [outer][inner][unit], as
// [inner][outer][unit].
[[nodiscard]] Result<void> swap_order(const TensorPlan& plan, std::vector<uint32_t>& indices,
                                      uint64_t begin, uint64_t outer, uint64_t inner,
                                      uint64_t unit);

}  // namespace hearth::convert
