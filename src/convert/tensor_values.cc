#include "convert/tensor_values.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "tensor/encode.h"
#include "tensor/float16.h"

namespace hearth::convert {
namespace {

// Four bits of exponent, three of mantissa; no infinities, all ones are NaN (arXiv 2209.05433).
float e4m3_to_f32(uint8_t bits) {
  const int exponent = (bits >> 3) & 15;
  const int mantissa = bits & 7;
  if (exponent == 15 && mantissa == 7) return NAN;
  const float magnitude = exponent == 0
                              ? std::ldexp(static_cast<float>(mantissa), -9)
                              : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return (bits & 0x80) != 0 ? -magnitude : magnitude;
}

template <class Stored, class Convert>
void read_as(const SourceTensor& tensor, uint64_t at, uint64_t n, float* out, Convert convert) {
  const std::byte* from = tensor.data.data() + at * sizeof(Stored);
  for (uint64_t i = 0; i < n; ++i) {
    out[i] = convert(load_unaligned<Stored>(from + i * sizeof(Stored)));
  }
}

// One row of the stacked sources: row `row` of source `row / rows of one`.
void read_row(const TensorPlan& plan, uint64_t row, float* out) {
  const uint64_t rows = plan.sources[0].values->rows();
  const uint64_t columns = plan.source_columns();
  const Source& source = plan.sources[row / rows];
  const uint64_t inside = row % rows;
  read_values(*source.values, inside * columns, columns, out);
  if (source.scales == nullptr) return;
  const uint64_t first = inside / source.block_rows * source.scales->columns();
  std::vector<float> scales(source.scales->columns());
  read_values(*source.scales, first, scales.size(), scales.data());
  for (uint64_t i = 0; i < columns; ++i) out[i] *= scales[i / source.block_columns];
}

// The chosen columns of chosen row `row`; `whole` has room for a row of the sources.
void read_chosen(const TensorPlan& plan, uint64_t row, std::vector<float>& whole, float* out) {
  const uint64_t from = plan.rows.empty() ? row : plan.rows[row];
  if (plan.columns.empty()) return read_row(plan, from, out);
  whole.resize(plan.source_columns());
  read_row(plan, from, whole.data());
  for (size_t i = 0; i < plan.columns.size(); ++i) out[i] = whole[plan.columns[i]];
}

void apply(Change change, float* values, uint64_t n) {
  switch (change) {
    case Change::none:
      return;
    case Change::add_one:
      for (uint64_t i = 0; i < n; ++i) values[i] += 1.0f;
      return;
    case Change::negative_exp:
      for (uint64_t i = 0; i < n; ++i) values[i] = -std::exp(values[i]);
      return;
  }
}

// Two values share a byte, the first in its low half; in GGUF a byte has value i of a block and
// value i + 16, and the scale stands in front.
void make_mxfp4_row(const TensorPlan& plan, uint64_t row, std::byte* out) {
  const uint64_t from = plan.rows.empty() ? row : plan.rows[row];
  const uint64_t blocks = plan.dims[0] / 32;
  const std::byte* pairs = plan.sources[0].values->data.data() + from * blocks * 16;
  const std::byte* scales = plan.sources[0].scales->data.data() + from * blocks;
  for (uint64_t block = 0; block < blocks; ++block) {
    *out++ = scales[block];
    const auto value = [&](uint64_t i) {
      const auto pair = static_cast<uint8_t>(pairs[block * 16 + i / 2]);
      return static_cast<uint8_t>(i % 2 == 0 ? pair & 15 : pair >> 4);
    };
    for (uint64_t i = 0; i < 16; ++i) {
      *out++ = static_cast<std::byte>(value(i) | value(i + 16) << 4);
    }
  }
}

// The rows of one transposed matrix.
Oddities make_turned(const TensorPlan& plan, uint64_t matrix, std::byte* out) {
  const uint64_t height = plan.turned;
  const uint64_t width = plan.chosen_columns();
  std::vector<float> whole;
  std::vector<float> values(height * width);
  for (uint64_t row = 0; row < height; ++row) {
    read_chosen(plan, matrix * height + row, whole, values.data() + row * width);
  }
  std::vector<float> turned(height * width);
  for (uint64_t row = 0; row < height; ++row) {
    for (uint64_t column = 0; column < width; ++column) {
      turned[column * height + row] = values[row * width + column];
    }
  }
  apply(plan.change, turned.data(), turned.size());
  return store_values(plan.type, turned.data(), turned.size(), out);
}

Oddities store_q8_0(const float* values, uint64_t n, std::byte* out) {
  Oddities odd;
  for (uint64_t at = 0; at < n; at += 32) {
    float largest = 0;
    for (uint64_t i = at; i < at + 32; ++i) {
      if (!std::isfinite(values[i])) ++odd.not_finite;
      largest = std::fmax(largest, std::fabs(values[i]));
    }
    if (std::isinf(f16_to_f32(f32_to_f16(largest / 127.0f)))) ++odd.too_large;
  }
  if (odd.not_finite == 0) encode_q8_0(values, n, out);
  return odd;
}

}  // namespace

void read_values(const SourceTensor& tensor, uint64_t at, uint64_t n, float* out) {
  switch (tensor.type) {
    case SourceType::F32:
      std::memcpy(out, tensor.data.data() + at * sizeof(float), n * sizeof(float));
      return;
    case SourceType::F16:
      return read_as<uint16_t>(tensor, at, n, out, f16_to_f32);
    case SourceType::BF16:
      return read_as<uint16_t>(tensor, at, n, out, bf16_to_f32);
    case SourceType::F64:
      return read_as<double>(tensor, at, n, out, [](double v) { return static_cast<float>(v); });
    default:  // planning lets nothing else through
      return read_as<uint8_t>(tensor, at, n, out, e4m3_to_f32);
  }
}

Oddities store_values(DType type, const float* values, uint64_t n, std::byte* out) {
  if (type == DType::Q8_0) return store_q8_0(values, n, out);
  Oddities odd;
  for (uint64_t i = 0; i < n; ++i) {
    const float value = values[i];
    if (!std::isfinite(value)) ++odd.not_finite;
    if (type == DType::F32) {
      std::memcpy(out + i * sizeof value, &value, sizeof value);
      continue;
    }
    const uint16_t stored = type == DType::F16 ? f32_to_f16(value) : f32_to_bf16(value);
    const float back = type == DType::F16 ? f16_to_f32(stored) : bf16_to_f32(stored);
    if (std::isfinite(value) && !std::isfinite(back)) ++odd.too_large;
    std::memcpy(out + i * sizeof stored, &stored, sizeof stored);
  }
  return odd;
}

uint64_t rows_at_once(const TensorPlan& plan) {
  return plan.turned == 0 ? 1 : plan.chosen_columns();
}

Oddities make_rows(const TensorPlan& plan, uint64_t first, uint64_t count, std::byte* out) {
  const uint64_t row_size = *row_bytes(plan.type, plan.dims[0]);
  const uint64_t step = rows_at_once(plan);
  Oddities odd;
  std::vector<float> whole;
  std::vector<float> row(plan.dims[0]);
  for (uint64_t at = first; at < first + count; at += step, out += step * row_size) {
    if (plan.type == DType::MXFP4) {
      make_mxfp4_row(plan, at, out);
      continue;
    }
    Oddities more;
    if (plan.turned != 0) {
      more = make_turned(plan, at / step, out);
    } else {
      if (plan.sources.empty()) {
        row.assign(plan.values.begin() + static_cast<ptrdiff_t>(at * plan.dims[0]),
                   plan.values.begin() + static_cast<ptrdiff_t>((at + 1) * plan.dims[0]));
      } else {
        read_chosen(plan, at, whole, row.data());
        apply(plan.change, row.data(), row.size());
      }
      more = store_values(plan.type, row.data(), row.size(), out);
    }
    odd.not_finite += more.not_finite;
    odd.too_large += more.too_large;
  }
  return odd;
}

}  // namespace hearth::convert
