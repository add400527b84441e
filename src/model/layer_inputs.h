// What a token brings to each layer beside the residual stream, by embeddings of its own (Gemma 4).
#pragma once

#include <cstdint>

#include "model/linears.h"

namespace hearth::model {

class LayerInputs {
 public:
  explicit LayerInputs(Linears& linears);
  [[nodiscard]] static size_t bytes_per_column(const Model& model);
  [[nodiscard]] bool present() const { return width_ != 0; }

  // Takes the rows of a token in a column, before run().
  void embed(size_t column, int32_t token);
  // Makes the inputs of all layers from these and the columns that enter the first layer.
  void begin(const float* residual);
  // What a layer makes of its input and the stream, to be normed and added: [columns][n_embd],
  // valid until the next call.
  const float* run(const LayerInputWeights& weights, size_t layer, const float* residual);

 private:
  Linears& linears_;
  size_t width_;             // of a layer's input
  size_t all_;               // of all layers' inputs
  Buffer<float> inputs_;     // [columns][layers][width]
  Buffer<float> projected_;  // the same
  Buffer<float> gate_;       // [columns][width]
  Buffer<float> out_;        // [columns][n_embd]
};

}  // namespace hearth::model
