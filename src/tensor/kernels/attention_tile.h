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
//   S::from_int32, S::exp2, S::join, S::store_i16
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "tensor/attention.h"
#include "tensor/kernels/vector_ops.h"

namespace hearth {
namespace {

constexpr float kLog2E = 1.44269504f;

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
    queries_ = take(kMaxTileRows * format_.padded_key());
    query_scales_ = take(kMaxTileRows);
    starts_ = reinterpret_cast<int32_t*>(take(kMaxTileRows));
    sums_ = take(S::kRows * kChunkPositions);
    weights_ = reinterpret_cast<typename Cache::Weight*>(take(S::kRows * kChunkPositions));
    mixed_ = take(S::kRows * format_.padded_value());
    weight_scales_ = take(kChunkPositions);
  }

  void run() {
    rows_ = args_.columns * args_.heads;
    for (size_t row = 0; row < rows_; ++row) prepare(row);
    for (size_t chunk = args_.first_chunk; chunk < args_.end_chunk; ++chunk) attend(chunk);
  }

 private:
  [[nodiscard]] float* state(size_t row) const {
    return args_.states + row * state_floats(format_.value_dim);
  }

  void prepare(size_t row) {
    const float* query =
        args_.query + row / args_.heads * args_.query_stride + row % args_.heads * format_.key_dim;
    const size_t padded = format_.padded_key();
    const float to_powers_of_2 = args_.scale * kLog2E;
    if constexpr (Cache::kQuantized) {
      auto* quants = reinterpret_cast<int8_t*>(queries_) + row * padded;
      query_scales_[row] = quantize_row<S>(query, format_.key_dim, quants) * to_powers_of_2;
      int32_t sum = 0;
      for (size_t i = 0; i < padded; ++i) sum += quants[i];
      starts_[row] = Cache::Keys::start(sum);
    } else {
      std::memcpy(queries_ + row * padded, query, format_.key_dim * sizeof(float));
      query_scales_[row] = to_powers_of_2;
      starts_[row] = 0;
    }
    const bool sink = args_.sinks != nullptr;
    float* start = state(row);
    start[kStateLargest] = sink ? args_.sinks[row % args_.heads] * kLog2E : -__builtin_inff();
    start[kStateTotal] = sink ? 1.0f : 0.0f;
    std::memset(start + kStateMixed, 0, format_.padded_value() * sizeof(float));
  }

  void attend(size_t chunk) {
    size_t row = 0;
    while (row < rows_ && args_.visible(row, chunk).empty()) ++row;
    scaled_ = {};
    while (row < rows_) {
      // Blocks as even as can be: 8 rows are 4 and 4 rather than 6 and 2.
      const size_t left = rows_ - row;
      const size_t blocks = (left + S::kRows - 1) / S::kRows;
      size_t count = (left + blocks - 1) / blocks;
      // Behind a window's last row there may be rows that no longer see the chunk.
      while (count > 0 && args_.visible(row + count - 1, chunk).empty()) --count;
      if (count == 0) return;
      attend_block(chunk, row, count);
      row += count;
    }
  }

  void attend_block(size_t chunk, size_t first, size_t count) {
    score(chunk, first, count,
          {args_.visible(first, chunk).begin, args_.visible(first + count - 1, chunk).end});
    float factors[S::kRows];  // of the mixed values
    for (size_t i = 0; i < count; ++i) factors[i] = soften(chunk, first + i, i);
    // Rows that see the same positions are mixed together: what a row does not see, it does not
    // touch.
    for (size_t i = 0; i < count;) {
      const VisibleRange seen = args_.visible(first + i, chunk);
      size_t end = i + 1;
      while (end < count && args_.visible(first + end, chunk) == seen) ++end;
      mix(chunk, i, end - i, seen);
      i = end;
    }
    for (size_t i = 0; i < count; ++i) {
      const size_t padded = format_.padded_value();
      const float* mixed = mixed_ + i * padded;
      add_to_state<S>(state(first + i), largest_[i], total_[i], padded, [&](size_t at) {
        return S::mul(Cache::from_sum(mixed + at), S::set(factors[i]));
      });
    }
  }

