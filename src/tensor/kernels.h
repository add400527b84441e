// The table of compute kernels: one implementation per instruction-set level, one table chosen at
// start. The reference level is plain loops and is the specification; the others are raced against
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"

namespace hearth {

// Columns of 8-bit activations as prompts meet them: tiles of 8 columns, in which the 4 quants of a
// column that a dot instruction takes stand side by side. Columns that are not there are zeros.
inline constexpr size_t kPackedColumns = 8;

struct PackedTile {
  uint8_t* quants = nullptr;    // [padded(n) / 4][8 columns][4], each plus 128
  float* scales = nullptr;      // [padded(n) / 32][8]
  float* sums_of_32 = nullptr;  // [padded(n) / 32][8], scale * sum of 32 quants
  float* sums_of_16 = nullptr;  // [padded(n) / 16][8]
};

// Columns of activations, one after another. Weights in F32, F16 and BF16 are multiplied with the
// float form, quantized weights with the 8-bit form: blocks of 32 values, value = scale * quant.
struct Activations {
  size_t n = 0;  // values in a column; equals the row length of the weights
  size_t columns = 0;
  const float* values = nullptr;   // [columns][n]
  const int8_t* quants = nullptr;  // [columns][padded(n)], zero behind n
  const float* scales = nullptr;   // [columns][padded(n) / 32], zero behind n
  PackedTile packed{};             // the first of the tiles, which follow each other; for gemm()

  // Quants of a column are padded to whole 64-byte vectors so that kernels need no tail loop.
  [[nodiscard]] static constexpr size_t padded(size_t n) { return (n + 63) / 64 * 64; }

  [[nodiscard]] PackedTile tile(size_t i) const {
    const size_t quants_of_tile = padded(n) * kPackedColumns;
    return {packed.quants + i * quants_of_tile, packed.scales + i * quants_of_tile / 32,
            packed.sums_of_32 + i * quants_of_tile / 32,
            packed.sums_of_16 + i * quants_of_tile / 16};
  }
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

// One query head over the positions that it sees: out = softmax(scale * q k^T) v.
struct AttentionArgs {
  const float* query = nullptr;     // [head_dim]
  const std::byte* keys = nullptr;  // position p at keys + p * key_stride, [head_dim] of kv_type
  const std::byte* values = nullptr;
  size_t key_stride = 0;       // bytes
  size_t value_stride = 0;     // bytes
  DType kv_type = DType::F32;  // F32 or F16
  size_t n_positions = 0;
  size_t head_dim = 0;
  float scale = 1.0f;
  float* scores = nullptr;  // scratch, [n_positions]
  float* out = nullptr;     // [head_dim]
};

enum class IsaLevel { reference, avx2, avx512 };

struct Kernels {
  IsaLevel level = IsaLevel::reference;
  std::string_view name;  // "reference", "avx2", "avx512"

  // Weights of `type` times activations; the type must be computable.
  void (*dot)(DType type, const DotArgs& args) = nullptr;
  // The same for many columns, in packed form if the weights are quantized. The sums run in another
  // order than those of dot(). `scratch` has gemm_scratch(n) bytes on a cache line.
  void (*gemm)(DType type, const DotArgs& args, std::byte* scratch) = nullptr;
  size_t (*gemm_scratch)(size_t n) = nullptr;
  // Packs at most 8 quantized columns (as in Activations) of n values.
  void (*pack)(const int8_t* quants, const float* scales, size_t n, size_t columns,
               const PackedTile& out) = nullptr;
  // Quantizes a column of n floats: quants[padded(n)], scales[padded(n) / 32].
  void (*quantize)(const float* values, size_t n, int8_t* quants, float* scales) = nullptr;
  // out = x / sqrt(mean(x^2) + eps) * weight, all of length n.
  void (*rms_norm)(const float* x, const float* weight, float eps, size_t n, float* out) = nullptr;
  // gate = silu(gate) * up.
  void (*silu_mul)(float* gate, const float* up, size_t n) = nullptr;
  // x += y.
  void (*add)(float* x, const float* y, size_t n) = nullptr;
  void (*attention)(const AttentionArgs& args) = nullptr;
  // Converts n floats to F16 bits, round to nearest even.
  void (*to_f16)(const float* values, size_t n, uint16_t* out) = nullptr;
};

// The levels that this machine can run, slowest first; the reference is always there.
[[nodiscard]] std::vector<IsaLevel> available_levels();
[[nodiscard]] const Kernels& kernels_for(IsaLevel level);
// The fastest available.
[[nodiscard]] const Kernels& best_kernels();

[[nodiscard]] std::string_view name_of(IsaLevel level);

}  // namespace hearth
