// The plain definition of every operation on tensors: short loops in the order of the formulas.
// Everything fast is tested against these.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"
#include "tensor/kernels.h"

namespace hearth::reference {

// Expands `n` weights of one row (n is a multiple of the type's block) to floats. The type must be
// computable. Formulas: docs/formats/blocks.md.
void dequantize(DType type, const std::byte* row, size_t n, float* out);

// Without quants (a null pointer), quantized weights meet the exact values as well.
void dot(DType type, const DotArgs& args);
void gemm(DType type, const DotArgs& args, std::byte* scratch);  // as dot(), takes no scratch
size_t gemm_scratch(size_t n);
void pack(const int8_t* quants, const float* scales, size_t stride, size_t blocks, size_t columns,
          const PackedTile& out);
void quantize(const float* values, size_t n, int8_t* quants, float* scales);
void rms_norm(const float* x, const float* weight, float eps, size_t n, float* out);
void layer_norm(const float* x, const float* weight, const float* bias, float eps, size_t n,
                float* out);
void activate(Activation activation, float* x, const float* up, size_t n);
void soft_cap(float* x, float cap, size_t n);
void add(float* x, const float* y, size_t n);
void add_columns(float* x, size_t x_stride, const float* y, size_t y_stride, size_t n,
                 size_t columns, float scale);
void delta_step(const DeltaStep& step);

// Attention (tensor/attention.h), the cache types one formula each:
// src/tensor/attention_reference.cc. Quantizes a row with one scale, which it returns (NaN where a
// value is no finite number): quants [n rounded up to 16], zero behind n.
float quantize_row(const float* values, size_t n, int8_t* quants);
void rope(float* head, const float* cos_sin, size_t dims);
void rope_halves(float* head, const float* cos_sin, size_t dims);
void store_kv(const KvFormat& format, const KvHead& kv, size_t position, const float* key,
              const float* value);
void attend(const AttentionArgs& args);
void finish_attention(float* states, size_t stride, size_t count, size_t value_dim, float* out);

}  // namespace hearth::reference
