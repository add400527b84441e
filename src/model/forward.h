// One pass of tokens through a model: a few parallel regions for each layer, no graph in between.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "model/attention.h"
#include "model/kv_view.h"
#include "model/registry.h"
#include "model/scratch.h"
#include "tensor/kernels.h"

namespace hearth::model {

// Tokens of one sequence that are computed together: they stand at the positions from
// first_position on in its cache.
struct Stretch {
  std::span<const int32_t> tokens;
  size_t first_position = 0;
  const KvView* kv = nullptr;
};

// Prompts and answers take different kernels, whose sums differ in the last bits: what a token's
// results are depends on its path, and on nothing else.
enum class Path {
  prompt,  // many columns: unpacked panels of weights
  decode,  // few columns: weights straight from the file
};

// All memory is taken when it is made; run() allocates nothing.
//
// Every result is summed in an order that depends on the model alone: not on threads, on how a
// prompt is cut into chunks, or on which tokens are computed together.
class Forward {
 public:
  // How activations meet quantized weights: in 8 bits, as fast engines do it, or as they are, which
  // is slow and shows what the file itself is worth.
  enum class Precision { fast, exact };

  // At most `max_columns` tokens in a run, at most `max_positions` in the cache. The model, the
  // kernels and the pool must outlive it.
  Forward(const Model& model, const Kernels& kernels, ThreadPool& pool, size_t max_columns,
          size_t max_positions, Precision precision = Precision::fast);

  [[nodiscard]] size_t max_columns() const { return max_columns_; }

  // Computes the tokens of all stretches and puts their keys and values into the caches. The caller
  // has checked: ids in [0, n_vocab), 1 to max_columns tokens in all, each stretch of another
  // sequence, and first_position + tokens.size() <= kv->format.capacity <= max_positions. `gate` is
  // asked before each layer; when it says false the run ends with false, its results worthless.
  using Gate = std::function<bool(size_t layer)>;
  [[nodiscard]] bool run(std::span<const Stretch> stretches, Path path, const Gate& gate);

  // Logits of `count` tokens of the last run, from its token `first` on, counted over the
  // stretches: out[count][n_vocab].
  void logits(size_t first, size_t count, float* out);

 private:
  void begin(std::span<const Stretch> stretches);
  void embed(size_t column, int32_t token);
  void attention_block(const LayerWeights& weights, size_t layer);
  void ffn_block(const LayerWeights& weights);
  // silu(gate x) * (up x), packed: each 32 rows of it are one block of the input of the matrix that
  // follows, and are quantized where they are still in the cache.
  Activations packed_hidden(const LayerWeights& weights, const Activations& x);

  // Readies inputs[c] (or their norm) in every form that the linears want.
  Activations prepare(const float* inputs, size_t width, size_t columns, const float* norm,
                      std::initializer_list<const Linear*> linears);
  void prepare_tile(const float* inputs, const float* norm, const Activations& x, size_t tile);
  // outputs[i] = linears[i] x, all as one region.
  void project(std::span<const Linear* const> linears, std::span<float* const> outputs,
               const Activations& x);
  // residual += linear x.
  void project_onto_residual(const Linear& linear, const Activations& x);
  // Where results go: row r of column c at values[c * stride + r].
  struct Output {
    float* values;
    size_t stride;
  };
  void project_rows(const Linear& linear, const Activations& x, size_t first_row, size_t n_rows,
                    Output out, size_t thread);
  // A thread's results of two panels of 32 rows, [2][max_columns][32].
  [[nodiscard]] float* panel_of(size_t thread) {
    return scratch_.panels.data() + thread * 2 * 32 * max_columns_;
  }
  [[nodiscard]] size_t rows_per_chunk(size_t rows) const;

  const Model& model_;
  const Kernels& kernels_;
  ThreadPool& pool_;
  size_t max_columns_;
  Precision precision_;
  size_t columns_ = 0;  // of the run under way
  Path path_ = Path::prompt;
  std::vector<ColumnRange> ranges_;
  size_t gemm_scratch_;  // bytes for each thread
  Scratch scratch_;
  Attention attention_;
};

}  // namespace hearth::model
