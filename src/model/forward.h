// One pass of tokens through a model: a few parallel regions for each layer, no graph in between.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "model/attention.h"
#include "model/experts.h"
#include "model/feed_forward.h"
#include "model/latent_attention.h"
#include "model/layer_inputs.h"
#include "model/linears.h"
#include "model/recurrent.h"
#include "model/sequence_view.h"
#include "tensor/kernels.h"

namespace hearth::model {

// Tokens of one sequence that are computed together: they stand at the positions from
// first_position on.
struct Stretch {
  std::span<const int32_t> tokens;
  size_t first_position = 0;
  const SequenceView* sequence = nullptr;
  // Of a pair of texts: the token from which on they belong to the second.
  size_t second_from = SIZE_MAX;
  // What training added to the model for this sequence; room was reserved for them.
  std::span<const ActiveAdapter> adapters{};
};

// All memory is taken when it is made; run() allocates nothing.
//
// Every result is summed in an order that depends on the model alone: not on threads, on how a
// prompt is cut into chunks, or on which tokens are computed together.
class Forward {
 public:
  // At most `max_columns` tokens in a run, at most `max_positions` in a sequence. The model, the
  // kernels and the pool must outlive it.
  Forward(const Model& model, const Kernels& kernels, ThreadPool& pool, size_t max_columns,
          size_t max_positions, Precision precision = Precision::fast);
  // Bytes that grow with each column.
  [[nodiscard]] static size_t bytes_per_column(const Model& model);

  // Takes memory for sequences with adapters whose ranks add up to at most `rank`.
  void reserve_adapters(size_t rank) { linears_.low_rank().reserve(max_columns(), rank); }

  // Whoever sees the inputs of all weight matrices, in run(), logits() and classify().
  void set_observer(InputObserver observer) { linears_.set_observer(std::move(observer)); }

  [[nodiscard]] size_t max_columns() const { return linears_.max_columns(); }

  // Computes the tokens of all stretches and puts what later tokens need into their sequences. The
  // caller has checked: ids in [0, n_vocab), 1 to max_columns tokens in all, each stretch of
  // another sequence, which has room for its positions, and these are below max_positions. `gate`
  // is asked before each layer; when it says false the run ends with false, its results worthless.
  using Gate = std::function<bool(size_t layer)>;
  [[nodiscard]] bool run(std::span<const Stretch> stretches, Path path, const Gate& gate);

  // Logits of `count` tokens of the last run, from its token `first` on, counted over the
  // stretches: out[count][n_vocab].
  void logits(size_t first, size_t count, float* out);

  // The vectors behind the last layer that logits are made of, out[count][n_embd].
  void hidden(size_t first, size_t count, float* out);

  // Scores [n] of a model with a classifier for one such vector.
  void classify(const float* hidden, float* out);

 private:
  void begin(std::span<const Stretch> stretches, Path path);
  void embed(const Stretch& stretch, size_t index, size_t column);
  void add_row(const Matrix& table, size_t row, float* out);
  void mix(const LayerWeights& weights, size_t layer);
  void feed_forward(const LayerWeights& weights);
  // What some families do behind a layer.
  void end_layer(const LayerWeights& weights, size_t layer);
  // residual += the linear's product, normed if there is a norm for it.
  void add_to_residual(const Linear& linear, const Activations& x, const Norm& norm);
  void add_to_residual(const float* values, const Norm& norm);
  // The stream itself becomes its norm, where there is one.
  void norm_residual(const Norm& norm);

  const Model& model_;
  std::vector<ColumnRange> ranges_;
  std::vector<AdaptedColumns> adapted_;
  Linears linears_;
  Attention attention_;
  LatentAttention latent_attention_;
  ShortConv short_conv_;
  DeltaNet delta_net_;
  FeedForward feed_forward_;
  Experts experts_;
  LayerInputs layer_inputs_;
  Buffer<float> residual_;  // [columns][n_embd]
  Buffer<float> block_;     // [columns][n_embd]: what a block adds, where it is normed first
};

}  // namespace hearth::model
