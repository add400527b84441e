// Attention over chunks of a KV cache, written once and compiled for each instruction set.
//
// Everything is one loop, multiply(): a block of query rows times a few vectors of cells, one step
// after another, a row's factor broadcast to all lanes. For scores a vector holds positions and a
// step is a group of dims; for the weighted sum of values a vector holds dims and a step is a group
// of positions. With a Q8_0 cache both are sums of integers and so exact: queries are 8-bit with a
// scale for each row; softmax weights, multiplied by the scales of the values, are 15-bit with the
// scale of a chunk: 512 * 32767 * 127 is below 2^31. Float caches add up in the order of dims and
// of positions. Neither depends on how rows are grouped.
//
// S is a vector class (simd_*.h) with, on top of floats,
//   S::kRows, S::kVectors            the block that fits the registers
//   S::Int8Keys, S::Int8Values       cells of a Q8_0 cache: load, broadcast, step, start
//   S::from_int32, S::exp2, S::first, S::store_i16
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "tensor/attention.h"
#include "tensor/kernels/vector_ops.h"

namespace hearth {
namespace {

template <class S, Storage storage>
struct FloatCells {
  using Vector = typename S::V;
  using Cells = typename S::V;
  static constexpr size_t kVectorBytes = S::kLanes * sizeof(Stored<storage>);

  static Cells load(const std::byte* from) {
    return hearth::load<S, storage>(reinterpret_cast<const Stored<storage>*>(from));
  }
  static Vector broadcast(const void* from) { return S::set(load_unaligned<float>(from)); }
  static Vector step(Vector sum, Cells cells, Vector factor) { return S::fma(cells, factor, sum); }
  static void store(void* to, Vector sum) { S::store(static_cast<float*>(to), sum); }
};

// What a cache type makes of keys, values and weights.
template <class S>
struct QuantCache {
  using Keys = typename S::Int8Keys;
  using Values = typename S::Int8Values;
  using Weight = int16_t;
  static constexpr size_t kKeyGroup = 4;    // dims in a step of scores
  static constexpr size_t kValueGroup = 2;  // positions in a step of values
  static constexpr bool kQuantized = true;
  static constexpr float kMaxWeight = 32767.0f;

  static typename S::V from_sum(const float* sums) { return S::from_int32(sums); }
  static void store_weights(Weight* to, typename S::V weights) { S::store_i16(to, weights); }
};

template <class S, Storage storage>
struct FloatCache {
  using Keys = FloatCells<S, storage>;
  using Values = Keys;
  using Weight = float;
  static constexpr size_t kKeyGroup = 1;
  static constexpr size_t kValueGroup = 1;
  static constexpr bool kQuantized = false;

  static typename S::V from_sum(const float* sums) { return S::load(sums); }
  static void store_weights(Weight* to, typename S::V weights) { S::store(to, weights); }
};

// sums[r][v] = start[r] + sum over steps of cells[step][v] * factors[r][step], a lane each.
struct Product {
  const std::byte* cells;
  size_t vector_bytes;  // from one vector of a step to the next
  size_t step_bytes;    // from one step to the next
  size_t steps;
  const std::byte* factors;  // 4 bytes for each step
  size_t row_bytes;          // from one row's factors to the next
  const int32_t* start;      // [rows]
  float* sums;               // or int32
  size_t sum_stride;         // floats from one row's sums to the next
};

template <class S, class C, int kRows, int kVectors>
void multiply(const Product& p) {
  typename C::Vector sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = C::broadcast(p.start + r);
  }
  const std::byte* cells = p.cells;
  const std::byte* factors = p.factors;
  for (size_t s = 0; s < p.steps; ++s) {
    typename C::Cells loaded[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      loaded[v] = C::load(cells + static_cast<size_t>(v) * p.vector_bytes);
    }
    for (int r = 0; r < kRows; ++r) {
      const auto factor = C::broadcast(factors + static_cast<size_t>(r) * p.row_bytes);
      for (int v = 0; v < kVectors; ++v) sums[r][v] = C::step(sums[r][v], loaded[v], factor);
    }
    cells += p.step_bytes;
    factors += 4;
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      C::store(p.sums + static_cast<size_t>(r) * p.sum_stride + static_cast<size_t>(v) * S::kLanes,
               sums[r][v]);
    }
  }
}

// The same for a number of rows known at run time, 1 to kRows.
template <class S, class C, int kVectors, int kRows = S::kRows>
void multiply_rows(const Product& p, size_t rows) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return multiply_rows<S, C, kVectors, kRows - 1>(p, rows);
  }
  multiply<S, C, kRows, kVectors>(p);
}

