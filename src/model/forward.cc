#include "model/forward.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tensor/reference.h"

namespace hearth::model {
namespace {

size_t chunk_count(size_t rows, size_t per_chunk) { return (rows + per_chunk - 1) / per_chunk; }

std::vector<double> rope_frequencies(const RopeConfig& rope) {
  std::vector<double> frequencies(rope.dims / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(rope.dims);
    const double divisor = rope.divisors != nullptr ? static_cast<double>(rope.divisors[i]) : 1.0;
    frequencies[i] = std::pow(rope.base, exponent) * rope.scale / divisor;
  }
  return frequencies;
}

// Turns the pairs (2i, 2i + 1) of a head by the angles whose cosines and sines are given.
void rotate(float* head, const float* cos_sin, size_t dims) {
  for (size_t i = 0; i < dims; i += 2) {
    const float cosine = cos_sin[i];
    const float sine = cos_sin[i + 1];
    const float a = head[i];
    const float b = head[i + 1];
    head[i] = a * cosine - b * sine;
    head[i + 1] = a * sine + b * cosine;
  }
}

}  // namespace

Forward::Forward(const Model& model, const Kernels& kernels, ThreadPool& pool, size_t max_columns,
                 size_t max_positions, Precision precision)
    : model_(model),
      kernels_(kernels),
      pool_(pool),
      max_columns_(max_columns),
      max_positions_(max_positions),
      precision_(precision),
      places_(max_columns),
      gemm_scratch_(kernels.gemm_scratch(
          std::max({model.config.n_embd, model.config.q_width(), model.config.n_ff}))),
      scratch_(model.config, max_columns, max_positions, pool.size(), gemm_scratch_),
      frequencies_(rope_frequencies(model.config.rope)) {}

bool Forward::run(std::span<const Stretch> stretches, Path path, bool (*stop)()) {
  path_ = path;
  begin(stretches);
  for (size_t i = 0; i < model_.weights.layers.size(); ++i) {
    if (stop()) return false;
    attention_block(model_.weights.layers[i], i);
    ffn_block(model_.weights.layers[i]);
  }
  return true;
}

void Forward::begin(std::span<const Stretch> stretches) {
  columns_ = 0;
  for (const Stretch& stretch : stretches) {
    for (size_t i = 0; i < stretch.tokens.size(); ++i) {
      const size_t position = stretch.first_position + i;
      places_[columns_] = {stretch.kv, position};
      embed(columns_, stretch.tokens[i]);
      fill_rope_row(columns_, position);
      ++columns_;
    }
  }
}

void Forward::embed(size_t column, int32_t token) {
  const Matrix& table = model_.weights.token_embedding;
  const std::byte* row = table.data + static_cast<size_t>(token) * table.row_bytes;
  reference::dequantize(table.type, row, table.columns,
                        scratch_.residual.data() + column * table.columns);
}

void Forward::fill_rope_row(size_t column, size_t position) {
  float* out = scratch_.rope.data() + column * model_.config.rope.dims;
  for (const double frequency : frequencies_) {
    *out++ = static_cast<float>(std::cos(static_cast<double>(position) * frequency));
    *out++ = static_cast<float>(std::sin(static_cast<double>(position) * frequency));
  }
}

void Forward::attention_block(const LayerWeights& weights, size_t layer) {
  const ModelConfig& config = model_.config;
  const bool quantize =
      weights.q.weight.quantized() || weights.k.weight.quantized() || weights.v.weight.quantized();
  const Activations x =
      prepare(scratch_.residual.data(), config.n_embd, columns_, weights.attn_norm, quantize);
  const Linear* const linears[] = {&weights.q, &weights.k, &weights.v};
  float* const outputs[] = {scratch_.query.data(), scratch_.key.data(), scratch_.value.data()};
  project(linears, outputs, x);
  pool_.run(columns_, [&](size_t c, size_t) { store_column(c, layer); });
  attend(layer);
  const Activations mixed = prepare(scratch_.mixed.data(), config.q_width(), columns_, nullptr,
                                    weights.attn_output.weight.quantized());
  project_onto_residual(weights.attn_output, mixed);
}

void Forward::store_column(size_t column, size_t layer) {
  const ModelConfig& config = model_.config;
  const KvView& kv = *places_[column].kv;
  const KvLayer& cache = kv.layers[layer];
  const float* cos_sin = scratch_.rope.data() + column * config.rope.dims;
  float* query = scratch_.query.data() + column * config.q_width();
  for (size_t h = 0; h < config.n_heads; ++h)
    rotate(query + h * config.head_dim, cos_sin, config.rope.dims);
  const auto store = [&](const float* head, std::byte* to) {
    if (kv.type == DType::F32) {
      std::memcpy(to, head, config.head_dim * sizeof(float));
    } else {
      kernels_.to_f16(head, config.head_dim, reinterpret_cast<uint16_t*>(to));
    }
  };
  for (size_t h = 0; h < config.n_kv_heads; ++h) {
    float* key = scratch_.key.data() + column * config.kv_width() + h * config.head_dim;
    const float* value = scratch_.value.data() + column * config.kv_width() + h * config.head_dim;
    rotate(key, cos_sin, config.rope.dims);
    const size_t at = h * kv.head_stride + places_[column].position * kv.position_stride;
    store(key, cache.keys + at);
    store(value, cache.values + at);
  }
}

void Forward::attend(size_t layer) {
  const ModelConfig& config = model_.config;
  const size_t heads_per_kv = config.n_heads / config.n_kv_heads;
  const float scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim));
  pool_.run(columns_ * config.n_heads, [&](size_t item, size_t thread) {
    const size_t column = item / config.n_heads;
    const size_t head = item % config.n_heads;
    const size_t at = column * config.q_width() + head * config.head_dim;
    const KvView& kv = *places_[column].kv;
    const KvLayer& cache = kv.layers[layer];
    AttentionArgs args;
    args.query = scratch_.query.data() + at;
    args.keys = cache.keys + head / heads_per_kv * kv.head_stride;
    args.values = cache.values + head / heads_per_kv * kv.head_stride;
    args.key_stride = kv.position_stride;
    args.value_stride = kv.position_stride;
    args.kv_type = kv.type;
    args.n_positions = places_[column].position + 1;
    args.head_dim = config.head_dim;
    args.scale = scale;
    args.scores = scratch_.scores.data() + thread * max_positions_;
    args.out = scratch_.mixed.data() + at;
    kernels_.attention(args);
  });
}

