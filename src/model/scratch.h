// The working memory of a forward pass, taken once when a session opens.
#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "model/config.h"

namespace hearth::model {

struct Scratch {
  // Bytes that grow with each column; what the scores take comes on top.
  [[nodiscard]] static size_t bytes_per_column(const ModelConfig& config);

  Scratch(const ModelConfig& config, size_t columns, size_t positions, size_t threads,
          size_t gemm_bytes);

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
  // The same as tiles of PackedTile, for prompts.
  Buffer<uint8_t> packed_quants;  // [columns, up to whole tiles][widest input]
  Buffer<float> packed_scales;    // [...][widest input / 32]
  Buffer<float> sums_of_32;       // [...][widest input / 32]
  Buffer<float> sums_of_16;       // [...][widest input / 16]
  Buffer<std::byte> gemm;         // [threads][gemm_bytes]
  Buffer<float> rope;             // [columns][rope dims / 2][2]: cosine, sine
  Buffer<float> scores;           // [threads][positions]
};

}  // namespace hearth::model
