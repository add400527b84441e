// The working memory of a forward pass, taken once when a session opens, touched as far as prompts
// need it.
#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "model/config.h"
#include "tensor/kernels.h"

namespace hearth::model {

// Which forms of packed columns the matrices of a model ask for.
struct PackedForms {
  bool quants = false;
  bool floats = false;
  bool halves = false;
};

struct Scratch {
  // Bytes that grow with each column.
  [[nodiscard]] static size_t bytes_per_column(const ModelConfig& config);

  Scratch(const ModelConfig& config, size_t columns, size_t threads, size_t gemm_bytes,
          PackedForms forms);

  Buffer<float> residual;  // [columns][n_embd]
  Buffer<float> normed;    // [columns][n_embd]
  Buffer<float> query;     // [columns][q_width], then rotated in place
  Buffer<float> key;       // [columns][kv_width]
  Buffer<float> value;     // [columns][kv_width]
  Buffer<float> mixed;     // [columns][q_width]: what attention gives
  Buffer<float> hidden;    // [columns][n_ff]: silu(gate) * up
  Buffer<float>
      projected;  // [columns][n_embd], or the up half of the feed-forward block: [columns][n_ff]
  Buffer<int8_t> quants;  // [columns][widest input], activations in 8 bits
  Buffer<float> scales;   // [columns][widest input / 32]
  // The inputs of matrices once more, packed for prompts; only the forms that the model needs.
  Buffer<uint8_t> packed_quants;
  Buffer<float> packed_scales;
  PackedTile packed;            // tiles in packed_quants and packed_scales
  Buffer<float> packed_floats;  // [tiles][widest input][8]
  Buffer<float> packed_halves;  // [tiles][widest input / 2][8]
  Buffer<uint8_t> hidden_quants;
  Buffer<float> hidden_scales;
  PackedTile packed_hidden;  // tiles in hidden_quants and hidden_scales
  Buffer<std::byte> gemm;    // [threads][gemm_bytes]
  Buffer<float> panels;      // [threads][2][columns][32]
};

}  // namespace hearth::model
