#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/blocks.h"
#include "tensor/float16.h"
#include "tensor/reference.h"

namespace hearth::reference {
namespace {

// All columns as the floats that the weights meet: exact values, or scale * quant.
std::vector<float> column_values(DType type, const Activations& x) {
  std::vector<float> values(x.columns * x.n);
  const size_t padded = Activations::padded(x.n);
  const bool exact = x.quants == nullptr || traits(type).block_weights == 1;
  for (size_t c = 0; c < x.columns; ++c) {
    for (size_t i = 0; i < x.n; ++i) {
      const size_t at = c * padded + i;
      values[c * x.n + i] = exact ? x.values[c * x.n + i]
                                  : x.scales[at / kSmallBlock] * static_cast<float>(x.quants[at]);
    }
  }
  return values;
}

}  // namespace

void dot(DType type, const DotArgs& args) {
  const size_t n = args.x.n;
  const std::vector<float> columns = column_values(type, args.x);
  std::vector<float> row(n);
  for (size_t r = 0; r < args.n_rows; ++r) {
    dequantize(type, args.rows + r * args.row_bytes, n, row.data());
    for (size_t c = 0; c < args.x.columns; ++c) {
      const float* column = columns.data() + c * n;
      double sum = 0;
      for (size_t i = 0; i < n; ++i) {
        sum += static_cast<double>(row[i]) * static_cast<double>(column[i]);
      }
      args.out[c * args.out_stride + r] = static_cast<float>(sum);
    }
  }
}

void gemm(DType type, const DotArgs& args, std::byte*) { dot(type, args); }

size_t gemm_scratch(size_t) { return 0; }

void pack(const int8_t* quants, const float* scales, size_t stride, size_t blocks, size_t columns,
          const PackedTile& out) {
  for (size_t c = 0; c < kPackedColumns; ++c) {
    for (size_t i = 0; i < 32 * blocks; ++i) {
      const int quant = c < columns ? quants[c * stride + i] : 0;
      out.quants[(i / 4 * kPackedColumns + c) * 4 + i % 4] = static_cast<uint8_t>(quant + 128);
    }
    const auto sum = [&](size_t first, size_t count) {
      int total = 0;
      for (size_t i = first; c < columns && i < first + count; ++i) total += quants[c * stride + i];
      return static_cast<float>(total);
    };
    for (size_t b = 0; b < blocks; ++b) {
      const float scale = c < columns ? scales[c * stride / 32 + b] : 0.0f;
      out.scales[b * kPackedColumns + c] = scale;
      out.sums_of_32[b * kPackedColumns + c] = scale * sum(32 * b, 32);
      out.sums_of_16[2 * b * kPackedColumns + c] = scale * sum(32 * b, 16);
      out.sums_of_16[(2 * b + 1) * kPackedColumns + c] = scale * sum(32 * b + 16, 16);
    }
  }
}

void quantize(const float* values, size_t n, int8_t* quants, float* scales) {
  for (size_t block = 0; block < Activations::padded(n); block += kSmallBlock) {
    const size_t end = std::min<size_t>(n, block + kSmallBlock);
    float largest = 0;
    bool finite = true;
    for (size_t i = block; i < end; ++i) {
      largest = std::max(largest, std::fabs(values[i]));
      finite = finite && std::isfinite(values[i]);
    }
    // What is no number must not become one: the scale carries it on.
    const float scale = finite ? largest / 127.0f : NAN;
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    scales[block / kSmallBlock] = scale;
    for (size_t i = block; i < block + kSmallBlock; ++i) {
      const float scaled = i < end ? std::nearbyint(values[i] * inverse) : 0.0f;
      // A subnormal or NaN block has no usable inverse; whatever it holds, the quant stays in
      // range.
      quants[i] = static_cast<int8_t>(scaled >= -127.0f && scaled <= 127.0f ? scaled : 0.0f);
    }
  }
}

void rms_norm(const float* x, const float* weight, float eps, size_t n, float* out) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const float scale =
      static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(n) + static_cast<double>(eps)));
  for (size_t i = 0; i < n; ++i) out[i] = x[i] * scale * weight[i];
}