  // Where a chunk begins in the cache.
  [[nodiscard]] size_t slot_of(size_t chunk) const { return format_.slot(chunk * kChunkPositions); }

  // sums_ = query times keys, for the positions of a chunk in `seen` and some around them.
  void score(size_t chunk, size_t first, size_t count, VisibleRange seen) {
    constexpr size_t kAtOnce = S::kVectors * S::kLanes;
    constexpr size_t kGroupBytes = Cache::Keys::kVectorBytes * kTilePositions / S::kLanes;
    constexpr size_t kQueryBytes = Cache::kQuantized ? 1 : sizeof(float);
    const size_t tile_bytes = format_.tile_bytes();
    const std::byte* keys = args_.kv.keys + slot_of(chunk) / kTilePositions * tile_bytes;
    Product p;
    p.vector_bytes = S::kLanes == kTilePositions ? tile_bytes : Cache::Keys::kVectorBytes;
    p.step_bytes = kGroupBytes;
    p.steps = (format_.key_dim + Cache::kKeyGroup - 1) / Cache::kKeyGroup;
    p.row_bytes = format_.padded_key() * kQueryBytes;
    p.factors = reinterpret_cast<const std::byte*>(queries_) + first * p.row_bytes;
    p.start = starts_ + first;
    p.sum_stride = kChunkPositions;
    for (size_t at = seen.begin / kAtOnce * kAtOnce; at < seen.end; at += kAtOnce) {
      p.cells = keys + at / kTilePositions * tile_bytes;
      p.sums = sums_ + at;
      multiply_rows<S, typename Cache::Keys, S::kVectors>(p, count);
    }
  }

  // Softmax of row `first + i` over one chunk: weights_, largest_, total_. Returns what the mixed
  // values are to be multiplied with.
  float soften(size_t chunk, size_t row, size_t i) {
    const VisibleRange seen = args_.visible(row, chunk);
    float* scores = sums_ + i * kChunkPositions;
    const float query_scale = args_.softcap > 0 ? kLog2E : query_scales_[row];
    auto top = S::set(-__builtin_inff());
    for_vectors_of(seen, [&](size_t at, VisibleRange lanes) {
      auto score = Cache::from_sum(scores + at);
      if constexpr (Cache::kQuantized) {
        score = S::mul(score, S::load(args_.kv.key_scales + slot_of(chunk) + at));
      }
      if (args_.softcap > 0) score = capped(score, query_scales_[row]);
      score = only(score, lanes, -__builtin_inff());
      top = S::max(score, top);
      S::store(scores + at, score);
    });
    const float largest = S::largest(top) * query_scale;
    const auto scale = S::set(query_scale);
    // Where every score is -inf, so is the difference.
    const auto shift = S::set(largest == -__builtin_inff() ? 0.0f : -largest);
    if constexpr (Cache::kQuantized) scale_weights(chunk, seen);
    auto total = S::zero();
    auto* weights = weights_ + i * kChunkPositions;
    for_vectors_of(seen, [&](size_t at, VisibleRange lanes) {
      auto weight = only(S::exp2(S::fma(S::load(scores + at), scale, shift)), lanes, 0.0f);
      total = S::add(total, weight);
      if constexpr (Cache::kQuantized) weight = S::mul(weight, S::load(weight_scales_ + at));
      Cache::store_weights(weights + at, weight);
    });
    largest_[i] = largest;
    total_[i] = S::sum(total);
    return Cache::kQuantized ? mixed_scale_ : 1.0f;
  }

