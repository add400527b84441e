#include "model/scratch.h"

#include <algorithm>

#include "tensor/kernels.h"

namespace hearth::model {
namespace {

size_t widest_input(const ModelConfig& config) {
  return Activations::padded(std::max({config.n_embd, config.q_width(), config.n_ff}));
}

}  // namespace

size_t Scratch::bytes_per_column(const ModelConfig& config) {
  const size_t floats = 2 * config.n_embd + 2 * config.q_width() + 2 * config.kv_width() +
                        config.n_ff + std::max(config.n_embd, config.n_ff);
  return floats * sizeof(float) + widest_input(config) + widest_input(config) / 32 * sizeof(float);
}

Scratch::Scratch(const ModelConfig& config, size_t columns)
    : residual(columns * config.n_embd),
      normed(columns * config.n_embd),
      query(columns * config.q_width()),
      key(columns * config.kv_width()),
      value(columns * config.kv_width()),
      mixed(columns * config.q_width()),
      hidden(columns * config.n_ff),
      projected(columns * std::max(config.n_embd, config.n_ff)),
      quants(columns * widest_input(config)),
      scales(columns * widest_input(config) / 32) {}

}  // namespace hearth::model
