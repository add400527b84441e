// Products of weight matrices with the columns of a run, and what stands around them: norms,
// quantizing and packing before, biases and the residual stream behind.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <utility>

#include "base/buffer.h"
#include "base/thread_pool.h"
#include "model/low_rank.h"
#include "model/weights.h"
#include "tensor/kernels.h"

namespace hearth::model {

// Prompts and answers take different kernels, whose sums differ in the last bits: what a token's
// results are depends on its path, and on nothing else.
enum class Path {
  prompt,  // many columns: unpacked panels of weights
  decode,  // few columns: weights straight from the file
};

// How activations meet quantized weights: in 8 bits, as fast engines do it, or as they are, which
// is slow and shows what the file itself is worth.
enum class Precision { fast, exact };

// Sees what each weight matrix is multiplied with: inputs[columns][weight.columns], where the
// matrix is that of one head or expert if there are several. Called by the thread that computes a
// run, between its parallel regions.
using InputObserver =
    std::function<void(const Matrix& weight, const float* inputs, size_t columns)>;

// Which forms of packed columns the matrices of a model ask for.
struct PackedForms {
  bool quants = false;
  bool floats = false;
  bool halves = false;
};

// Memory for columns of one width in every form that products ask for.
struct ColumnForms {
  ColumnForms() = default;
  ColumnForms(size_t columns, size_t width, PackedForms forms);
  [[nodiscard]] static size_t bytes_per_column(size_t width);

  Buffer<int8_t> quants;  // [columns][padded width], activations in 8 bits
  Buffer<float> scales;   // [columns][padded width / 32]
  // Once more, packed for prompts.
  Buffer<uint8_t> packed_quants;
  Buffer<float> packed_scales;
  PackedTile packed;            // tiles in packed_quants and packed_scales
  Buffer<float> packed_floats;  // [tiles][width][8]
  Buffer<float> packed_halves;  // [tiles][width / 2, up][8]
};

class Linears {
 public:
  // Takes memory for runs of up to `max_columns`. Everything given must outlive it.
  Linears(const Model& model, const Kernels& kernels, ThreadPool& pool, size_t max_columns,
          Precision precision);
  // Bytes that grow with each column.
  [[nodiscard]] static size_t bytes_per_column(const Model& model);

  // A run of `columns`, or those of one from `first_column` on.
  void begin(Path path, size_t columns, size_t first_column = 0);

  [[nodiscard]] const Kernels& kernels() const { return kernels_; }
  [[nodiscard]] ThreadPool& pool() const { return pool_; }
  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] const ModelConfig& config() const { return model_.config; }
  [[nodiscard]] size_t max_columns() const { return max_columns_; }
  [[nodiscard]] size_t columns() const { return columns_; }
  [[nodiscard]] Path path() const { return path_; }
  [[nodiscard]] LowRankProducts& low_rank() { return low_rank_; }
  [[nodiscard]] PackedForms forms() const { return forms_; }
  // Whether a matrix takes its inputs as packed quants in this run.
  [[nodiscard]] bool packs_quants(const Linear& linear) const;

  // Whoever watches; an empty one ends it. Blocks that multiply rows by themselves tell it
  // themselves.
  void set_observer(InputObserver observer) { observer_ = std::move(observer); }
  [[nodiscard]] bool observed() const { return observer_ != nullptr; }
  void observe(const Linear& linear, const Activations& x) const {
    if (observed() && linear.present()) observer_(linear.weight, x.values, x.columns);
  }

  // Readies columns of `width` floats (or their norm) in every form that the linears want. What it
  // returns is valid until the next call.
  Activations prepare(const float* inputs, size_t width, size_t columns, const Norm& norm,
                      std::initializer_list<const Linear*> linears);
  // The same in memory of the caller's, tile by tile of kPackedColumns columns: first which forms
  // of columns of `width` the linears want, then `x` with the number of columns and, for weights
  // that are no quants, the values in it.
  Activations wanted_forms(size_t width, std::initializer_list<const Linear*> linears,
                           ColumnForms& forms) const;
  void prepare_tile(const float* inputs, const Activations& x, size_t tile,
                    ColumnForms& forms) const;

  // outputs[i] = linears[i] x, columns behind each other, all as one region.
  void project(std::span<const Linear* const> linears, std::span<float* const> outputs,
               const Activations& x);
  // residual += scale * linear x.
  void add_product(const Linear& linear, const Activations& x, float* residual, float scale);
  // Rows [first_row, first_row + n_rows) of linear x, without what adapters add, by the calling
  // thread of the pool.
  void project_rows(const Linear& linear, const Activations& x, size_t first_row, size_t n_rows,
                    Output out, size_t thread);
  // out = norm of n values.
  void apply_norm(const Norm& norm, const float* values, size_t n, float* out) const;

  // Rows of a matrix in one piece of work.
  [[nodiscard]] size_t rows_per_chunk(size_t rows) const;
  // A thread's room for results of two panels of 32 rows: [2][max_columns][32].
  [[nodiscard]] float* panel_of(size_t thread) {
    return panels_.data() + thread * 2 * 32 * max_columns_;
  }

 private:
  const Model& model_;
  const Kernels& kernels_;
  ThreadPool& pool_;
  size_t max_columns_;
  Precision precision_;
  PackedForms forms_;
  size_t gemm_scratch_;  // bytes for each thread
  size_t columns_ = 0;   // of the run under way
  size_t first_column_ = 0;
  Path path_ = Path::prompt;
  InputObserver observer_;
  LowRankProducts low_rank_;
  ColumnForms prepared_;
  Buffer<float> normed_;     // [columns][widest normed vector]
  Buffer<float> projected_;  // [columns][n_embd]
  Buffer<std::byte> gemm_;   // [threads][gemm_scratch_]
  Buffer<float> panels_;     // [threads][2][columns][32]
};

[[nodiscard]] constexpr size_t chunk_count(size_t rows, size_t per_chunk) {
  return (rows + per_chunk - 1) / per_chunk;
}

}  // namespace hearth::model
