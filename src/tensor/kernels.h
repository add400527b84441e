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

// Columns of 8-bit activations as prompts meet them: tiles of 8 columns, in which the 4 quants of a
// column that a dot instruction takes stand side by side. Columns that are not there are zeros.
inline constexpr size_t kPackedColumns = 8;

struct PackedTile {
  uint8_t* quants = nullptr;    // [padded(n) / 4][8 columns][4], each plus 128
  float* scales = nullptr;      // [padded(n) / 32][8]
  float* sums_of_32 = nullptr;  // [padded(n) / 32][8], scale * sum of 32 quants
  float* sums_of_16 = nullptr;  // [padded(n) / 16][8]

  // From the i-th block of 32 on.
  [[nodiscard]] PackedTile block(size_t i) const {
    const size_t at = i * kPackedColumns;
    return {quants + 32 * at, scales + at, sums_of_32 + at, sums_of_16 + 2 * at};
  }
};

// The form in which gemm() takes the columns for weights of a type.
enum class PackedForm {
  plain,   // as dot() does
  quants,  // PackedTile
  floats,  // [tiles][n][8]
  halves,  // [tiles][n / 2, up][8] words of two BF16
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
  const float* packed_floats = nullptr;
  const float* packed_halves = nullptr;

  // Quants of a column are padded to whole 64-byte vectors so that kernels need no tail loop.
  [[nodiscard]] static constexpr size_t padded(size_t n) { return (n + 63) / 64 * 64; }

  [[nodiscard]] bool is_packed() const {
    return packed.quants != nullptr || packed_floats != nullptr || packed_halves != nullptr;
  }
  [[nodiscard]] PackedTile tile(size_t i) const {
    const size_t quants_of_tile = padded(n) * kPackedColumns;
    return {packed.quants + i * quants_of_tile, packed.scales + i * quants_of_tile / 32,
            packed.sums_of_32 + i * quants_of_tile / 32,
            packed.sums_of_16 + i * quants_of_tile / 16};
  }
  [[nodiscard]] static size_t tiles(size_t columns) {
    return (columns + kPackedColumns - 1) / kPackedColumns;
  }
  // Some of the columns; of packed ones the first must begin a tile.
  [[nodiscard]] Activations part(size_t first, size_t count) const {
    Activations some = *this;
    some.columns = count;
    if (values != nullptr) some.values = values + first * n;
    if (quants != nullptr) {
      some.quants = quants + first * padded(n);
      some.scales = scales + first * padded(n) / 32;
    }
    const size_t tiles_before = first / kPackedColumns;
    if (packed.quants != nullptr) some.packed = tile(tiles_before);
    if (packed_floats != nullptr)
      some.packed_floats = packed_floats + tiles_before * float_words(n);
    if (packed_halves != nullptr) some.packed_halves = packed_halves + tiles_before * half_words(n);
    return some;
  }
  // 32-bit words of a tile.
  [[nodiscard]] static size_t float_words(size_t n) { return n * kPackedColumns; }
  [[nodiscard]] static size_t half_words(size_t n) { return (n + 1) / 2 * kPackedColumns; }
};

// out[c * out_stride + r] = dot(weight row r, activation column c), for every r and c. Each result
// is summed in one fixed order that depends on n alone, never on how many rows or columns are asked
// for.
struct DotArgs {
  const std::byte* rows = nullptr;  // first row; the next begins row_bytes behind it
  size_t row_bytes = 0;
  size_t n_rows = 0;
  // Weights that the caller will likely ask for next, as many; null for none. A hint.
  const std::byte* upcoming = nullptr;
  Activations x;
  float* out = nullptr;
  size_t out_stride = 0;
};

// A token at one head of a gated delta net (Yang et al. 2024, arXiv 2412.06464). With query and key
// at length 1, the query divided by the root of dim:
//   memory *= keep;  memory += (value - memory key) learn key^T;  out = memory query
struct DeltaStep {
  size_t dim = 0;
  const float* query = nullptr;  // [dim]
  const float* key = nullptr;    // [dim]
  const float* value = nullptr;  // [dim]
  float keep = 1;
  float learn = 0;
  float eps = 0;            // added to squared lengths
  float* memory = nullptr;  // [dim of values][dim of keys]
  float* out = nullptr;     // [dim]
};