// Quantizes a whole row with one scale, as reference::quantize_row does, bit for bit on finite
// values. Zeros behind n up to a multiple of 16.
template <class S>
float quantize_row(const float* values, size_t n, int8_t* quants) {
  auto top = S::zero();
  auto poison = S::zero();  // stays 0 unless a value is no finite number
  for_vectors<S>(n, [&](size_t i, size_t count) {
    const auto v = load_count<S>(values + i, count);
    top = S::max(S::abs(v), top);
    poison = S::fma(v, S::zero(), poison);
  });
  const float largest = S::largest(top);
  const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
  const auto factor = S::set(inverse <= __FLT_MAX__ && largest <= __FLT_MAX__ ? inverse : 0.0f);
  const size_t padded = (n + 15) / 16 * 16;
  for (size_t i = 0; i < padded; i += S::kLanes) {
    const size_t left = i < n ? n - i : 0;
    const auto v = load_count<S>(values + i, left < S::kLanes ? left : S::kLanes);
    S::store_i8(quants + i, S::mul(v, factor));
  }
  return largest / 127.0f + S::sum(poison);
}

template <class S>
float power_of_2(float x) {
  return S::largest(S::exp2(S::set(x)));
}

// Adds what another part of the positions gave; mixed(i) is the vector of its values from i on.
template <class S, class Mixed>
void add_to_state(float* state, float largest, float total, size_t padded, Mixed mixed) {
  const float before = state[kStateLargest];
  const float top = largest > before ? largest : before;
  // Equal ones may both be -inf, whose difference is no number.
  const float keep = before == top ? 1.0f : power_of_2<S>(before - top);
  const float use = largest == top ? 1.0f : power_of_2<S>(largest - top);
  state[kStateLargest] = top;
  state[kStateTotal] = state[kStateTotal] * keep + total * use;
  float* sums = state + kStateMixed;
  for (size_t i = 0; i < padded; i += S::kLanes) {
    const auto kept = S::mul(S::load(sums + i), S::set(keep));
    S::store(sums + i, S::fma(mixed(i), S::set(use), kept));
  }
}

template <class S, class Cache>
class AttentionTile {
  static_assert(S::kRows <= kMaxBlockRows);

 public:
  explicit AttentionTile(const AttentionArgs& args) : args_(args), format_(args.format) {
    std::byte* memory = args.scratch;
    const auto take = [&memory](size_t floats) {
      float* taken = reinterpret_cast<float*>(memory);
      memory += floats * sizeof(float);
      return taken;
    };
    queries_ = take(kMaxTileRows * padded());
    query_scales_ = take(kMaxTileRows);
    starts_ = reinterpret_cast<int32_t*>(take(kMaxTileRows));
    sums_ = take(S::kRows * kChunkPositions);
    weights_ = reinterpret_cast<typename Cache::Weight*>(take(S::kRows * kChunkPositions));
    mixed_ = take(S::kRows * padded());
    weight_scales_ = take(kChunkPositions);
  }

  void run() {
    rows_ = args_.columns * args_.heads;
    for (size_t row = 0; row < rows_; ++row) prepare(row);
    for (size_t chunk = args_.first_chunk; chunk < args_.end_chunk; ++chunk) attend(chunk);
  }

 private:
  [[nodiscard]] size_t padded() const { return format_.padded_dim(); }
  [[nodiscard]] float* state(size_t row) const {
    return args_.states + row * state_floats(format_.head_dim);
  }
  // How many positions of a chunk a row sees.
  [[nodiscard]] size_t visible(size_t row, size_t chunk) const {
    const size_t end = args_.first_position + row / args_.heads + 1;
    const size_t begin = chunk * kChunkPositions;
    return end <= begin ? 0 : end - begin < kChunkPositions ? end - begin : kChunkPositions;
  }

  void prepare(size_t row) {
    const float* query =
        args_.query + row / args_.heads * args_.query_stride + row % args_.heads * format_.head_dim;
    const float to_powers_of_2 = args_.scale * 1.44269504f;
    if constexpr (Cache::kQuantized) {
      auto* quants = reinterpret_cast<int8_t*>(queries_) + row * padded();
      query_scales_[row] = quantize_row<S>(query, format_.head_dim, quants) * to_powers_of_2;
      int32_t sum = 0;
      for (size_t i = 0; i < padded(); ++i) sum += quants[i];
      starts_[row] = Cache::Keys::start(sum);
    } else {
      std::memcpy(queries_ + row * padded(), query, format_.head_dim * sizeof(float));
      query_scales_[row] = to_powers_of_2;
      starts_[row] = 0;
    }
    float* empty = state(row);
    empty[kStateLargest] = -__builtin_inff();
    empty[kStateTotal] = 0;
    std::memset(empty + kStateMixed, 0, padded() * sizeof(float));
  }

