// What adapters add to the projections of a run: each column has those of its sequence.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/thread_pool.h"
#include "model/adapter.h"
#include "tensor/kernels.h"

namespace hearth::model {

// Columns of a run whose sequence has adapters.
struct AdaptedColumns {
  size_t first_column = 0;
  size_t columns = 0;
  std::span<const ActiveAdapter> adapters;
};

// Where results go: row r of column c at values[c * stride + r].
struct Output {
  float* values;
  size_t stride;
};

class LowRankProducts {
 public:
  LowRankProducts(const Kernels& kernels, ThreadPool& pool) : kernels_(kernels), pool_(pool) {}

  // Takes memory for runs of `columns` whose adapters' ranks add up to at most `rank`.
  void reserve(size_t columns, size_t rank);

  // The columns of the run that begins; they must stay as they are until it ends.
  void begin(std::span<const AdaptedColumns> columns) { adapted_ = columns; }
  [[nodiscard]] bool changes(const Linear& linear) const;

  // A x for those of the linears that adapters change: of the run's columns from `first` on, whose
  // values are x.values. Valid until the next call.
  void prepare(const Activations& x, size_t first, std::initializer_list<const Linear*> linears);

  // out += scale * B (A x) for rows [first_row, first_row + n_rows) of one of these linears, where
  // out has x.columns columns. By the calling thread of the pool.
  void add_rows(const Linear& linear, size_t first_row, size_t n_rows, Output out,
                size_t thread) const;

  // The same for some values of one column of the run, A x and all, for linears that few columns
  // meet.
  void add_rows_of(const Linear& linear, const float* values, size_t column, size_t first_row,
                   size_t n_rows, float* out, size_t thread) const;

  // out += what the column's adapters add to the embedding of a token.
  void add_embedding(size_t column, size_t token, float* out) const;

 private:
  static constexpr size_t kMostTogether = 4;  // linears of one prepare()
  static constexpr size_t kRowsTogether = 32;

  // What an adapter adds to some columns of the last prepare().
  struct Part {
    const LowRank& product;
    float scale;  // all in all
    size_t first;
    size_t columns;
    float* low;  // A x, [columns][rank]
  };
  template <class Visit>
  void for_each_part(const Linear& linear, size_t slot, Visit visit) const;
  // The place of a linear in the last prepare(), kMostTogether for none.
  [[nodiscard]] size_t slot_of(const Linear& linear) const;
  // out = rows of a matrix times columns behind each other.
  void multiply(const Matrix& matrix, size_t first_row, size_t n_rows, const float* values,
                size_t columns, Output out) const;
  // out += scale * rows of B times `low`, in `sums` of [columns][kRowsTogether].
  void add_product(const Part& part, size_t first_row, size_t n_rows, Output out,
                   float* sums) const;
  [[nodiscard]] const AdaptedColumns* adapted(size_t column) const;

  const Kernels& kernels_;
  ThreadPool& pool_;
  std::span<const AdaptedColumns> adapted_;
  size_t max_columns_ = 0;
  size_t rank_ = 0;  // that there is room for in each column
  // Of the last prepare().
  std::array<const std::byte*, kMostTogether> prepared_{};
  size_t first_column_ = 0;
  size_t columns_ = 0;
  mutable Buffer<float> low_;   // [kMostTogether][columns][rank_]
  mutable Buffer<float> work_;  // [threads][rank_ + columns * kRowsTogether]
};

}  // namespace hearth::model
