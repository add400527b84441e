// The table of compute kernels: one implementation per instruction-set level, one table chosen at
// start. The reference level is plain loops and is the specification; the others are raced against
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tensor/attention.h"
#include "tensor/dtype.h"

namespace hearth {

// Columns of activations, one after another. Weights in F32, F16 and BF16 are multiplied with the
// float form, quantized weights with the 8-bit form: blocks of 32 values, value = scale * quant.
struct Activations {
  size_t n = 0;  // values in a column; equals the row length of the weights
  size_t columns = 0;
  const float* values = nullptr;   // [columns][n]
  const int8_t* quants = nullptr;  // [columns][padded(n)], zero behind n
  const float* scales = nullptr;   // [columns][padded(n) / 32], zero behind n

  // Quants of a column are padded to whole 64-byte vectors so that kernels need no tail loop.
  [[nodiscard]] static constexpr size_t padded(size_t n) { return (n + 63) / 64 * 64; }
};

// out[c * out_stride + r] = dot(weight row r, activation column c), for every r and c. Each result
// is summed in one fixed order that depends on n alone, never on how many rows or columns are asked
// for.
struct DotArgs {
  const std::byte* rows = nullptr;  // first row; the next begins row_bytes behind it
  size_t row_bytes = 0;
  size_t n_rows = 0;
  Activations x;
  float* out = nullptr;
  size_t out_stride = 0;
};

enum class IsaLevel { reference, avx2, avx512 };

struct Kernels {
  IsaLevel level = IsaLevel::reference;
  std::string_view name;  // "reference", "avx2", "avx512"

  // Weights of `type` times activations; the type must be computable.
  void (*dot)(DType type, const DotArgs& args) = nullptr;
  // Quantizes a column of n floats: quants[padded(n)], scales[padded(n) / 32].
  void (*quantize)(const float* values, size_t n, int8_t* quants, float* scales) = nullptr;
  // out = x / sqrt(mean(x^2) + eps) * weight, all of length n.
  void (*rms_norm)(const float* x, const float* weight, float eps, size_t n, float* out) = nullptr;
  // gate = silu(gate) * up.
  void (*silu_mul)(float* gate, const float* up, size_t n) = nullptr;
  // x += y.
  void (*add)(float* x, const float* y, size_t n) = nullptr;
  // Turns the pairs (2i, 2i + 1) of a head by the angles whose cosines and sines are given:
  // cos_sin[dims]. `dims` is even.
  void (*rope)(float* head, const float* cos_sin, size_t dims) = nullptr;
  // Puts the key and the value [head_dim] of a position into the cache.
  void (*store_kv)(const KvFormat& format, const KvHead& kv, size_t position, const float* key,
                   const float* value) = nullptr;
  // What the rows gather from the chunks; those of which a row sees nothing leave its state empty.
  void (*attend)(const AttentionArgs& args) = nullptr;
  // out[head_dim] = what `count` states of one row, of consecutive ranges of chunks, say together.
  // The states lie `stride` floats apart and are used up.
  void (*finish_attention)(float* states, size_t stride, size_t count, size_t head_dim,
                           float* out) = nullptr;
};

// The levels that this machine can run, slowest first; the reference is always there.
[[nodiscard]] std::vector<IsaLevel> available_levels();
[[nodiscard]] const Kernels& kernels_for(IsaLevel level);
// The fastest available.
[[nodiscard]] const Kernels& best_kernels();

[[nodiscard]] std::string_view name_of(IsaLevel level);

}  // namespace hearth
