#include "model/attention.h"

#include <algorithm>
#include <cmath>

#include "model/rope.h"

namespace hearth::model {
namespace {

// Runs of at most so many columns may split their history over threads.
constexpr size_t kSplitColumns = 16;
// Pieces of work for each thread, so that a slow one costs its share only.
constexpr size_t kItemsPerThread = 8;

size_t divide_up(size_t a, size_t b) { return (a + b - 1) / b; }

template <class Get>
size_t widest(const ModelConfig& config, Get get) {
  return largest_of(config, [&](const LayerConfig& layer) { return get(layer.attention); });
}
size_t widest_q(const ModelConfig& c) {
  return widest(c, [](auto& a) { return a.q_width(); });
}
size_t widest_k(const ModelConfig& c) {
  return widest(c, [](auto& a) { return a.k_width(); });
}
size_t widest_v(const ModelConfig& c) {
  return widest(c, [](auto& a) { return a.v_width(); });
}
size_t widest_mixed(const ModelConfig& c) {
  return widest(c, [](auto& a) { return a.mixed_width(); });
}

}  // namespace

size_t Attention::bytes_per_column(const ModelConfig& config) {
  size_t floats = 3 * widest_q(config) + widest_k(config) + widest_v(config) + widest_mixed(config);
  for (const RopeConfig& rope : config.ropes) floats += rope.dims;
  return floats * sizeof(float);
}

Attention::Attention(Linears& linears, size_t max_positions)
    : linears_(linears), config_(linears.config()) {
  const size_t columns = linears.max_columns();
  const size_t threads = linears.pool().size();
  for (const RopeConfig& rope : config_.ropes) {
    frequencies_.push_back(rope_frequencies(rope, max_positions));
    angles_.push_back(Buffer<float>::untouched(columns * rope.dims));
  }
  scratch_bytes_ = widest(config_, [](const AttentionConfig& a) {
    return attention_scratch_bytes(a.key_dim, a.value_dim);
  });
  const size_t floats =
      widest(config_, [](const AttentionConfig& a) { return state_floats(a.value_dim); });
  const size_t split_floats = widest(config_, [&](const AttentionConfig& a) {
    return a.n_heads * divide_up(max_positions, kChunkPositions) * state_floats(a.value_dim);
  });
  states_of_thread_ = kMaxTileRows * floats;
  ranges_.reserve(columns);
  gated_query_ = Buffer<float>::untouched(columns * 2 * widest_q(config_));
  query_ = Buffer<float>::untouched(columns * widest_q(config_));
  key_ = Buffer<float>::untouched(columns * widest_k(config_));
  value_ = Buffer<float>::untouched(columns * widest_v(config_));
  mixed_ = Buffer<float>::untouched(columns * widest_mixed(config_));
  scratch_ = Buffer<std::byte>(threads * scratch_bytes_);
  states_ = Buffer<float>(threads * states_of_thread_);
  partial_ = Buffer<float>::untouched(std::min(columns, kSplitColumns) * split_floats);
}

void Attention::begin(std::span<const ColumnRange> ranges) {
  sequences_ = ranges;
  for_each_column([&](size_t column, size_t position, const SequenceView&) {
    for (size_t i = 0; i < config_.ropes.size(); ++i) {
      const RopeConfig& rope = config_.ropes[i];
      rope_angles(rope, frequencies_[i], position, angles_[i].data() + column * rope.dims);
    }
  });
}

void Attention::for_each_column(const ColumnBody& body) const {
  // Neighbours share cache lines of keys, so where there are many columns a thread takes several.
  const size_t columns = linears_.columns();
  const size_t threads = linears_.pool().size();
  const size_t together =
      std::clamp<size_t>(columns / (kItemsPerThread * threads), 1, kTilePositions);
  linears_.pool().run(divide_up(columns, together), [&](size_t item, size_t) {
    const size_t end = std::min(columns, (item + 1) * together);
    for (const ColumnRange& range : sequences_) {
      const size_t first = std::max(item * together, range.first_column);
      for (size_t c = first; c < std::min(end, range.first_column + range.columns); ++c)
        body(c, range.first_position + c - range.first_column, *range.sequence);
    }
  });
}

void Attention::rotate(const AttentionConfig& config, size_t column, float* first, size_t heads,
                       size_t stride) const {
  if (config.rope == kNoRope) return;
  const RopeConfig& rope = config_.ropes[config.rope];
  const float* angles = angles_[config.rope].data() + column * rope.dims;
  const Kernels& kernels = linears_.kernels();
  const auto turn = rope.pairs == RopeConfig::Pairs::halves ? kernels.rope_halves : kernels.rope;
  for (size_t h = 0; h < heads; ++h) turn(first + h * stride, angles, rope.dims);
}

void Attention::store(const AttentionConfig& config, size_t position, const SequenceView& sequence,
                      const float* key, const float* value) const {
  const KvView& cache = sequence.caches[config.cache];
  for (size_t h = 0; h < config.n_kv_heads; ++h) {
    linears_.kernels().store_kv(cache.format, cache.head(h), position, key + h * config.key_dim,
                                value + h * config.value_dim);
  }
}

Activations Attention::run(const AttentionWeights& weights, const AttentionConfig& config,
                           const Norm& norm, const float* residual) {
  const size_t n_embd = config_.n_embd;
  const Activations x = linears_.prepare(residual, n_embd, linears_.columns(), norm,
                                         {&weights.q, &weights.k, &weights.v});
  const Linear* const linears[] = {&weights.q, &weights.k, &weights.v};
  float* const outputs[] = {weights.gated ? gated_query_.data() : query_.data(), key_.data(),
                            value_.data()};
  const size_t products = !weights.k.present() ? 1 : weights.v.present() ? 3 : 2;
  linears_.project({linears, products}, {outputs, products}, x);
  for_each_column([&](size_t column, size_t position, const SequenceView& sequence) {
    prepare_column(weights, config, column, position);
    if (!config.writes_cache) return;
    store(config, position, sequence, key_.data() + column * config.k_width(),
          value_.data() + column * config.v_width());
  });
  attend(config, query_.data(), weights.sinks, mixed_.data());
  if (weights.gated) {
    for_each_column([&](size_t column, size_t, const SequenceView&) {
      for (size_t h = 0; h < config.n_heads; ++h) {
        const size_t at = column * config.mixed_width() + h * config.value_dim;
        float* gate = gated_query_.data() + 2 * (column * config.q_width() + h * config.key_dim) +
                      config.key_dim;
        linears_.kernels().activate(Activation::sigmoid, gate, mixed_.data() + at,
                                    config.value_dim);
        std::copy_n(gate, config.value_dim, mixed_.data() + at);
      }
    });
  }
  return linears_.prepare(mixed_.data(), config.mixed_width(), linears_.columns(), {},
                          {&weights.output});
}

void Attention::prepare_column(const AttentionWeights& weights, const AttentionConfig& config,
                               size_t column, size_t position) {
  float* query = query_.data() + column * config.q_width();
  float* key = key_.data() + column * config.k_width();
  float* value = value_.data() + column * config.v_width();
  for (size_t h = 0; weights.gated && h < config.n_heads; ++h) {
    const float* pair = gated_query_.data() + 2 * (column * config.q_width() + h * config.key_dim);
    std::copy_n(pair, config.key_dim, query + h * config.key_dim);
  }
  const auto normalize = [&](const float* weight, float* values, size_t width, size_t n) {
    for (size_t at = 0; weight != nullptr && at < width; at += n)
      linears_.kernels().rms_norm(values + at, weight, config_.norm_eps, n, values + at);
  };
  const bool whole = weights.norms_whole;
  if (config.writes_cache) {
    if (!weights.v.present()) std::copy_n(key, config.k_width(), value);
    normalize(weights.k_norm, key, config.k_width(), whole ? config.k_width() : config.key_dim);
    normalize(weights.v_norm, value, config.v_width(), config.value_dim);
    rotate(config, column, key, config.n_kv_heads, config.key_dim);
  }
  normalize(weights.q_norm, query, config.q_width(), whole ? config.q_width() : config.key_dim);
  rotate(config, column, query, config.n_heads, config.key_dim);
  if (config.temperature != 0) {
    const size_t steps = position / config.temperature_step;
    const float factor = 1 + config.temperature * std::log(1 + static_cast<float>(steps));
    for (size_t i = 0; i < config.q_width(); ++i) query[i] *= factor;
  }
}

Attention::Grouping::Grouping(const AttentionConfig& config)
    : heads_per_kv_head(config.n_heads / config.n_kv_heads),
      heads_per_group(std::min(heads_per_kv_head, kMaxTileRows)),
      groups_per_kv_head(divide_up(heads_per_kv_head, heads_per_group)),
      columns_per_tile(kMaxTileRows / heads_per_group) {}

void Attention::cut_into_tiles(size_t columns_per_tile) {
  ranges_.clear();
  for (const ColumnRange& range : sequences_) {
    for (size_t at = 0; at < range.columns; at += columns_per_tile) {
      ranges_.push_back({range.sequence, range.first_column + at,
                         std::min(columns_per_tile, range.columns - at), range.first_position + at,
                         range.seen_end});
    }
  }
}

size_t Attention::tile_count(const Pass& pass) const {
  return ranges_.size() * pass.config.n_kv_heads * pass.grouping.groups_per_kv_head;
}

Attention::Tile Attention::tile(const Pass& pass, size_t index) const {
  const Grouping& grouping = pass.grouping;
  const size_t group = index / ranges_.size() % grouping.groups_per_kv_head;
  const size_t first_in_group = group * grouping.heads_per_group;
  Tile tile;
  tile.range = ranges_[index % ranges_.size()];
  tile.kv_head = index / ranges_.size() / grouping.groups_per_kv_head;
  tile.first_head = tile.kv_head * grouping.heads_per_kv_head + first_in_group;
  tile.heads = std::min(grouping.heads_per_group, grouping.heads_per_kv_head - first_in_group);
  const size_t first = tile.range.first_position + 1;
  tile.first_chunk =
      first > pass.config.window ? (first - pass.config.window) / kChunkPositions : 0;
  const size_t last =
      tile.range.seen_end != 0 ? tile.range.seen_end - 1 : tile.range.last_position();
  tile.end_chunk = last / kChunkPositions + 1;
  return tile;
}

void Attention::attend(const AttentionConfig& config, const float* query, const float* sinks,
                       float* mixed) {
  const Pass pass{config, query, sinks, mixed, Grouping(config)};
  cut_into_tiles(pass.grouping.columns_per_tile);
  size_t n_chunks = 0;
  for (size_t i = 0; i < ranges_.size(); ++i) {
    const Tile part = tile(pass, i);
    n_chunks = std::max(n_chunks, part.end_chunk - part.first_chunk);
  }
  const bool few = tile_count(pass) < kItemsPerThread * linears_.pool().size();
  if (few && linears_.columns() <= kSplitColumns && n_chunks > 1) {
    attend_split(pass, n_chunks);
  } else {
    attend_whole(pass);
  }
}

void Attention::attend_whole(const Pass& pass) {
  linears_.pool().run(tile_count(pass), [&](size_t item, size_t thread) {
    const Tile part = tile(pass, item);
    float* states = states_.data() + thread * states_of_thread_;
    attend_tile(pass, part, part.first_chunk, part.end_chunk, thread, states);
    finish(pass, part, 1, states);
  });
}

void Attention::attend_split(const Pass& pass, size_t n_chunks) {
  const size_t floats = state_floats(pass.config.value_dim);
  // What stands before a tile's states: those of the columns before it, then of its heads before.
  const auto states_of = [&](const Tile& part) {
    const size_t rows_before =
        part.range.first_column * pass.config.n_heads + part.range.columns * part.first_head;
    return partial_.data() + rows_before * n_chunks * floats;
  };
  linears_.pool().run(tile_count(pass) * n_chunks, [&](size_t item, size_t thread) {
    const Tile part = tile(pass, item / n_chunks);
    const size_t index = item % n_chunks;
    const size_t chunk = part.first_chunk + index;
    if (chunk >= part.end_chunk) return;
    float* states = states_of(part) + index * part.rows() * floats;
    attend_tile(pass, part, chunk, chunk + 1, thread, states);
  });
  linears_.pool().run(tile_count(pass), [&](size_t item, size_t) {
    const Tile part = tile(pass, item);
    finish(pass, part, part.end_chunk - part.first_chunk, states_of(part));
  });
}

void Attention::attend_tile(const Pass& pass, const Tile& tile, size_t first_chunk,
                            size_t end_chunk, size_t thread, float* states) {
  const AttentionConfig& config = pass.config;
  const ColumnRange& range = tile.range;
  const KvView& cache = range.sequence->caches[config.cache];
  AttentionArgs args;
  args.format = cache.format;
  args.kv = cache.head(tile.kv_head);
  args.query =
      pass.query + range.first_column * config.q_width() + tile.first_head * config.key_dim;
  args.query_stride = config.q_width();
  args.columns = range.columns;
  args.heads = tile.heads;
  args.first_position = range.first_position;
  args.seen_end = range.seen_end;
  args.first_chunk = first_chunk;
  args.end_chunk = end_chunk;
  args.window = config.window;
  args.scale = config.scale;
  args.softcap = config.softcap;
  const bool with_sinks = pass.sinks != nullptr && first_chunk == tile.first_chunk;
  args.sinks = with_sinks ? pass.sinks + tile.first_head : nullptr;
  args.scratch = scratch_.data() + thread * scratch_bytes_;
  args.states = states;
  linears_.kernels().attend(args);
}

void Attention::finish(const Pass& pass, const Tile& tile, size_t parts, float* states) {
  const size_t floats = state_floats(pass.config.value_dim);
  for (size_t row = 0; row < tile.rows(); ++row) {
    const size_t column = tile.range.first_column + row / tile.heads;
    const size_t head = tile.first_head + row % tile.heads;
    float* out = pass.mixed + column * pass.config.mixed_width() + head * pass.config.value_dim;
    linears_.kernels().finish_attention(states + row * floats, tile.rows() * floats, parts,
                                        pass.config.value_dim, out);
  }
}

}  // namespace hearth::model
