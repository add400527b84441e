#include "model/linears.h"

#include <algorithm>

#include "tensor/reference.h"

namespace hearth::model {
namespace {

size_t widest_input(const Model& model) {
  size_t widest = model.config.n_embd;  // that of everything that stands beside layers
  for (const LayerWeights& layer : model.weights.layers) {
    for_each_matrix(layer, [&](const Matrix& m, size_t) { widest = std::max(widest, m.columns); });
  }
  return widest;
}

// Every form in which a prompt meets these weights.
PackedForms packed_forms(const Weights& weights, const Kernels& kernels) {
  PackedForms forms;
  const auto add = [&](const Matrix& matrix, size_t) {
    const PackedForm form = kernels.packed_form(matrix.type);
    forms.quants = forms.quants || form == PackedForm::quants;
    forms.floats = forms.floats || form == PackedForm::floats;
    forms.halves = forms.halves || form == PackedForm::halves;
  };
  for (const LayerWeights& layer : weights.layers) for_each_matrix(layer, add);
  if (weights.layer_projection.present()) add(weights.layer_projection.weight, 0);
  return forms;
}

}  // namespace

size_t ColumnForms::bytes_per_column(size_t width) {
  const size_t padded = Activations::padded(width);
  // Plain quants and scales; packed as floats, the widest form.
  return padded + padded / 32 * sizeof(float) + padded * sizeof(float);
}

ColumnForms::ColumnForms(size_t columns, size_t width, PackedForms forms)
    : quants(Buffer<int8_t>::untouched(columns * Activations::padded(width))),
      scales(Buffer<float>::untouched(quants.size() / 32)) {
  const size_t packed_values =
      Activations::tiles(columns) * kPackedColumns * Activations::padded(width);
  packed_quants = Buffer<uint8_t>::untouched(forms.quants ? packed_values : 0);
  packed_scales = Buffer<float>::untouched(packed_quants.size() / 8);
  packed_floats = Buffer<float>::untouched(forms.floats ? packed_values : 0);
  packed_halves = Buffer<float>::untouched(forms.halves ? packed_values / 2 : 0);
  if (!forms.quants) return;
  float* blocks = packed_scales.data();
  const size_t count = packed_values / 32;
  packed = {packed_quants.data(), blocks, blocks + count, blocks + 2 * count};
}

size_t Linears::bytes_per_column(const Model& model) {
  const size_t widest = widest_input(model);
  return ColumnForms::bytes_per_column(widest) + (widest + model.config.n_embd) * sizeof(float);
}

Linears::Linears(const Model& model, const Kernels& kernels, ThreadPool& pool, size_t max_columns,
                 Precision precision)
    : model_(model),
      kernels_(kernels),
      pool_(pool),
      max_columns_(max_columns),
      precision_(precision),
      forms_(packed_forms(model.weights, kernels)),
      gemm_scratch_(kernels.gemm_scratch(widest_input(model))),
      low_rank_(kernels, pool),
      prepared_(max_columns, widest_input(model), forms_),
      normed_(Buffer<float>::untouched(max_columns * widest_input(model))),
      projected_(Buffer<float>::untouched(max_columns * model.config.n_embd)),
      gemm_(Buffer<std::byte>::untouched(pool.size() * gemm_scratch_)),
      panels_(Buffer<float>::untouched(pool.size() * 2 * 32 * max_columns)) {}

void Linears::begin(Path path, size_t columns, size_t first_column) {
  path_ = path;
  first_column_ = first_column;
  columns_ = columns;
}

bool Linears::packs_quants(const Linear& linear) const {
  return path_ == Path::prompt && precision_ == Precision::fast &&
         kernels_.packed_form(linear.weight.type) == PackedForm::quants;
}

// A prompt takes whole panels, whose results of all columns stay in the cache; an answer several
// pieces for each thread, so that a slow thread costs its share only, in whole groups of the rows
// that kernels take together.
size_t Linears::rows_per_chunk(size_t rows) const {
  constexpr size_t kPanelRows = 32;
  constexpr size_t kChunksPerThread = 8;
  constexpr size_t kRowGroup = 4;
  if (path_ == Path::prompt) return kPanelRows;
  const size_t wanted = rows / (pool_.size() * kChunksPerThread);
  return std::max(kRowGroup, wanted / kRowGroup * kRowGroup);
}

Activations Linears::wanted_forms(size_t width, std::initializer_list<const Linear*> linears,
                                  ColumnForms& forms) const {
  Activations x;
  x.n = width;
  for (const Linear* linear : linears) {
    if (!linear->present()) continue;
    if (linear->weight.quantized() && precision_ == Precision::fast) {
      x.quants = forms.quants.data();
      x.scales = forms.scales.data();
    }
    if (path_ == Path::decode || precision_ == Precision::exact) continue;
    const PackedForm form = kernels_.packed_form(linear->weight.type);
    if (form == PackedForm::quants) x.packed = forms.packed;
    if (form == PackedForm::floats) x.packed_floats = forms.packed_floats.data();
    if (form == PackedForm::halves) x.packed_halves = forms.packed_halves.data();
  }
  return x;
}

Activations Linears::prepare(const float* inputs, size_t width, size_t columns, const Norm& norm,
                             std::initializer_list<const Linear*> linears) {
  Activations x = wanted_forms(width, linears, prepared_);
  x.columns = columns;
  x.values = norm.present() ? normed_.data() : inputs;
  if (norm.present() || x.quants != nullptr || x.is_packed()) {
    pool_.run(Activations::tiles(columns), [&](size_t tile, size_t) {
      const size_t first = tile * kPackedColumns;
      const size_t end = std::min(first + kPackedColumns, columns);
      for (size_t c = first; norm.present() && c < end; ++c)
        apply_norm(norm, inputs + c * width, width, normed_.data() + c * width);
      prepare_tile(x.values, x, tile, prepared_);
    });
  }
  low_rank_.prepare(x, first_column_, linears);
  return x;
}

void Linears::prepare_tile(const float* inputs, const Activations& x, size_t tile,
                           ColumnForms& forms) const {
  const size_t width = x.n;
  const size_t padded = Activations::padded(width);
  const size_t first = tile * kPackedColumns;
  const size_t count = std::min(kPackedColumns, x.columns - first);
  int8_t* quants = forms.quants.data() + first * padded;
  float* scales = forms.scales.data() + first * padded / 32;
  const float* values = inputs + first * width;
  for (size_t c = 0; x.quants != nullptr && c < count; ++c)
    kernels_.quantize(values + c * width, width, quants + c * padded, scales + c * padded / 32);
  if (x.packed.quants != nullptr)
    kernels_.pack(quants, scales, padded, padded / 32, count, x.tile(tile));
  if (x.packed_floats != nullptr) {
    float* out = forms.packed_floats.data() + tile * Activations::float_words(width);
    kernels_.pack_floats(values, width, count, out);
  }
  if (x.packed_halves != nullptr) {
    float* out = forms.packed_halves.data() + tile * Activations::half_words(width);
    kernels_.pack_halves(values, width, count, out);
  }
}

void Linears::apply_norm(const Norm& norm, const float* values, size_t n, float* out) const {
  const float eps = model_.config.norm_eps;
  if (model_.config.norm == NormKind::layer) {
    kernels_.layer_norm(values, norm.weight, norm.bias, eps, n, out);
  } else {
    kernels_.rms_norm(values, norm.weight, eps, n, out);
  }
}

void Linears::project_rows(const Linear& linear, const Activations& x, size_t first_row,
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
    kernels_.gemm(weight.type, args, gemm_.data() + thread * gemm_scratch_);
  } else {
    kernels_.dot(weight.type, args);
  }
  for (size_t c = 0; linear.scale != 1 && c < x.columns; ++c) {
    for (size_t r = 0; r < n_rows; ++r) out.values[c * out.stride + r] *= linear.scale;
  }
  if (linear.bias == nullptr) return;
  for (size_t c = 0; c < x.columns; ++c) {
    kernels_.add(out.values + c * out.stride, linear.bias + first_row, n_rows);
  }
}

