#include "model/layer_inputs.h"

#include <cmath>

#include "tensor/reference.h"

namespace hearth::model {

size_t LayerInputs::bytes_per_column(const Model& model) {
  const size_t width = model.config.layer_input_width;
  if (width == 0) return 0;
  return (2 * width * model.config.n_layers() + width + model.config.n_embd) * sizeof(float);
}

LayerInputs::LayerInputs(Linears& linears)
    : linears_(linears),
      width_(linears.config().layer_input_width),
      all_(width_ * linears.config().n_layers()) {
  if (!present()) return;
  const size_t columns = linears.max_columns();
  inputs_ = Buffer<float>::untouched(columns * all_);
  projected_ = Buffer<float>::untouched(columns * all_);
  gate_ = Buffer<float>::untouched(columns * width_);
  out_ = Buffer<float>::untouched(columns * linears.config().n_embd);
}

void LayerInputs::embed(size_t column, int32_t token) {
  const Matrix& table = linears_.model().weights.layer_embedding;
  const std::byte* row = table.data + static_cast<size_t>(token) * table.row_bytes;
  reference::dequantize(table.type, row, all_, inputs_.data() + column * all_);
}

// (sqrt(width) * embedding + norm(projection / sqrt(n_embd))) / sqrt(2). A norm takes no notice of
// the factor within it but for its epsilon.
void LayerInputs::begin(const float* residual) {
  const Weights& weights = linears_.model().weights;
  const size_t n_embd = linears_.config().n_embd;
  const Activations x =
      linears_.prepare(residual, n_embd, linears_.columns(), {}, {&weights.layer_projection});
  const Linear* const linears[] = {&weights.layer_projection};
  float* const outputs[] = {projected_.data()};
  linears_.project(linears, outputs, x);
  const float of_projection = 1 / std::sqrt(static_cast<float>(n_embd));
  const float of_embedding = std::sqrt(static_cast<float>(width_));
  linears_.pool().run(linears_.columns(), [&](size_t column, size_t) {
    float* projected = projected_.data() + column * all_;
    float* inputs = inputs_.data() + column * all_;
    for (size_t i = 0; i < all_; ++i) projected[i] *= of_projection;
    for (size_t at = 0; at < all_; at += width_) {
      linears_.apply_norm(weights.layer_projection_norm, projected + at, width_, projected + at);
    }
    for (size_t i = 0; i < all_; ++i)
      inputs[i] = (inputs[i] * of_embedding + projected[i]) * 0.707106781f;
  });
}

const float* LayerInputs::run(const LayerInputWeights& weights, size_t layer,
                              const float* residual) {
  const size_t columns = linears_.columns();
  const Activations x =
      linears_.prepare(residual, linears_.config().n_embd, columns, {}, {&weights.gate});
  const Linear* const gate[] = {&weights.gate};
  float* const gates[] = {gate_.data()};
  linears_.project(gate, gates, x);
  linears_.pool().run(columns, [&](size_t column, size_t) {
    linears_.kernels().activate(Activation::gelu, gate_.data() + column * width_,
                                inputs_.data() + column * all_ + layer * width_, width_);
  });
  const Activations mixed = linears_.prepare(gate_.data(), width_, columns, {}, {&weights.project});
  const Linear* const project[] = {&weights.project};
  float* const outputs[] = {out_.data()};
  linears_.project(project, outputs, mixed);
  return out_.data();
}

}  // namespace hearth::model
