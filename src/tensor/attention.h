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
// Of keys; values are at most as wide. (The latent keys of MLA: 512 + 64.)
inline constexpr size_t kMaxHeadDim = 576;

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
//
// A cache that is too small for a whole sequence is a ring: a position has the slot position %
// capacity. The capacity of a ring is a multiple of kChunkPositions, so that chunks stay whole.
struct KvFormat {
  DType type = DType::F32;
  size_t key_dim = 0;
  size_t value_dim = 0;
  size_t capacity = 0;  // positions

  [[nodiscard]] static bool supports(DType type) {
    return type == DType::F32 || type == DType::F16 || type == DType::Q8_0;
  }
  [[nodiscard]] bool quantized() const { return type == DType::Q8_0; }
  [[nodiscard]] size_t element_bytes() const { return quantized() ? 1 : traits(type).block_bytes; }
  [[nodiscard]] static constexpr size_t padded(size_t dim) { return (dim + 15) / 16 * 16; }
  [[nodiscard]] size_t padded_key() const { return padded(key_dim); }
  [[nodiscard]] size_t padded_value() const { return padded(value_dim); }
  // Kernels read whole groups of 64 positions.
  [[nodiscard]] size_t positions() const { return (capacity + 63) / 64 * 64; }
  [[nodiscard]] size_t slot(size_t position) const { return position % capacity; }
  [[nodiscard]] size_t tile_bytes() const {
    return kTilePositions * padded_key() * element_bytes();
  }
  // Keys, and values, of one head.
  [[nodiscard]] uint64_t key_bytes() const {
    return uint64_t{positions()} * padded_key() * element_bytes();
  }
  [[nodiscard]] uint64_t value_bytes() const {
    return uint64_t{positions()} * padded_value() * element_bytes();
  }
  // Everything of one head; a multiple of 64.
  [[nodiscard]] uint64_t head_bytes() const {
    return key_bytes() + value_bytes() + (quantized() ? 2 * sizeof(float) * positions() : 0);
  }
  [[nodiscard]] KvHead head_at(std::byte* base) const {
    KvHead head{base, base + key_bytes()};
    if (quantized()) {
      head.key_scales = reinterpret_cast<float*>(base + key_bytes() + value_bytes());
      head.value_scales = head.key_scales + positions();
    }
    return head;
  }
};

// Where a quant or a float of a slot stands, in elements.
[[nodiscard]] inline size_t key_index(const KvFormat& format, size_t slot, size_t dim) {
  const size_t group = format.quantized() ? 4 : 1;  // dims that stand together
  const size_t tile = slot / kTilePositions * format.padded_key() * kTilePositions;
  return tile + (dim / group * kTilePositions + slot % kTilePositions) * group + dim % group;
}
[[nodiscard]] inline size_t value_index(const KvFormat& format, size_t slot, size_t dim) {
  const size_t group = format.quantized() ? 2 : 1;  // positions that stand together
  return (slot / group * format.padded_value() + dim) * group + slot % group;
}

// What a query row has gathered from some chunks, as floats: its largest score m (in powers of 2),
// the sum over positions of 2^(score - m), and from kStateMixed on the same sum of values.
inline constexpr size_t kStateLargest = 0;
inline constexpr size_t kStateTotal = 1;
inline constexpr size_t kStateMixed = 16;
[[nodiscard]] constexpr size_t state_floats(size_t value_dim) {
  return kStateMixed + KvFormat::padded(value_dim);
}

// Working memory of one call.
[[nodiscard]] constexpr size_t attention_scratch_bytes(size_t key_dim, size_t value_dim) {
  const size_t queries = kMaxTileRows * (KvFormat::padded(key_dim) + 2) * sizeof(float);
  const size_t block =
      kMaxBlockRows * (2 * kChunkPositions + KvFormat::padded(value_dim)) * sizeof(float);
  return queries + block + kChunkPositions * sizeof(float);
}

// Positions of a chunk, counted from its first.
struct VisibleRange {
  size_t begin = 0;
  size_t end = 0;

  [[nodiscard]] bool empty() const { return begin >= end; }
  bool operator==(const VisibleRange&) const = default;
};

// The query heads of one KV head, of columns that stand one after another in a sequence, over a
// range of chunks. Column c sees the positions up to first_position + c (or all, in encoders), the
// last `window` of them. At most kMaxTileRows rows.
struct AttentionArgs {
  KvFormat format;
  KvHead kv;
  const float* query = nullptr;  // head h of column c: query + c * query_stride + h * key_dim
  size_t query_stride = 0;       // floats
  size_t columns = 0;
  size_t heads = 0;
  size_t first_position = 0;
  size_t first_chunk = 0;
  size_t end_chunk = 0;
  size_t window = SIZE_MAX;  // positions
  // Columns see all positions before this one, whatever their own is; 0: only those up to their
  // own.
  size_t seen_end = 0;
  float scale = 1.0f;  // of the scores
  float softcap = 0;   // scores are softcap * tanh(score / softcap), unless it is 0
  // [heads]: scores that take part in the softmax but have no value, in the states of this call;
  // null for none. (gpt-oss)
  const float* sinks = nullptr;
  std::byte* scratch = nullptr;  // [attention_scratch_bytes], on a cache line
  float* states = nullptr;       // out: [columns][heads][state_floats]

  // What a row sees of a chunk.
  [[nodiscard]] VisibleRange visible(size_t row, size_t chunk) const {
    const size_t end = seen_end != 0 ? seen_end : first_position + row / heads + 1;
    const size_t first = end > window ? end - window : 0;
    const size_t chunk_begin = chunk * kChunkPositions;
    const auto within = [&](size_t position) {
      const size_t offset = position > chunk_begin ? position - chunk_begin : 0;
      return offset < kChunkPositions ? offset : kChunkPositions;
    };
    return {within(first), within(end)};
  }
};

}  // namespace hearth