void Forward::ffn_block(const LayerWeights& weights) {
  const ModelConfig& config = model_.config;
  const bool quantize = weights.gate.weight.quantized() || weights.up.weight.quantized();
  const Activations x =
      prepare(scratch_.residual.data(), config.n_embd, columns_, weights.ffn_norm, quantize);
  const size_t per_chunk = rows_per_chunk(config.n_ff);
  pool_.run(chunk_count(config.n_ff, per_chunk), [&](size_t chunk, size_t thread) {
    const size_t first = chunk * per_chunk;
    const size_t count = std::min(per_chunk, config.n_ff - first);
    project_rows(weights.gate, x, first, count, scratch_.hidden.data(), thread);
    project_rows(weights.up, x, first, count, scratch_.projected.data(), thread);
    for (size_t c = 0; c < columns_; ++c) {
      const size_t at = c * config.n_ff + first;
      kernels_.silu_mul(scratch_.hidden.data() + at, scratch_.projected.data() + at, count);
    }
  });
  const Activations hidden = prepare(scratch_.hidden.data(), config.n_ff, columns_, nullptr,
                                     weights.down.weight.quantized());
  project_onto_residual(weights.down, hidden);
}

// Rows of a matrix in one piece of work: several pieces for each thread, so that a slow thread
// costs its share only, and whole groups of the rows that kernels take together.
size_t Forward::rows_per_chunk(size_t rows) const {
  constexpr size_t kChunksPerThread = 8;
  const size_t group = path_ == Path::prompt ? 32 : 4;
  const size_t wanted = rows / (pool_.size() * kChunksPerThread);
  return std::max(group, wanted / group * group);
}