enum class Activation {
  silu,         // x * sigmoid(x)
  gelu,         // x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
  gelu_erf,     // x / 2 * (1 + erf(x / sqrt(2)))
  sigmoid,      // 1 / (1 + e^-x)
  clipped_silu  // min(x, 7) * sigmoid(1.702 min(x, 7)) * (1 + clamp(up, -7, 7)), as gpt-oss has it
};

enum class IsaLevel { reference, avx2, avxvnni, avx512 };

struct Kernels {
  IsaLevel level = IsaLevel::reference;
  std::string_view name;  // as name_of(level)

  // Weights of `type` times activations; the type must be computable.
  void (*dot)(DType type, const DotArgs& args) = nullptr;
  // The same for many columns, in the form that packed_form(type) says. The sums run in another
  // order than those of dot(). `scratch` has gemm_scratch(n) bytes on a cache line.
  void (*gemm)(DType type, const DotArgs& args, std::byte* scratch) = nullptr;
  size_t (*gemm_scratch)(size_t n) = nullptr;
  PackedForm (*packed_form)(DType type) = nullptr;
  // Packs `blocks` blocks of 32 of at most 8 quantized columns; a column begins `stride` quants and
  // stride / 32 scales behind the one before.
  void (*pack)(const int8_t* quants, const float* scales, size_t stride, size_t blocks,
               size_t columns, const PackedTile& out) = nullptr;
  // Packs at most 8 columns of n floats into a tile.
  void (*pack_floats)(const float* values, size_t n, size_t columns, float* out) = nullptr;
  void (*pack_halves)(const float* values, size_t n, size_t columns, float* out) = nullptr;
  // Quantizes a column of n floats: quants[padded(n)], scales[padded(n) / 32].
  void (*quantize)(const float* values, size_t n, int8_t* quants, float* scales) = nullptr;
  // out = x / sqrt(mean(x^2) + eps) * weight, all of length n.
  void (*rms_norm)(const float* x, const float* weight, float eps, size_t n, float* out) = nullptr;
  // out = (x - mean(x)) / sqrt(variance(x) + eps) * weight + bias; bias may be null.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float eps, size_t n,
                     float* out) = nullptr;
  // x = activation(x) * up; where `up` is null, activation(x).
  void (*activate)(Activation activation, float* x, const float* up, size_t n) = nullptr;
  // x = cap * tanh(x / cap).
  void (*soft_cap)(float* x, float cap, size_t n) = nullptr;
  // x += y.
  void (*add)(float* x, const float* y, size_t n) = nullptr;
  // x += scale * y, for columns of n values that begin at multiples of their strides.
  void (*add_columns)(float* x, size_t x_stride, const float* y, size_t y_stride, size_t n,
                      size_t columns, float scale) = nullptr;
  // Turns the pairs (2i, 2i + 1) of a head by the angles whose cosines and sines are given, one
  // after the other: cos_sin[dims]. `dims` is even.
  void (*rope)(float* head, const float* cos_sin, size_t dims) = nullptr;
  // The same for the pairs (i, dims / 2 + i), all cosines before all sines.
  void (*rope_halves)(float* head, const float* cos_sin, size_t dims) = nullptr;
  void (*delta_step)(const DeltaStep& step) = nullptr;
  // Puts the key and the value of a position into the cache.
  void (*store_kv)(const KvFormat& format, const KvHead& kv, size_t position, const float* key,
                   const float* value) = nullptr;
  // What the rows gather from the chunks; those of which a row sees nothing leave its state empty.
  void (*attend)(const AttentionArgs& args) = nullptr;
  // out[value_dim] = what `count` states of one row, of consecutive ranges of chunks, say together.
  // The states lie `stride` floats apart and are used up.
  void (*finish_attention)(float* states, size_t stride, size_t count, size_t value_dim,
                           float* out) = nullptr;
};

// The levels that this machine can run, slowest first; the reference is always there.
[[nodiscard]] std::vector<IsaLevel> available_levels();
[[nodiscard]] const Kernels& kernels_for(IsaLevel level);
// The fastest available.
[[nodiscard]] const Kernels& best_kernels();

[[nodiscard]] std::string_view name_of(IsaLevel level);

}  // namespace hearth
