#include "model/forward.h"

#include <algorithm>

#include "tensor/reference.h"

namespace hearth::model {
namespace {

size_t chunk_count(size_t rows, size_t per_chunk) { return (rows + per_chunk - 1) / per_chunk; }

// Every form in which a prompt meets these weights.
PackedForms packed_forms(const Weights& weights, const Kernels& kernels) {
  PackedForms forms;
  for (const LayerWeights& layer : weights.layers) {
    for (const Linear* linear :
         {&layer.q, &layer.k, &layer.v, &layer.attn_output, &layer.gate, &layer.up, &layer.down}) {
      const PackedForm form = kernels.packed_form(linear->weight.type);
      forms.quants = forms.quants || form == PackedForm::quants;
      forms.floats = forms.floats || form == PackedForm::floats;
      forms.halves = forms.halves || form == PackedForm::halves;
    }
  }
  return forms;
}

}  // namespace

Forward::Forward(const Model& model, const Kernels& kernels, ThreadPool& pool, size_t max_columns,
                 size_t max_positions, Precision precision)
    : model_(model),
      kernels_(kernels),
      pool_(pool),
      max_columns_(max_columns),
      precision_(precision),
      gemm_scratch_(kernels.gemm_scratch(
          std::max({model.config.n_embd, model.config.q_width(), model.config.n_ff}))),
      scratch_(model.config, max_columns, pool.size(), gemm_scratch_,
               packed_forms(model.weights, kernels)),
      attention_(model.config, kernels, pool, max_columns, max_positions) {
  ranges_.reserve(max_columns);
}

bool Forward::run(std::span<const Stretch> stretches, Path path, const Gate& gate) {
  path_ = path;
  begin(stretches);
  for (size_t i = 0; i < model_.weights.layers.size(); ++i) {
    if (!gate(i)) return false;
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
  const Activations x = prepare(scratch_.residual.data(), config.n_embd, columns_,
                                weights.attn_norm, {&weights.q, &weights.k, &weights.v});
  const Linear* const linears[] = {&weights.q, &weights.k, &weights.v};
  float* const outputs[] = {scratch_.query.data(), scratch_.key.data(), scratch_.value.data()};
  project(linears, outputs, x);
  attention_.run(layer, scratch_.query.data(), scratch_.key.data(), scratch_.value.data(),
                 scratch_.mixed.data());
  const Activations mixed =
      prepare(scratch_.mixed.data(), config.q_width(), columns_, nullptr, {&weights.attn_output});
  project_onto_residual(weights.attn_output, mixed);
}

void Forward::ffn_block(const LayerWeights& weights) {
  const ModelConfig& config = model_.config;
  const Activations x = prepare(scratch_.residual.data(), config.n_embd, columns_, weights.ffn_norm,
                                {&weights.gate, &weights.up});
  const bool straight = path_ == Path::prompt && precision_ == Precision::fast &&
                        config.n_ff % 64 == 0 &&
                        kernels_.packed_form(weights.down.weight.type) == PackedForm::quants;
  if (straight) return project_onto_residual(weights.down, packed_hidden(weights, x));
  const size_t per_chunk = rows_per_chunk(config.n_ff);
  pool_.run(chunk_count(config.n_ff, per_chunk), [&](size_t chunk, size_t thread) {
    const size_t first = chunk * per_chunk;
    const size_t count = std::min(per_chunk, config.n_ff - first);
    project_rows(weights.gate, x, first, count, {scratch_.hidden.data() + first, config.n_ff},
                 thread);
    project_rows(weights.up, x, first, count, {scratch_.projected.data() + first, config.n_ff},
                 thread);
    for (size_t c = 0; c < columns_; ++c) {
      const size_t at = c * config.n_ff + first;
      kernels_.silu_mul(scratch_.hidden.data() + at, scratch_.projected.data() + at, count);
    }
  });
  const Activations hidden =
      prepare(scratch_.hidden.data(), config.n_ff, columns_, nullptr, {&weights.down});
  project_onto_residual(weights.down, hidden);
}

Activations Forward::packed_hidden(const LayerWeights& weights, const Activations& x) {
  Activations hidden;
  hidden.n = model_.config.n_ff;
  hidden.columns = columns_;
  hidden.packed = scratch_.packed_hidden;
  pool_.run(hidden.n / 32, [&](size_t block, size_t thread) {
    float* gate = panel_of(thread);
    float* up = gate + 32 * max_columns_;
    project_rows(weights.gate, x, 32 * block, 32, {gate, 32}, thread);
    project_rows(weights.up, x, 32 * block, 32, {up, 32}, thread);
    kernels_.silu_mul(gate, up, 32 * columns_);
    constexpr size_t kStride = Activations::padded(32);
    int8_t quants[kPackedColumns * kStride];
    float scales[kPackedColumns * kStride / 32];
    for (size_t first = 0; first < columns_; first += kPackedColumns) {
      const size_t count = std::min(kPackedColumns, columns_ - first);
      for (size_t c = 0; c < count; ++c) {
        kernels_.quantize(gate + 32 * (first + c), 32, quants + c * kStride,
                          scales + c * kStride / 32);
      }
      kernels_.pack(quants, scales, kStride, 1, count,
                    hidden.tile(first / kPackedColumns).block(block));
    }
  });
  return hidden;
}

// Rows of a matrix in one piece of work. A prompt takes whole panels, whose results of all columns
// stay in the cache; an answer several pieces for each thread, so that a slow thread costs its
// share only, in whole groups of the rows that kernels take together.
size_t Forward::rows_per_chunk(size_t rows) const {
  constexpr size_t kPanelRows = 32;
  constexpr size_t kChunksPerThread = 8;
  constexpr size_t kRowGroup = 4;
  if (path_ == Path::prompt) return kPanelRows;
  const size_t wanted = rows / (pool_.size() * kChunksPerThread);
  return std::max(kRowGroup, wanted / kRowGroup * kRowGroup);
}

Activations Forward::prepare(const float* inputs, size_t width, size_t columns, const float* norm,
                             std::initializer_list<const Linear*> linears) {
  Activations x;
  x.n = width;
  x.columns = columns;
  x.values = norm != nullptr ? scratch_.normed.data() : inputs;
  for (const Linear* linear : linears) {
    const DType type = linear->weight.type;
    if (linear->weight.quantized() && precision_ == Precision::fast) {
      x.quants = scratch_.quants.data();
      x.scales = scratch_.scales.data();
    }
    if (path_ == Path::decode || precision_ == Precision::exact) continue;
    const PackedForm form = kernels_.packed_form(type);
    if (form == PackedForm::quants) x.packed = scratch_.packed;
    if (form == PackedForm::floats) x.packed_floats = scratch_.packed_floats.data();
    if (form == PackedForm::halves) x.packed_halves = scratch_.packed_halves.data();
  }
  if (norm == nullptr && x.quants == nullptr && !x.is_packed()) return x;
  pool_.run(Activations::tiles(columns),
            [&](size_t tile, size_t) { prepare_tile(inputs, norm, x, tile); });
  return x;
}

void Forward::prepare_tile(const float* inputs, const float* norm, const Activations& x,
                           size_t tile) {
  const size_t width = x.n;
  const size_t padded = Activations::padded(width);
  const size_t first = tile * kPackedColumns;
  const size_t count = std::min(kPackedColumns, x.columns - first);
  int8_t* quants = scratch_.quants.data() + first * padded;
  float* scales = scratch_.scales.data() + first * padded / 32;
  for (size_t c = 0; c < count; ++c) {
    const float* column = inputs + (first + c) * width;
    if (norm != nullptr) {
      float* normed = scratch_.normed.data() + (first + c) * width;
      kernels_.rms_norm(column, norm, model_.config.rms_eps, width, normed);
      column = normed;
    }
    if (x.quants != nullptr) {
      kernels_.quantize(column, width, quants + c * padded, scales + c * padded / 32);
    }
  }
  const float* values = x.values + first * width;
  if (x.packed.quants != nullptr)
    kernels_.pack(quants, scales, padded, padded / 32, count, x.tile(tile));
  if (x.packed_floats != nullptr) {
    float* out = scratch_.packed_floats.data() + tile * Activations::float_words(width);
    kernels_.pack_floats(values, width, count, out);
  }
  if (x.packed_halves != nullptr) {
    float* out = scratch_.packed_halves.data() + tile * Activations::half_words(width);
    kernels_.pack_halves(values, width, count, out);
  }
}

void Forward::project_rows(const Linear& linear, const Activations& x, size_t first_row,
                           size_t n_rows, Output out, size_t thread) {
  const Matrix& weight = linear.weight;
  DotArgs args;
  args.rows = weight.data + first_row * weight.row_bytes;
  args.row_bytes = weight.row_bytes;
  args.n_rows = n_rows;
  const size_t next_row = first_row + n_rows;  // a thread takes pieces in order
  if (next_row + n_rows <= weight.rows) args.upcoming = weight.data + next_row * weight.row_bytes;
  args.x = x;
  args.out = out.values;
  args.out_stride = out.stride;
  if (precision_ == Precision::exact && weight.quantized()) {
    reference::dot(weight.type, args);
  } else if (path_ == Path::prompt && precision_ == Precision::fast) {
    kernels_.gemm(weight.type, args, scratch_.gemm.data() + thread * gemm_scratch_);
  } else {
    kernels_.dot(weight.type, args);
  }
  if (linear.bias == nullptr) return;
  for (size_t c = 0; c < x.columns; ++c) {
    kernels_.add(out.values + c * out.stride, linear.bias + first_row, n_rows);
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
    const size_t rows = linears[i]->weight.rows;
    project_rows(*linears[i], x, first, std::min(per_chunk, rows - first),
                 {outputs[i] + first, rows}, thread);
  });
}

void Forward::project_onto_residual(const Linear& linear, const Activations& x) {
  const size_t rows = linear.weight.rows;
  const size_t per_chunk = rows_per_chunk(rows);
  pool_.run(chunk_count(rows, per_chunk), [&](size_t chunk, size_t thread) {
    const size_t first = chunk * per_chunk;
    const size_t count = std::min(per_chunk, rows - first);
    const bool panel = per_chunk <= 32;
    const Output out =
        panel ? Output{panel_of(thread), 32} : Output{scratch_.projected.data() + first, rows};
    project_rows(linear, x, first, count, out, thread);
    kernels_.add_columns(scratch_.residual.data() + first, rows, out.values, out.stride, count,
                         x.columns);
  });
}

void Forward::logits(size_t first, size_t count, float* out) {
  path_ = Path::decode;  // whatever the path was, so that a token's logits have one order of sums
  const size_t width = model_.config.n_embd;
  const Linear& head = model_.weights.output;
  const Activations x = prepare(scratch_.residual.data() + first * width, width, count,
                                model_.weights.output_norm, {&head});
  const Linear* const linears[] = {&head};
  float* const outputs[] = {out};
  project(linears, outputs, x);
}

}  // namespace hearth::model
