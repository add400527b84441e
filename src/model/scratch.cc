#include "model/scratch.h"

#include <algorithm>

#include "tensor/kernels.h"

namespace hearth::model {
namespace {

size_t widest_input(const ModelConfig& config) {
  return Activations::padded(std::max({config.n_embd, config.q_width(), config.n_ff}));
}

size_t packed_columns(size_t columns) {
  return (columns + kPackedColumns - 1) / kPackedColumns * kPackedColumns;
}

}  // namespace

size_t Scratch::bytes_per_column(const ModelConfig& config) {
  const size_t floats = 2 * config.n_embd + 2 * config.q_width() + 2 * config.kv_width() +
                        config.n_ff + std::max(config.n_embd, config.n_ff) + config.rope.dims;
  const size_t plain = widest_input(config) + widest_input(config) / 32 * sizeof(float);
  const size_t packed = widest_input(config) + widest_input(config) / 8 * sizeof(float);
  return floats * sizeof(float) + plain + packed;
}

Scratch::Scratch(const ModelConfig& config, size_t columns, size_t positions, size_t threads,
                 size_t gemm_bytes)
    : residual(columns * config.n_embd),
      normed(columns * config.n_embd),
      query(columns * config.q_width()),
      key(columns * config.kv_width()),
      value(columns * config.kv_width()),
      mixed(columns * config.q_width()),
      hidden(columns * config.n_ff),
      projected(columns * std::max(config.n_embd, config.n_ff)),
      quants(columns * widest_input(config)),
      scales(columns * widest_input(config) / 32),
      packed_quants(packed_columns(columns) * widest_input(config)),
      packed_scales(packed_quants.size() / 32),
      sums_of_32(packed_quants.size() / 32),
      sums_of_16(packed_quants.size() / 16),
      gemm(threads * gemm_bytes),
      rope(columns * config.rope.dims),
      scores(threads * positions) {}

}  // namespace hearth::model
