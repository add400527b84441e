#include "model/recurrent.h"

#include <algorithm>
#include <cmath>

namespace hearth::model {
namespace {

// Channels that a thread takes together: whole cache lines of the columns.
constexpr size_t kChannels = 64;

// Causal convolution of one channel after another: each result is the sum of the kernel's taps
// times the last inputs. `state` holds the inputs before the first column and is moved on.
struct Convolution {
  const float* kernel;  // [channels][taps]
  size_t taps;
  size_t width;  // channels
  float* state;  // [taps - 1][channels], oldest first

  // Input of `back` columns before column `at` of `inputs`, whose columns lie `stride` apart.
  [[nodiscard]] float input(const float* inputs, size_t stride, size_t at, size_t back,
                            size_t channel) const {
    if (back <= at) return inputs[(at - back) * stride + channel];
    return state[(taps - 1 - (back - at)) * width + channel];
  }
  [[nodiscard]] float result(const float* inputs, size_t stride, size_t at, size_t channel) const {
    float sum = 0;
    for (size_t tap = 0; tap < taps; ++tap) {
      sum += kernel[channel * taps + tap] * input(inputs, stride, at, taps - 1 - tap, channel);
    }
    return sum;
  }
  // Forgets all inputs but the last taps - 1 of state and `columns` columns.
  void remember(const float* inputs, size_t stride, size_t columns, size_t first_channel,
                size_t end_channel) const {
    for (size_t i = 0; i + 1 < taps; ++i) {
      const size_t back = taps - 2 - i;  // before the last column
      for (size_t c = first_channel; c < end_channel; ++c)
        state[i * width + c] = input(inputs, stride, columns - 1, back, c);
    }
  }
};

}  // namespace

size_t ShortConv::bytes_per_column(const Model& model) {
  for (const LayerWeights& layer : model.weights.layers) {
    if (std::holds_alternative<ShortConvWeights>(layer.mixer))
      return 4 * model.config.n_embd * sizeof(float);
  }
  return 0;
}

ShortConv::ShortConv(Linears& linears) : linears_(linears) {
  const size_t floats = bytes_per_column(linears.model()) / sizeof(float) * linears.max_columns();
  projected_ = Buffer<float>::untouched(floats / 4 * 3);
  out_ = Buffer<float>::untouched(floats / 4);
}

Activations ShortConv::run(const ShortConvWeights& weights, size_t layer, const Norm& norm,
                           const float* residual) {
  const size_t n = linears_.config().n_embd;
  const Activations x = linears_.prepare(residual, n, linears_.columns(), norm, {&weights.in});
  const Linear* const in[] = {&weights.in};
  float* const outputs[] = {projected_.data()};
  linears_.project(in, outputs, x);
  const size_t pieces = chunk_count(n, kChannels);
  linears_.pool().run(ranges_.size() * pieces, [&](size_t item, size_t) {
    const ColumnRange& range = ranges_[item / pieces];
    const size_t first = item % pieces * kChannels;
    const size_t end = std::min(n, first + kChannels);
    const Convolution convolution{weights.kernel, weights.taps, n, range.sequence->states[layer]};
    float* columns = projected_.data() + range.first_column * 3 * n;
    for (size_t t = 0; t < range.columns; ++t) {
      float* b = columns + t * 3 * n;
      for (size_t c = first; c < end; ++c) b[c] *= b[2 * n + c];
    }
    for (size_t t = 0; t < range.columns; ++t) {
      for (size_t c = first; c < end; ++c) {
        out_[(range.first_column + t) * n + c] =
            columns[t * 3 * n + n + c] * convolution.result(columns, 3 * n, t, c);
      }
    }
    convolution.remember(columns, 3 * n, range.columns, first, end);
  });
  return linears_.prepare(out_.data(), n, linears_.columns(), {}, {&weights.out});
}

size_t DeltaNet::state_floats(const DeltaNetWeights& weights) {
  return weights.heads * weights.dim * weights.dim + (weights.taps - 1) * weights.qkv.weight.rows;
}

size_t DeltaNet::bytes_per_column(const Model& model) {
  size_t floats = 0;
  for (const LayerWeights& layer : model.weights.layers) {
    const auto* w = std::get_if<DeltaNetWeights>(&layer.mixer);
    if (w == nullptr) continue;
    floats = std::max(floats, 2 * w->qkv.weight.rows + 2 * w->heads * w->dim + 2 * w->heads);
  }
  return floats * sizeof(float);
}

DeltaNet::DeltaNet(Linears& linears) : linears_(linears) {
  size_t width = 0, values = 0, heads = 0;
  for (const LayerWeights& layer : linears.model().weights.layers) {
    const auto* w = std::get_if<DeltaNetWeights>(&layer.mixer);
    if (w == nullptr) continue;
    width = std::max(width, w->qkv.weight.rows);
    values = std::max(values, w->heads * w->dim);
    heads = std::max(heads, w->heads);
  }
  const size_t columns = linears.max_columns();
  qkv_ = Buffer<float>::untouched(columns * width);
  mixed_ = Buffer<float>::untouched(columns * width);
  gate_ = Buffer<float>::untouched(columns * values);
  alpha_ = Buffer<float>::untouched(columns * heads);
  beta_ = Buffer<float>::untouched(columns * heads);
  out_ = Buffer<float>::untouched(columns * values);
}

Activations DeltaNet::run(const DeltaNetWeights& weights, size_t layer, const Norm& norm,
                          const float* residual) {
  const Linear* const linears[] = {&weights.qkv, &weights.gate, &weights.alpha, &weights.beta};
  float* const outputs[] = {qkv_.data(), gate_.data(), alpha_.data(), beta_.data()};
  const Activations x =
      linears_.prepare(residual, linears_.config().n_embd, linears_.columns(), norm,
                       {&weights.qkv, &weights.gate, &weights.alpha, &weights.beta});
  linears_.project(linears, outputs, x);
  convolve(weights, layer);
  linears_.pool().run(ranges_.size() * weights.heads, [&](size_t item, size_t) {
    const ColumnRange& range = ranges_[item / weights.heads];
    const size_t head = item % weights.heads;
    float* memory = range.sequence->states[layer] + head * weights.dim * weights.dim;
    run_head(weights, range, head, memory);
  });
  return linears_.prepare(out_.data(), weights.heads * weights.dim, linears_.columns(), {},
                          {&weights.output});
}

void DeltaNet::convolve(const DeltaNetWeights& weights, size_t layer) {
  const size_t width = weights.qkv.weight.rows;
  const size_t pieces = chunk_count(width, kChannels);
  linears_.pool().run(ranges_.size() * pieces, [&](size_t item, size_t) {
    const ColumnRange& range = ranges_[item / pieces];
    const size_t first = item % pieces * kChannels;
    const size_t end = std::min(width, first + kChannels);
    float* state = range.sequence->states[layer] + weights.heads * weights.dim * weights.dim;
    const Convolution convolution{weights.kernel, weights.taps, width, state};
    const float* inputs = qkv_.data() + range.first_column * width;
    for (size_t t = 0; t < range.columns; ++t) {
      float* out = mixed_.data() + (range.first_column + t) * width;
      for (size_t c = first; c < end; ++c) out[c] = convolution.result(inputs, width, t, c);
      linears_.kernels().activate(Activation::silu, out + first, nullptr, end - first);
    }
    convolution.remember(inputs, width, range.columns, first, end);
  });
}

void DeltaNet::run_head(const DeltaNetWeights& weights, const ColumnRange& range, size_t head,
                        float* memory) {
  const Kernels& kernels = linears_.kernels();
  const size_t dim = weights.dim;
  const size_t width = weights.qkv.weight.rows;
  const float eps = linears_.config().norm_eps;
  const size_t key_head = head % weights.key_heads;
  for (size_t t = 0; t < range.columns; ++t) {
    const size_t column = range.first_column + t;
    float* out = out_.data() + (column * weights.heads + head) * dim;
    const float* qkv = mixed_.data() + column * width;
    DeltaStep step;
    step.dim = dim;
    step.query = qkv + key_head * dim;
    step.key = qkv + (weights.key_heads + key_head) * dim;
    step.value = qkv + (2 * weights.key_heads + head) * dim;
    const float alpha = alpha_[column * weights.heads + head] + weights.dt_bias[head];
    const float softplus = alpha > 20 ? alpha : std::log1p(std::exp(alpha));
    step.keep = std::exp(weights.decay[head] * softplus);
    step.learn = 1.0f / (1.0f + std::exp(-beta_[column * weights.heads + head]));
    step.eps = eps;
    step.memory = memory;
    step.out = out;
    kernels.delta_step(step);
    kernels.rms_norm(out, weights.norm, eps, dim, out);
    float* gate = gate_.data() + (column * weights.heads + head) * dim;
    kernels.activate(Activation::silu, gate, out, dim);
    std::copy_n(gate, dim, out);
  }
}

}  // namespace hearth::model
