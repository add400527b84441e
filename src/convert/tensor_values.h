// From the bytes of a checkpoint to the bytes of a GGUF file: values are read as floats, changed,
// and stored in another format.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "convert/tensor_plan.h"

namespace hearth::convert {

// What was odd about values that were stored.
struct Oddities {
  uint64_t not_finite = 0;  // NaN or infinite in the checkpoint
  uint64_t too_large = 0;   // finite there, but infinite in the format asked for
};

// Rows of the output that are made together: one, or a whole matrix where it is transposed.
[[nodiscard]] uint64_t rows_at_once(const TensorPlan& plan);

// Makes output rows `first` to `first + count - 1`, both multiples of rows_at_once(), as `count`
// rows of the plan's type at `out`.
[[nodiscard]] Oddities make_rows(const TensorPlan& plan, uint64_t first, uint64_t count,
                                 std::byte* out);

// `n` values of a tensor from value `at` on, as floats.
void read_values(const SourceTensor& tensor, uint64_t at, uint64_t n, float* out);

// Stores `n` values, whole blocks of `type`: F32, F16, BF16 or Q8_0.
[[nodiscard]] Oddities store_values(DType type, const float* values, uint64_t n, std::byte* out);

}  // namespace hearth::convert
