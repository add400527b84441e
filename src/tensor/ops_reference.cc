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

void silu_mul(float* gate, const float* up, size_t n) {
  for (size_t i = 0; i < n; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void add(float* x, const float* y, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] += y[i];
}

void add_columns(float* x, size_t x_stride, const float* y, size_t y_stride, size_t n,
                 size_t columns) {
  for (size_t c = 0; c < columns; ++c) add(x + c * x_stride, y + c * y_stride, n);
}

}  // namespace hearth::reference
