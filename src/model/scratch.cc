#include "model/scratch.h"

#include <algorithm>

#include "tensor/kernels.h"

namespace hearth::model {
namespace {

size_t widest_input(const ModelConfig& config) {
  return Activations::padded(std::max({config.n_embd, config.q_width(), config.n_ff}));
}

// Values of the widest input in whole tiles.
size_t packed_values(const ModelConfig& config, size_t columns) {
  return Activations::tiles(columns) * kPackedColumns * widest_input(config);
}

size_t packed_hidden_values(const ModelConfig& config, size_t columns) {
  return Activations::tiles(columns) * kPackedColumns * Activations::padded(config.n_ff);
}

PackedTile tile_in(Buffer<uint8_t>& quants, Buffer<float>& scales) {
  float* blocks = scales.data();
  const size_t count = quants.size() / 32;
  return {quants.data(), blocks, blocks + count, blocks + 2 * count};
}

}  // namespace

size_t Scratch::bytes_per_column(const ModelConfig& config) {
  const size_t floats = 2 * config.n_embd + 2 * config.q_width() + 2 * config.kv_width() +
                        config.n_ff + std::max(config.n_embd, config.n_ff);
  const size_t plain = widest_input(config) + widest_input(config) / 32 * sizeof(float);
  // As floats, the widest form; and the hidden values once more.
  const size_t packed = widest_input(config) * sizeof(float) + 2 * config.n_ff;
  return floats * sizeof(float) + plain + packed;
}

Scratch::Scratch(const ModelConfig& config, size_t columns, size_t threads, size_t gemm_bytes,
                 PackedForms forms)
    : residual(Buffer<float>::untouched(columns * config.n_embd)),
      normed(Buffer<float>::untouched(columns * config.n_embd)),
      query(Buffer<float>::untouched(columns * config.q_width())),
      key(Buffer<float>::untouched(columns * config.kv_width())),
      value(Buffer<float>::untouched(columns * config.kv_width())),
      mixed(Buffer<float>::untouched(columns * config.q_width())),
      hidden(Buffer<float>::untouched(columns * config.n_ff)),
      projected(Buffer<float>::untouched(columns * std::max(config.n_embd, config.n_ff))),
      quants(Buffer<int8_t>::untouched(columns * widest_input(config))),
      scales(Buffer<float>::untouched(columns * widest_input(config) / 32)),
      packed_quants(Buffer<uint8_t>::untouched(forms.quants ? packed_values(config, columns) : 0)),
      packed_scales(Buffer<float>::untouched(packed_quants.size() / 8)),
      packed_floats(Buffer<float>::untouched(forms.floats ? packed_values(config, columns) : 0)),
      packed_halves(
          Buffer<float>::untouched(forms.halves ? packed_values(config, columns) / 2 : 0)),
      hidden_quants(
          Buffer<uint8_t>::untouched(forms.quants ? packed_hidden_values(config, columns) : 0)),
      hidden_scales(Buffer<float>::untouched(hidden_quants.size() / 8)),
      gemm(Buffer<std::byte>::untouched(threads * gemm_bytes)),
      panels(Buffer<float>::untouched(threads * 2 * 32 * columns)) {
  if (!forms.quants) return;
  packed = tile_in(packed_quants, packed_scales);
  packed_hidden = tile_in(hidden_quants, hidden_scales);
}

}  // namespace hearth::model
