#include "model/forward.h"

#include <algorithm>

#include "tensor/reference.h"

namespace hearth::model {
namespace {

// Rows of a matrix in one piece of work: several pieces for each thread, so that a slow thread
// costs its share only, and whole groups of the four rows that kernels take together.
size_t rows_per_chunk(size_t rows, size_t threads) {
  constexpr size_t kChunksPerThread = 8;
  constexpr size_t kRowGroup = 4;
  const size_t wanted = rows / (threads * kChunksPerThread);
  return std::max<size_t>(kRowGroup, wanted / kRowGroup * kRowGroup);
}

size_t chunk_count(size_t rows, size_t per_chunk) { return (rows + per_chunk - 1) / per_chunk; }

}  // namespace

Forward::Forward(const Model& model, const Kernels& kernels, ThreadPool& pool, size_t max_columns,
                 size_t max_positions, Precision precision)
    : model_(model),
      kernels_(kernels),
      pool_(pool),
      max_columns_(max_columns),
      precision_(precision),
      scratch_(model.config, max_columns),
      attention_(model.config, kernels, pool, max_columns, max_positions) {
  ranges_.reserve(max_columns);
}

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
  ranges_.clear();
  for (const Stretch& stretch : stretches) {
    ranges_.push_back({stretch.kv, columns_, stretch.tokens.size(), stretch.first_position});
    for (const int32_t token : stretch.tokens) embed(columns_++, token);
  }
  attention_.begin(ranges_);
}

void Forward::embed(size_t column, int32_t token) {
  const Matrix& table = model_.weights.token_embedding;
  const std::byte* row = table.data + static_cast<size_t>(token) * table.row_bytes;
  reference::dequantize(table.type, row, table.columns,
                        scratch_.residual.data() + column * table.columns);
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
  attention_.run(layer, scratch_.query.data(), scratch_.key.data(), scratch_.value.data(),
                 scratch_.mixed.data());
  const Activations mixed = prepare(scratch_.mixed.data(), config.q_width(), columns_, nullptr,
                                    weights.attn_output.weight.quantized());
  project_onto_residual(weights.attn_output, mixed);
}

void Forward::ffn_block(const LayerWeights& weights) {
  const ModelConfig& config = model_.config;
  const bool quantize = weights.gate.weight.quantized() || weights.up.weight.quantized();
  const Activations x =
      prepare(scratch_.residual.data(), config.n_embd, columns_, weights.ffn_norm, quantize);
  const size_t per_chunk = rows_per_chunk(config.n_ff, pool_.size());
  pool_.run(chunk_count(config.n_ff, per_chunk), [&](size_t chunk, size_t) {
    const size_t first = chunk * per_chunk;
    const size_t count = std::min(per_chunk, config.n_ff - first);
    project_rows(weights.gate, x, first, count, scratch_.hidden.data());
    project_rows(weights.up, x, first, count, scratch_.projected.data());
    for (size_t c = 0; c < columns_; ++c) {
      const size_t at = c * config.n_ff + first;
      kernels_.silu_mul(scratch_.hidden.data() + at, scratch_.projected.data() + at, count);
    }
  });
  const Activations hidden = prepare(scratch_.hidden.data(), config.n_ff, columns_, nullptr,
                                     weights.down.weight.quantized());
  project_onto_residual(weights.down, hidden);
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
  pool_.run(columns, [&](size_t c, size_t) {
    const float* column = inputs + c * width;
    if (norm != nullptr) {
      float* normed = scratch_.normed.data() + c * width;
      kernels_.rms_norm(column, norm, model_.config.rms_eps, width, normed);
      column = normed;
    }
    if (quantize) {
      kernels_.quantize(column, width, scratch_.quants.data() + c * padded,
                        scratch_.scales.data() + c * padded / 32);
    }
  });
  return x;
}

void Forward::project_rows(const Linear& linear, const Activations& x, size_t first_row,
                           size_t n_rows, float* out) {
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
  const size_t per_chunk = rows_per_chunk(total, pool_.size());
  size_t chunks = 0;
  for (const Linear* linear : linears) chunks += chunk_count(linear->weight.rows, per_chunk);
  pool_.run(chunks, [&](size_t chunk, size_t) {
    size_t i = 0;
    while (chunk >= chunk_count(linears[i]->weight.rows, per_chunk)) {
      chunk -= chunk_count(linears[i]->weight.rows, per_chunk);
      ++i;
    }
    const size_t first = chunk * per_chunk;
    project_rows(*linears[i], x, first, std::min(per_chunk, linears[i]->weight.rows - first),
                 outputs[i]);
  });
}

void Forward::project_onto_residual(const Linear& linear, const Activations& x) {
  const size_t rows = linear.weight.rows;
  const size_t per_chunk = rows_per_chunk(rows, pool_.size());
  pool_.run(chunk_count(rows, per_chunk), [&](size_t chunk, size_t) {
    const size_t first = chunk * per_chunk;
    const size_t count = std::min(per_chunk, rows - first);
    project_rows(linear, x, first, count, scratch_.projected.data());
    for (size_t c = 0; c < x.columns; ++c) {
      kernels_.add(scratch_.residual.data() + c * rows + first,
                   scratch_.projected.data() + c * rows + first, count);
    }
  });
}

void Forward::logits(size_t first, size_t count, float* out) {
  const size_t width = model_.config.n_embd;
  const Linear& head = model_.weights.output;
  const Activations x = prepare(scratch_.residual.data() + first * width, width, count,
                                model_.weights.output_norm, head.weight.quantized());
  const Linear* const linears[] = {&head};
  float* const outputs[] = {out};
  project(linears, outputs, x);
}

}  // namespace hearth::model