  void attend(size_t chunk) {
    size_t row = 0;
    while (row < rows_ && visible(row, chunk) == 0) ++row;
    scaled_positions_ = 0;
    while (row < rows_) {
      // Blocks as even as can be: 8 rows are 4 and 4 rather than 6 and 2.
      const size_t left = rows_ - row;
      const size_t blocks = (left + S::kRows - 1) / S::kRows;
      const size_t count = (left + blocks - 1) / blocks;
      attend_block(chunk, row, count);
      row += count;
    }
  }

  void attend_block(size_t chunk, size_t first, size_t count) {
    score(chunk, first, count, visible(first + count - 1, chunk));
    float factors[S::kRows];  // of the mixed values
    for (size_t i = 0; i < count; ++i) factors[i] = soften(chunk, first + i, i);
    // Rows that see the same positions are mixed together: what a row does not see, it does not
    // touch.
    for (size_t i = 0; i < count;) {
      const size_t positions = visible(first + i, chunk);
      size_t end = i + 1;
      while (end < count && visible(first + end, chunk) == positions) ++end;
      mix(chunk, i, end - i, positions);
      i = end;
    }
    for (size_t i = 0; i < count; ++i) {
      const float* mixed = mixed_ + i * padded();
      add_to_state<S>(state(first + i), largest_[i], total_[i], padded(), [&](size_t at) {
        return S::mul(Cache::from_sum(mixed + at), S::set(factors[i]));
      });
    }
  }

  // sums_ = query times keys, for the first `positions` of a chunk and some behind them.
  void score(size_t chunk, size_t first, size_t count, size_t positions) {
    constexpr size_t kAtOnce = S::kVectors * S::kLanes;
    constexpr size_t kGroupBytes = Cache::Keys::kVectorBytes * kTilePositions / S::kLanes;
    constexpr size_t kQueryBytes = Cache::kQuantized ? 1 : sizeof(float);
    const size_t tile_bytes = format_.tile_bytes();
    const std::byte* keys = args_.kv.keys + chunk * kChunkPositions / kTilePositions * tile_bytes;
    Product p;
    p.vector_bytes = S::kLanes == kTilePositions ? tile_bytes : Cache::Keys::kVectorBytes;
    p.step_bytes = kGroupBytes;
    p.steps = (format_.head_dim + Cache::kKeyGroup - 1) / Cache::kKeyGroup;
    p.row_bytes = padded() * kQueryBytes;
    p.factors = reinterpret_cast<const std::byte*>(queries_) + first * p.row_bytes;
    p.start = starts_ + first;
    p.sum_stride = kChunkPositions;
    for (size_t at = 0; at < positions; at += kAtOnce) {
      p.cells = keys + at / kTilePositions * tile_bytes;
      p.sums = sums_ + at;
      multiply_rows<S, typename Cache::Keys, S::kVectors>(p, count);
    }
  }

  // Softmax of row `first + i` over one chunk: weights_, largest_, total_. Returns what the mixed
  // values are to be multiplied with.
  float soften(size_t chunk, size_t row, size_t i) {
    const size_t positions = visible(row, chunk);
    float* scores = sums_ + i * kChunkPositions;
    auto top = S::set(-__builtin_inff());
    const auto each = [&](auto&& body) {
      size_t at = 0;
      for (; at + S::kLanes <= positions; at += S::kLanes) body(at, S::kLanes);
      if (at < positions) body(at, positions - at);
    };
    each([&](size_t at, size_t lanes) {
      auto score = Cache::from_sum(scores + at);
      if constexpr (Cache::kQuantized) {
        score = S::mul(score, S::load(args_.kv.key_scales + chunk * kChunkPositions + at));
      }
      if (lanes < S::kLanes) score = S::first(score, lanes, -__builtin_inff());
      top = S::max(score, top);
      S::store(scores + at, score);
    });
    const float query_scale = query_scales_[row];
    const float largest = S::largest(top) * query_scale;
    const auto scale = S::set(query_scale);
    // Where every score is -inf, so is the difference.
    const auto shift = S::set(largest == -__builtin_inff() ? 0.0f : -largest);
    if constexpr (Cache::kQuantized) scale_weights(chunk, positions);
    auto total = S::zero();
    auto* weights = weights_ + i * kChunkPositions;
    each([&](size_t at, size_t lanes) {
      auto weight = S::exp2(S::fma(S::load(scores + at), scale, shift));
      if (lanes < S::kLanes) weight = S::first(weight, lanes, 0.0f);
      total = S::add(total, weight);
      if constexpr (Cache::kQuantized) weight = S::mul(weight, S::load(weight_scales_ + at));
      Cache::store_weights(weights + at, weight);
    });
    largest_[i] = largest;
    total_[i] = S::sum(total);
    return Cache::kQuantized ? mixed_scale_ : 1.0f;
  }