Activations Forward::prepare(const float* inputs, size_t width, size_t columns, const float* norm,
                             bool quantize) {
  const size_t padded = Activations::padded(width);
  Activations x;
  x.n = width;
  x.columns = columns;
  x.values = norm != nullptr ? scratch_.normed.data() : inputs;
  if (precision_ == Precision::exact) quantize = false;
  x.quants = quantize ? scratch_.quants.data() : nullptr;
  x.scales = quantize ? scratch_.scales.data() : nullptr;
  if (norm == nullptr && !quantize) return x;
  const bool pack = quantize && path_ == Path::prompt;
  if (pack) {
    x.packed = {scratch_.packed_quants.data(), scratch_.packed_scales.data(),
                scratch_.sums_of_32.data(), scratch_.sums_of_16.data()};
  }
  const size_t tiles = (columns + kPackedColumns - 1) / kPackedColumns;
  pool_.run(tiles, [&](size_t tile, size_t) {
    const size_t first = tile * kPackedColumns;
    const size_t count = std::min(kPackedColumns, columns - first);
    int8_t* quants = scratch_.quants.data() + first * padded;
    float* scales = scratch_.scales.data() + first * padded / 32;
    for (size_t c = 0; c < count; ++c) {
      const float* column = inputs + (first + c) * width;
      if (norm != nullptr) {
        float* normed = scratch_.normed.data() + (first + c) * width;
        kernels_.rms_norm(column, norm, model_.config.rms_eps, width, normed);
        column = normed;
      }
      if (quantize) {
        kernels_.quantize(column, width, quants + c * padded, scales + c * padded / 32);
      }
    }
    if (pack) kernels_.pack(quants, scales, width, count, x.tile(tile));
  });
  return x;
}

void Forward::project_rows(const Linear& linear, const Activations& x, size_t first_row,
                           size_t n_rows, float* out, size_t thread) {
  const Matrix& weight = linear.weight;
  DotArgs args;
  args.rows = weight.data + first_row * weight.row_bytes;
  args.row_bytes = weight.row_bytes;
  args.n_rows = n_rows;
  args.x = x;
  args.out = out + first_row;
  args.out_stride = weight.rows;
  if (precision_ == Precision::exact && weight.quantized()) {
    reference::dot(weight.type, args);
  } else if (x.packed.quants != nullptr) {
    kernels_.gemm(weight.type, args, scratch_.gemm.data() + thread * gemm_scratch_);
  } else {
    kernels_.dot(weight.type, args);
  }
  if (linear.bias == nullptr) return;
  for (size_t c = 0; c < x.columns; ++c) {
    kernels_.add(args.out + c * weight.rows, linear.bias + first_row, n_rows);
  }
}

void Forward::project(std::span<const Linear* const> linears, std::span<float* const> outputs,
                      const Activations& x) {
  size_t total = 0;
  for (const Linear* linear : linears) total += linear->weight.rows;
  const size_t per_chunk = rows_per_chunk(total);
  size_t chunks = 0;
  for (const Linear* linear : linears) chunks += chunk_count(linear->weight.rows, per_chunk);
  pool_.run(chunks, [&](size_t chunk, size_t thread) {
    size_t i = 0;
    while (chunk >= chunk_count(linears[i]->weight.rows, per_chunk)) {
      chunk -= chunk_count(linears[i]->weight.rows, per_chunk);
      ++i;
    }
    const size_t first = chunk * per_chunk;
    project_rows(*linears[i], x, first, std::min(per_chunk, linears[i]->weight.rows - first),
                 outputs[i], thread);
  });
}

void Forward::project_onto_residual(const Linear& linear, const Activations& x) {
  const size_t rows = linear.weight.rows;
  const size_t per_chunk = rows_per_chunk(rows);
  pool_.run(chunk_count(rows, per_chunk), [&](size_t chunk, size_t thread) {
    const size_t first = chunk * per_chunk;
    const size_t count = std::min(per_chunk, rows - first);
    project_rows(linear, x, first, count, scratch_.projected.data(), thread);
    for (size_t c = 0; c < x.columns; ++c) {
      kernels_.add(scratch_.residual.data() + c * rows + first,
                   scratch_.projected.data() + c * rows + first, count);
    }
  });
}

void Forward::logits(size_t first, size_t count, float* out) {
  path_ = Path::decode;  // whatever the path was, so that a token's logits have one order of sums
  const size_t width = model_.config.n_embd;
  const Linear& head = model_.weights.output;
  const Activations x = prepare(scratch_.residual.data() + first * width, width, count,
                                model_.weights.output_norm, head.weight.quantized());
  const Linear* const linears[] = {&head};
  float* const outputs[] = {out};
  project(linears, outputs, x);
}

}  // namespace hearth::model