  // Calls body(offset, lanes) for each vector of positions that holds some of `seen`.
  template <class Body>
  static void for_vectors_of(VisibleRange seen, Body body) {
    for (size_t at = seen.begin / S::kLanes * S::kLanes; at < seen.end; at += S::kLanes) {
      const size_t left = seen.end - at;
      body(at, VisibleRange{seen.begin > at ? seen.begin - at : 0,
                            left < S::kLanes ? left : S::kLanes});
    }
  }
  // The lanes of a range; `rest` in the others.
  static typename S::V only(typename S::V a, VisibleRange lanes, float rest) {
    if (lanes.end < S::kLanes) a = S::join(a, lanes.end, S::set(rest));
    return lanes.begin > 0 ? S::join(S::set(rest), lanes.begin, a) : a;
  }
  // Sums of products as scores below the cap. `scale` makes powers of 2 of them.
  [[nodiscard]] typename S::V capped(typename S::V sums, float scale) const {
    const auto share = S::mul(sums, S::set(scale / (kLog2E * args_.softcap)));
    return S::mul(tanh<S>(share), S::set(args_.softcap));
  }

  // weight_scales_: the scales of the values of a chunk, the largest of them as kMaxWeight.
  void scale_weights(size_t chunk, VisibleRange seen) {
    if (scaled_ == seen) return;
    scaled_ = seen;
    const float* value_scales = args_.kv.value_scales + slot_of(chunk);
    auto top = S::zero();
    auto poison = S::zero();
    for_vectors_of(seen, [&](size_t at, VisibleRange lanes) {
      const auto scales = only(S::load(value_scales + at), lanes, 0.0f);
      top = S::max(scales, top);
      poison = S::fma(scales, S::zero(), poison);
    });
    const float largest = S::largest(top);
    const float inverse = largest > 0 ? Cache::kMaxWeight / largest : 0.0f;
    const auto factor = S::set(inverse <= __FLT_MAX__ ? inverse : 0.0f);
    // Zeros around them: what stands there in the cache may be no number.
    for_vectors_of(seen, [&](size_t at, VisibleRange lanes) {
      const auto scales = only(S::load(value_scales + at), lanes, 0.0f);
      S::store(weight_scales_ + at, S::mul(scales, factor));
    });
    mixed_scale_ = largest / Cache::kMaxWeight + S::sum(poison);
  }

  // mixed_ = weights times values, for rows first to first + count of the block.
  void mix(size_t chunk, size_t first, size_t count, VisibleRange seen) {
    using Values = typename Cache::Values;
    constexpr size_t kGroup = Cache::kValueGroup;
    const size_t begin = seen.begin / kGroup * kGroup;
    const size_t padded = format_.padded_value();
    static constexpr int32_t kZeros[S::kRows] = {};
    Product p;
    p.vector_bytes = Values::kVectorBytes;
    p.step_bytes = padded * format_.element_bytes() * kGroup;
    p.steps = (seen.end - begin + kGroup - 1) / kGroup;
    p.row_bytes = kChunkPositions * sizeof(typename Cache::Weight);
    p.factors = reinterpret_cast<const std::byte*>(weights_) + first * p.row_bytes +
                begin * sizeof(typename Cache::Weight);
    p.start = kZeros;
    p.sum_stride = padded;
    const std::byte* values = args_.kv.values + (slot_of(chunk) + begin) / kGroup * p.step_bytes;
    const size_t vectors = padded / S::kLanes;
    for (size_t v = 0; v < vectors;) {
      p.cells = values + v * Values::kVectorBytes;
      p.sums = mixed_ + first * padded + v * S::kLanes;
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
  VisibleRange scaled_;              // of which weight_scales_ speaks
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
void finish_attention(float* states, size_t stride, size_t count, size_t value_dim, float* out) {
  const size_t padded = KvFormat::padded(value_dim);
  for (size_t k = 1; k < count; ++k) {
    const float* part = states + k * stride;
    add_to_state<S>(states, part[kStateLargest], part[kStateTotal], padded,
                    [&](size_t i) { return S::load(part + kStateMixed + i); });
  }
  const auto inverse = S::set(1.0f / states[kStateTotal]);
  for_vectors<S>(value_dim, [&](size_t i, size_t lanes) {
    store_count<S>(out + i, S::mul(S::load(states + kStateMixed + i), inverse), lanes);
  });
}

}  // namespace
}  // namespace hearth