  // weight_scales_: the scales of the values of a chunk, the largest of them as kMaxWeight.
  void scale_weights(size_t chunk, size_t positions) {
    if (scaled_positions_ == positions) return;
    scaled_positions_ = positions;
    const float* value_scales = args_.kv.value_scales + chunk * kChunkPositions;
    auto top = S::zero();
    auto poison = S::zero();
    for_vectors<S>(positions, [&](size_t at, size_t count) {
      const auto scales = load_count<S>(value_scales + at, count);
      top = S::max(scales, top);
      poison = S::fma(scales, S::zero(), poison);
    });
    const float largest = S::largest(top);
    const float inverse = largest > 0 ? Cache::kMaxWeight / largest : 0.0f;
    const auto factor = S::set(inverse <= __FLT_MAX__ ? inverse : 0.0f);
    // Zeros behind the last: what stands there in the cache may be no number.
    for_vectors<S>(positions, [&](size_t at, size_t count) {
      const auto scales = load_count<S>(value_scales + at, count);
      S::store(weight_scales_ + at, S::mul(scales, factor));
    });
    mixed_scale_ = largest / Cache::kMaxWeight + S::sum(poison);
  }

  // mixed_ = weights times values, for rows first to first + count of the block.
  void mix(size_t chunk, size_t first, size_t count, size_t positions) {
    using Values = typename Cache::Values;
    static constexpr int32_t kZeros[S::kRows] = {};
    Product p;
    p.vector_bytes = Values::kVectorBytes;
    p.step_bytes = padded() * format_.element_bytes() * Cache::kValueGroup;
    p.steps = (positions + Cache::kValueGroup - 1) / Cache::kValueGroup;
    p.row_bytes = kChunkPositions * sizeof(typename Cache::Weight);
    p.factors = reinterpret_cast<const std::byte*>(weights_) + first * p.row_bytes;
    p.start = kZeros;
    p.sum_stride = padded();
    const std::byte* values =
        args_.kv.values + chunk * kChunkPositions / Cache::kValueGroup * p.step_bytes;
    const size_t vectors = padded() / S::kLanes;
    for (size_t v = 0; v < vectors;) {
      p.cells = values + v * Values::kVectorBytes;
      p.sums = mixed_ + first * padded() + v * S::kLanes;
      if (v + S::kVectors <= vectors) {
        multiply_rows<S, Values, S::kVectors>(p, count);
        v += S::kVectors;
      } else {
        multiply_rows<S, Values, 1>(p, count);
        v += 1;
      }
    }
  }

  const AttentionArgs& args_;
  const KvFormat& format_;
  size_t rows_ = 0;
  float* queries_;       // [rows][padded], floats or int8
  float* query_scales_;  // [rows]
  int32_t* starts_;      // [rows]: where the sums of scores begin
  float* sums_;          // [kRows][kChunkPositions]: sums (floats or int32), then scores
  typename Cache::Weight* weights_;  // [kRows][kChunkPositions]
  float* mixed_;                     // [kRows][padded]: sums (floats or int32) of weighted values
  float* weight_scales_;             // [kChunkPositions]
  size_t scaled_positions_ = 0;      // of which weight_scales_ speaks
  float mixed_scale_ = 1.0f;
  float largest_[S::kRows];
  float total_[S::kRows];
};

template <class S>
void attend(const AttentionArgs& args) {
  switch (args.format.type) {
    case DType::F32:
      return AttentionTile<S, FloatCache<S, Storage::f32>>(args).run();
    case DType::F16:
      return AttentionTile<S, FloatCache<S, Storage::f16>>(args).run();
    default:
      return AttentionTile<S, QuantCache<S>>(args).run();
  }
}

template <class S>
void finish_attention(float* states, size_t stride, size_t count, size_t head_dim, float* out) {
  const size_t padded = state_floats(head_dim) - kStateMixed;
  for (size_t k = 1; k < count; ++k) {
    const float* part = states + k * stride;
    add_to_state<S>(states, part[kStateLargest], part[kStateTotal], padded,
                    [&](size_t i) { return S::load(part + kStateMixed + i); });
  }
  const auto inverse = S::set(1.0f / states[kStateTotal]);
  for_vectors<S>(head_dim, [&](size_t i, size_t lanes) {
    store_count<S>(out + i, S::mul(S::load(states + kStateMixed + i), inverse), lanes);
  });
}

}  // namespace
}  // namespace hearth
