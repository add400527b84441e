// Attention over a KV cache: how the cache lies in memory, and what the kernels are asked.
//
// The layout is one for every instruction set, made so that kernels need neither shuffles nor
// horizontal sums: a key vector holds the same dims of 16 positions, a value vector the same
// positions of 16 dims.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace hearth {

// Positions are attended to in chunks whose bounds depend on nothing: each chunk gives a partial
// result, and these are added up in order. That is why neither threads nor prompt pieces nor other
// columns change a bit.
inline constexpr size_t kChunkPositions = 512;
// Keys are stored in tiles of so many positions; dims are padded to a multiple of it.
inline constexpr size_t kTilePositions = 16;
// Query rows (columns x heads) of one call.
inline constexpr size_t kMaxTileRows = 48;
// Of these, rows that a kernel holds in registers at once, at most.
inline constexpr size_t kMaxBlockRows = 8;
inline constexpr size_t kMaxHeadDim = 512;

// The history of one KV head of one sequence in one layer.
struct KvHead {
  std::byte* keys = nullptr;
  std::byte* values = nullptr;
  float* key_scales = nullptr;    // [positions], Q8_0 only
  float* value_scales = nullptr;  // [positions], Q8_0 only
};

// F32 and F16
//   keys    [position / 16][dim][position % 16]
//   values  [position][dim]
// Q8_0: one scale for a position of a head, value = scale * quant
//   keys    [position / 16][dim / 4][position % 16][dim % 4], unsigned: quant + 128
//   values  [position / 2][dim][position % 2], signed
// Dims are padded to a multiple of 16; what stands in the padding does not matter.
struct KvFormat {
  DType type = DType::F32;
  size_t head_dim = 0;
  size_t capacity = 0;  // positions

  [[nodiscard]] static bool supports(DType type) {
    return type == DType::F32 || type == DType::F16 || type == DType::Q8_0;
  }
  [[nodiscard]] bool quantized() const { return type == DType::Q8_0; }
  [[nodiscard]] size_t element_bytes() const { return quantized() ? 1 : traits(type).block_bytes; }
  [[nodiscard]] size_t padded_dim() const { return (head_dim + 15) / 16 * 16; }
  // Kernels read whole groups of 64 positions.
  [[nodiscard]] size_t positions() const { return (capacity + 63) / 64 * 64; }
  [[nodiscard]] size_t tile_bytes() const {
    return kTilePositions * padded_dim() * element_bytes();
  }
  // Keys, or values, of one head.
  [[nodiscard]] size_t side_bytes() const { return positions() * padded_dim() * element_bytes(); }
  // Everything of one head; a multiple of 64.
  [[nodiscard]] uint64_t head_bytes() const {
    return 2 * uint64_t{side_bytes()} + (quantized() ? 2 * sizeof(float) * positions() : 0);
  }
  [[nodiscard]] KvHead head_at(std::byte* base) const {
    KvHead head{base, base + side_bytes()};
    if (quantized()) {
      head.key_scales = reinterpret_cast<float*>(base + 2 * side_bytes());
      head.value_scales = head.key_scales + positions();
    }
    return head;
  }
};

// Where a quant or a float of a position stands, in elements.
[[nodiscard]] inline size_t key_index(const KvFormat& format, size_t position, size_t dim) {
  const size_t group = format.quantized() ? 4 : 1;  // dims that stand together
  const size_t tile = position / kTilePositions * format.padded_dim() * kTilePositions;
  return tile + (dim / group * kTilePositions + position % kTilePositions) * group + dim % group;
}
[[nodiscard]] inline size_t value_index(const KvFormat& format, size_t position, size_t dim) {
  const size_t group = format.quantized() ? 2 : 1;  // positions that stand together
  return (position / group * format.padded_dim() + dim) * group + position % group;
}

// What a query row has gathered from some chunks, as floats: its largest score m (in powers of 2),
// the sum over positions of 2^(score - m), and from kStateMixed on the same sum of values.
inline constexpr size_t kStateLargest = 0;
inline constexpr size_t kStateTotal = 1;
inline constexpr size_t kStateMixed = 16;
[[nodiscard]] constexpr size_t state_floats(size_t head_dim) {
  return kStateMixed + (head_dim + 15) / 16 * 16;
}

// Working memory of one call.
[[nodiscard]] constexpr size_t attention_scratch_bytes(size_t head_dim) {
  const size_t padded = (head_dim + 15) / 16 * 16;
  const size_t queries = kMaxTileRows * (padded + 2) * sizeof(float);
  const size_t block = kMaxBlockRows * (2 * kChunkPositions + padded) * sizeof(float);
  return queries + block + kChunkPositions * sizeof(float);
}

// The query heads of one KV head, of columns that stand one after another in a sequence, over a
// range of chunks. Column c sees the positions up to first_position + c. At most kMaxTileRows
// rows.
struct AttentionArgs {
  KvFormat format;
  KvHead kv;
  const float* query = nullptr;  // head h of column c: query + c * query_stride + h * head_dim
  size_t query_stride = 0;       // floats
  size_t columns = 0;
  size_t heads = 0;
  size_t first_position = 0;
  size_t first_chunk = 0;
  size_t end_chunk = 0;
  float scale = 1.0f;            // of the scores
  std::byte* scratch = nullptr;  // [attention_scratch_bytes], on a cache line
  float* states = nullptr;       // out: [columns][heads][state_floats]
};

}  // namespace hearth
