// The feed-forward block that every token takes.
#pragma once

#include "model/linears.h"

namespace hearth::model {

class FeedForward {
 public:
  // For layers whose inner width is at most `widest`.
  FeedForward(Linears& linears, size_t widest);
  [[nodiscard]] static size_t bytes_per_column(size_t widest);

  // The inputs of weights.down for the norm of the residual columns [columns][n_embd].
  Activations run(const FeedForwardWeights& weights, const Norm& norm, const float* residual);

 private:
  Activations run_in_panels(const FeedForwardWeights& weights, const Activations& x);
  // hidden = activation(gate x) * (up x) for some rows; one of `hidden` and `other` may be
  // anywhere.
  void rows_of_hidden(const FeedForwardWeights& weights, const Activations& x, size_t first,
                      size_t count, Output hidden, Output other, size_t thread);

  Linears& linears_;
  Buffer<float> hidden_;  // [columns][n_ff]
  Buffer<float> other_;   // [columns][n_ff]: up x
  ColumnForms forms_;
};

}  // namespace hearth::model
