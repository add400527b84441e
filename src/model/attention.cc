#include "model/attention.h"

#include <algorithm>
#include <cmath>

namespace hearth::model {
namespace {

// Runs of at most so many columns may split their history over threads.
constexpr size_t kSplitColumns = 16;
// Pieces of work for each thread, so that a slow one costs its share only.
constexpr size_t kItemsPerThread = 8;

size_t divide_up(size_t a, size_t b) { return (a + b - 1) / b; }

std::vector<double> rope_frequencies(const RopeConfig& rope) {
  std::vector<double> frequencies(rope.dims / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(rope.dims);
    const double divisor = rope.divisors != nullptr ? static_cast<double>(rope.divisors[i]) : 1.0;
    frequencies[i] = std::pow(rope.base, exponent) * rope.scale / divisor;
  }
  return frequencies;
}

size_t last_position(const ColumnRange& range) { return range.first_position + range.columns - 1; }

}  // namespace

Attention::Attention(const ModelConfig& config, const Kernels& kernels, ThreadPool& pool,
                     size_t max_columns, size_t max_positions)
    : config_(config),
      kernels_(kernels),
      pool_(pool),
      heads_per_group_(std::min(config.n_heads / config.n_kv_heads, kMaxTileRows)),
      groups_per_kv_head_(divide_up(config.n_heads / config.n_kv_heads, heads_per_group_)),
      columns_per_tile_(kMaxTileRows / heads_per_group_),
      frequencies_(rope_frequencies(config.rope)),
      cos_sin_(max_columns * config.rope.dims),
      scratch_(pool.size() * attention_scratch_bytes(config.head_dim)),
      states_(pool.size() * kMaxTileRows * state_floats(config.head_dim)),
      partial_(Buffer<float>::untouched(std::min(max_columns, kSplitColumns) * config.n_heads *
                                        divide_up(max_positions, kChunkPositions) *
                                        state_floats(config.head_dim))) {
  ranges_.reserve(max_columns);
}

void Attention::begin(std::span<const ColumnRange> ranges) {
  ranges_.clear();
  n_columns_ = 0;
  n_chunks_ = 0;
  for (const ColumnRange& range : ranges) {
    for (size_t at = 0; at < range.columns; at += columns_per_tile_) {
      ranges_.push_back({range.kv, range.first_column + at,
                         std::min(columns_per_tile_, range.columns - at),
                         range.first_position + at});
    }
    n_columns_ += range.columns;
    n_chunks_ = std::max(n_chunks_, last_position(range) / kChunkPositions + 1);
  }
  pool_.run(ranges_.size(), [&](size_t t, size_t) {
    float* out = cos_sin_.data() + ranges_[t].first_column * config_.rope.dims;
    for (size_t i = 0; i < ranges_[t].columns; ++i) {
      const auto position = static_cast<double>(ranges_[t].first_position + i);
      for (const double frequency : frequencies_) {
        *out++ = static_cast<float>(std::cos(position * frequency));
        *out++ = static_cast<float>(std::sin(position * frequency));
      }
    }
  });
}

void Attention::run(size_t layer, float* query, float* key, const float* value, float* mixed) {
  rotate_and_store(layer, query, key, value);
  const bool few = tile_count() < kItemsPerThread * pool_.size();
  if (few && n_columns_ <= kSplitColumns && n_chunks_ > 1) {
    attend_split(layer, query, mixed);
  } else {
    attend_whole(layer, query, mixed);
  }
}

size_t Attention::tile_count() const {
  return ranges_.size() * config_.n_kv_heads * groups_per_kv_head_;
}

Attention::Tile Attention::tile(size_t index) const {
  const size_t heads_per_kv = config_.n_heads / config_.n_kv_heads;
  const size_t group = index / ranges_.size() % groups_per_kv_head_;
  Tile tile;
  tile.range = ranges_[index % ranges_.size()];
  tile.kv_head = index / ranges_.size() / groups_per_kv_head_;
  tile.first_head = tile.kv_head * heads_per_kv + group * heads_per_group_;
  tile.heads = std::min(heads_per_group_, heads_per_kv - group * heads_per_group_);
  return tile;
}

size_t Attention::Tile::chunks() const { return last_position(range) / kChunkPositions + 1; }

void Attention::rotate_and_store(size_t layer, float* query, float* key, const float* value) {
  // Neighbours share cache lines of keys, so where there are many columns a thread takes several.
  const size_t together =
      std::clamp<size_t>(n_columns_ / (kItemsPerThread * pool_.size()), 1, kTilePositions);
  const size_t pieces = divide_up(columns_per_tile_, together);
  pool_.run(ranges_.size() * pieces, [&](size_t item, size_t) {
    const ColumnRange& range = ranges_[item / pieces];
    const size_t first = item % pieces * together;
    const size_t end = std::min(first + together, range.columns);
    for (size_t i = first; i < end; ++i)
      rotate_and_store_column(layer, range, i, query, key, value);
  });
}

void Attention::rotate_and_store_column(size_t layer, const ColumnRange& range, size_t index,
                                        float* query, float* key, const float* value) {
  const size_t column = range.first_column + index;
  const size_t dims = config_.rope.dims;
  const float* cos_sin = cos_sin_.data() + column * dims;
  for (size_t h = 0; h < config_.n_heads; ++h) {
    kernels_.rope(query + column * config_.q_width() + h * config_.head_dim, cos_sin, dims);
  }
  for (size_t h = 0; h < config_.n_kv_heads; ++h) {
    const size_t at = column * config_.kv_width() + h * config_.head_dim;
    kernels_.rope(key + at, cos_sin, dims);
    kernels_.store_kv(range.kv->format, range.kv->head(layer, h), range.first_position + index,
                      key + at, value + at);
  }
}

void Attention::attend_whole(size_t layer, const float* query, float* mixed) {
  pool_.run(tile_count(), [&](size_t item, size_t thread) {
    const Tile part = tile(item);
    float* states = states_.data() + thread * kMaxTileRows * state_floats(config_.head_dim);
    attend(layer, part, 0, part.chunks(), thread, query, states);
    finish(part, false, states, mixed);
  });
}

void Attention::attend_split(size_t layer, const float* query, float* mixed) {
  // What stands before a tile's states: those of the columns before it, then of its heads before.
  const auto states_of = [&](const Tile& part) {
    const size_t rows_before =
        part.range.first_column * config_.n_heads + part.range.columns * part.first_head;
    return partial_.data() + rows_before * n_chunks_ * state_floats(config_.head_dim);
  };
  pool_.run(tile_count() * n_chunks_, [&](size_t item, size_t thread) {
    const Tile part = tile(item / n_chunks_);
    const size_t chunk = item % n_chunks_;
    if (chunk >= part.chunks()) return;
    float* states = states_of(part) + chunk * part.rows() * state_floats(config_.head_dim);
    attend(layer, part, chunk, chunk + 1, thread, query, states);
  });
  pool_.run(tile_count(), [&](size_t item, size_t) {
    const Tile part = tile(item);
    finish(part, true, states_of(part), mixed);
  });
}

void Attention::attend(size_t layer, const Tile& tile, size_t first_chunk, size_t end_chunk,
                       size_t thread, const float* query, float* states) {
  const ColumnRange& range = tile.range;
  AttentionArgs args;
  args.format = range.kv->format;
  args.kv = range.kv->head(layer, tile.kv_head);
  args.query = query + range.first_column * config_.q_width() + tile.first_head * config_.head_dim;
  args.query_stride = config_.q_width();
  args.columns = range.columns;
  args.heads = tile.heads;
  args.first_position = range.first_position;
  args.first_chunk = first_chunk;
  args.end_chunk = end_chunk;
  args.scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim));
  args.scratch = scratch_.data() + thread * attention_scratch_bytes(config_.head_dim);
  args.states = states;
  kernels_.attend(args);
}

void Attention::finish(const Tile& tile, bool split, float* states, float* mixed) {
  const size_t floats = state_floats(config_.head_dim);
  for (size_t row = 0; row < tile.rows(); ++row) {
    const size_t column = row / tile.heads;
    const size_t head = tile.first_head + row % tile.heads;
    const size_t chunks = (tile.range.first_position + column) / kChunkPositions + 1;
    float* out =
        mixed + (tile.range.first_column + column) * config_.q_width() + head * config_.head_dim;
    kernels_.finish_attention(states + row * floats, tile.rows() * floats, split ? chunks : 1,
                              config_.head_dim, out);
  }
}

}  // namespace hearth::model
