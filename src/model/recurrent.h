// Blocks that look back over their sequence through a state of fixed size instead of a cache. The
// tokens of a sequence are taken one after another, so that what comes out depends neither on how a
// prompt is cut nor on what is computed with it.
#pragma once

#include <span>

#include "model/attention.h"

namespace hearth::model {

// State: the last taps - 1 inputs of the convolution, [taps - 1][n_embd], oldest first.
class ShortConv {
 public:
  explicit ShortConv(Linears& linears);
  [[nodiscard]] static size_t bytes_per_column(const Model& model);

  void begin(std::span<const ColumnRange> ranges) { ranges_ = ranges; }
  // The inputs of weights.out for the norm of the residual columns [columns][n_embd].
  Activations run(const ShortConvWeights& weights, size_t layer, const Norm& norm,
                  const float* residual);

 private:
  Linears& linears_;
  std::span<const ColumnRange> ranges_;
  Buffer<float> projected_;  // [columns][b, c, x: n_embd each]
  Buffer<float> out_;        // [columns][n_embd]
};

// State: [heads][dim of values][dim of keys], then the last taps - 1 inputs of the convolution,
// [taps - 1][qkv width], oldest first.
class DeltaNet {
 public:
  explicit DeltaNet(Linears& linears);
  [[nodiscard]] static size_t bytes_per_column(const Model& model);
  [[nodiscard]] static size_t state_floats(const DeltaNetWeights& weights);

  void begin(std::span<const ColumnRange> ranges) { ranges_ = ranges; }
  // The inputs of weights.output for the norm of the residual columns [columns][n_embd].
  Activations run(const DeltaNetWeights& weights, size_t layer, const Norm& norm,
                  const float* residual);

 private:
  void convolve(const DeltaNetWeights& weights, size_t layer);
  // One head over the columns of a sequence.
  void run_head(const DeltaNetWeights& weights, const ColumnRange& range, size_t head,
                float* memory);

  Linears& linears_;
  std::span<const ColumnRange> ranges_;
  Buffer<float> qkv_;    // [columns][qkv width], as projected
  Buffer<float> mixed_;  // [columns][qkv width], convolved
  Buffer<float> gate_;   // [columns][heads * dim]
  Buffer<float> alpha_;  // [columns][heads]
  Buffer<float> beta_;   // [columns][heads]
  Buffer<float> out_;    // [columns][heads * dim]
};

}  // namespace hearth::model