void layer_norm(const float* x, const float* weight, const float* bias, float eps, size_t n,
                float* out) {
  double mean = 0, variance = 0;
  for (size_t i = 0; i < n; ++i) mean += static_cast<double>(x[i]) / static_cast<double>(n);
  for (size_t i = 0; i < n; ++i) {
    const double off = static_cast<double>(x[i]) - mean;
    variance += off * off / static_cast<double>(n);
  }
  const double scale = 1.0 / std::sqrt(variance + static_cast<double>(eps));
  for (size_t i = 0; i < n; ++i) {
    const auto normed = static_cast<float>((static_cast<double>(x[i]) - mean) * scale);
    out[i] = normed * weight[i] + (bias != nullptr ? bias[i] : 0.0f);
  }
}

void activate(Activation activation, float* x, const float* up, size_t n) {
  const auto sigmoid = [](float a) { return 1.0f / (1.0f + std::exp(-a)); };
  for (size_t i = 0; i < n; ++i) {
    const float a = x[i];
    float factor = up != nullptr ? up[i] : 1.0f;
    switch (activation) {
      case Activation::silu:
        x[i] = a * sigmoid(a) * factor;
        break;
      case Activation::gelu:  // 1 + tanh(u) is 2 sigmoid(2 u)
        x[i] = a * sigmoid(1.59576912f * a * (1.0f + 0.044715f * a * a)) * factor;
        break;
      case Activation::gelu_erf: {  // 1 + erf(z) is erfc(-z), which is exact where it is small
        const double whole = static_cast<double>(a);
        x[i] = static_cast<float>(whole / 2 * std::erfc(-whole / std::sqrt(2.0))) * factor;
        break;
      }
      case Activation::sigmoid:
        x[i] = sigmoid(a) * factor;
        break;
      case Activation::clipped_silu:
        factor = 1.0f + std::min(7.0f, std::max(-7.0f, factor));
        x[i] = std::min(a, 7.0f) * sigmoid(1.702f * std::min(a, 7.0f)) * factor;
        break;
    }
  }
}

void soft_cap(float* x, float cap, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = cap * std::tanh(x[i] / cap);
}

void add(float* x, const float* y, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] += y[i];
}

void add_columns(float* x, size_t x_stride, const float* y, size_t y_stride, size_t n,
                 size_t columns, float scale) {
  for (size_t c = 0; c < columns; ++c) {
    for (size_t i = 0; i < n; ++i) x[c * x_stride + i] += scale * y[c * y_stride + i];
  }
}

void delta_step(const DeltaStep& step) {
  const auto unit = [&](const float* values, double factor) {
    double sum = static_cast<double>(step.eps);
    for (size_t i = 0; i < step.dim; ++i) sum += std::pow(static_cast<double>(values[i]), 2);
    std::vector<float> scaled(step.dim);
    for (size_t i = 0; i < step.dim; ++i)
      scaled[i] = static_cast<float>(static_cast<double>(values[i]) * factor / std::sqrt(sum));
    return scaled;
  };
  const std::vector<float> key = unit(step.key, 1);
  const std::vector<float> query = unit(step.query, 1 / std::sqrt(static_cast<double>(step.dim)));
  for (size_t v = 0; v < step.dim; ++v) {
    float* row = step.memory + v * step.dim;
    double known = 0, out = 0;
    for (size_t k = 0; k < step.dim; ++k) {
      row[k] *= step.keep;
      known += static_cast<double>(row[k]) * static_cast<double>(key[k]);
    }
    const float news = (step.value[v] - static_cast<float>(known)) * step.learn;
    for (size_t k = 0; k < step.dim; ++k) {
      row[k] += news * key[k];
      out += static_cast<double>(row[k]) * static_cast<double>(query[k]);
    }
    step.out[v] = static_cast<float>(out);
  }
}

}  // namespace hearth::reference