void Linears::project(std::span<const Linear* const> linears, std::span<float* const> outputs,
                      const Activations& x) {
  size_t total = 0;
  for (const Linear* linear : linears) {
    total += linear->weight.rows;
    observe(*linear, x);
  }
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
    const size_t count = std::min(per_chunk, rows - first);
    const Output out{outputs[i] + first, rows};
    project_rows(*linears[i], x, first, count, out, thread);
    low_rank_.add_rows(*linears[i], first, count, out, thread);
  });
}

void Linears::add_product(const Linear& linear, const Activations& x, float* residual,
                          float scale) {
  observe(linear, x);
  const size_t rows = linear.weight.rows;
  const size_t per_chunk = rows_per_chunk(rows);
  pool_.run(chunk_count(rows, per_chunk), [&](size_t chunk, size_t thread) {
    const size_t first = chunk * per_chunk;
    const size_t count = std::min(per_chunk, rows - first);
    const bool panel = per_chunk <= 32;
    const Output out =
        panel ? Output{panel_of(thread), 32} : Output{projected_.data() + first, rows};
    project_rows(linear, x, first, count, out, thread);
    low_rank_.add_rows(linear, first, count, out, thread);
    kernels_.add_columns(residual + first, rows, out.values, out.stride, count, x.columns, scale);
  });
}

}  // namespace hearth::model
