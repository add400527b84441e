#include "model/low_rank.h"

#include <algorithm>

#include "tensor/reference.h"

namespace hearth::model {

void LowRankProducts::reserve(size_t columns, size_t rank) {
  if (columns <= max_columns_ && rank <= rank_) return;
  max_columns_ = std::max(columns, max_columns_);
  rank_ = std::max(rank, rank_);
  low_ = Buffer<float>::untouched(kMostTogether * max_columns_ * rank_);
  work_ = Buffer<float>::untouched(pool_.size() * (rank_ + max_columns_ * kRowsTogether));
}

bool LowRankProducts::changes(const Linear& linear) const {
  for (const AdaptedColumns& range : adapted_) {
    for (const ActiveAdapter& active : range.adapters) {
      if (active.adapter->find(linear.weight) != nullptr) return true;
    }
  }
  return false;
}

const AdaptedColumns* LowRankProducts::adapted(size_t column) const {
  for (const AdaptedColumns& range : adapted_) {
    if (column >= range.first_column && column < range.first_column + range.columns) return &range;
  }
  return nullptr;
}

size_t LowRankProducts::slot_of(const Linear& linear) const {
  const auto found = std::find(prepared_.begin(), prepared_.end(), linear.weight.data);
  return static_cast<size_t>(found - prepared_.begin());
}

// A sequence's columns have their room in low_ behind each other, in it one adapter behind the
// other.
template <class Visit>
void LowRankProducts::for_each_part(const Linear& linear, size_t slot, Visit visit) const {
  for (const AdaptedColumns& range : adapted_) {
    const size_t begin = std::max(range.first_column, first_column_);
    const size_t end = std::min(range.first_column + range.columns, first_column_ + columns_);
    if (begin >= end) continue;
    const size_t first = begin - first_column_;
    float* low = low_.data() + (slot * max_columns_ + first) * rank_;
    for (const ActiveAdapter& active : range.adapters) {
      const LowRank* product = active.adapter->find(linear.weight);
      if (product != nullptr)
        visit(Part{*product, active.scale * product->scale, first, end - begin, low});
      low += (end - begin) * active.adapter->largest_rank();
    }
  }
}

void LowRankProducts::multiply(const Matrix& matrix, size_t first_row, size_t n_rows,
                               const float* values, size_t columns, Output out) const {
  DotArgs args;
  args.rows = matrix.data + first_row * matrix.row_bytes;
  args.row_bytes = matrix.row_bytes;
  args.n_rows = n_rows;
  args.x.n = matrix.columns;
  args.x.columns = columns;
  args.x.values = values;
  args.out = out.values;
  args.out_stride = out.stride;
  kernels_.dot(matrix.type, args);
}

void LowRankProducts::prepare(const Activations& x, size_t first,
                              std::initializer_list<const Linear*> linears) {
  if (adapted_.empty()) return;
  prepared_.fill(nullptr);
  first_column_ = first;
  columns_ = x.columns;
  constexpr size_t kColumnsTogether = 32;
  const size_t pieces = (x.columns + kColumnsTogether - 1) / kColumnsTogether;
  size_t slot = 0;
  for (const Linear* linear : linears) {
    if (!linear->present() || !changes(*linear) || slot_of(*linear) < slot) continue;
    prepared_[slot] = linear->weight.data;
    for_each_part(*linear, slot++, [&](const Part& part) {
      const size_t rank = part.product.rank();
      const size_t row_pieces = (rank + 3) / 4;
      pool_.run(pieces * row_pieces, [&](size_t item, size_t) {
        const size_t begin = item / row_pieces * kColumnsTogether;
        if (begin >= part.columns) return;
        const size_t row = item % row_pieces * 4;
        multiply(part.product.a, row, std::min<size_t>(4, rank - row),
                 x.values + (part.first + begin) * x.n,
                 std::min(kColumnsTogether, part.columns - begin),
                 {part.low + begin * rank + row, rank});
      });
    });
  }
}

void LowRankProducts::add_product(const Part& part, size_t first_row, size_t n_rows, Output out,
                                  float* sums) const {
  for (size_t done = 0; done < n_rows; done += kRowsTogether) {
    const size_t count = std::min(kRowsTogether, n_rows - done);
    multiply(part.product.b, first_row + done, count, part.low, part.columns,
             {sums, kRowsTogether});
    kernels_.add_columns(out.values + part.first * out.stride + done, out.stride, sums,
                         kRowsTogether, count, part.columns, part.scale);
  }
}

void LowRankProducts::add_rows(const Linear& linear, size_t first_row, size_t n_rows, Output out,
                               size_t thread) const {
  if (adapted_.empty()) return;
  const size_t slot = slot_of(linear);
  if (slot == kMostTogether) return;
  float* sums = work_.data() + thread * (rank_ + max_columns_ * kRowsTogether) + rank_;
  for_each_part(linear, slot,
                [&](const Part& part) { add_product(part, first_row, n_rows, out, sums); });
}

void LowRankProducts::add_rows_of(const Linear& linear, const float* values, size_t column,
                                  size_t first_row, size_t n_rows, float* out,
                                  size_t thread) const {
  const AdaptedColumns* range = adapted(column);
  if (range == nullptr) return;
  float* low = work_.data() + thread * (rank_ + max_columns_ * kRowsTogether);
  for (const ActiveAdapter& active : range->adapters) {
    const LowRank* product = active.adapter->find(linear.weight);
    if (product == nullptr) continue;
    multiply(product->a, 0, product->rank(), values, 1, {low, product->rank()});
    add_product({*product, active.scale * product->scale, 0, 1, low}, first_row, n_rows, {out, 0},
                low + rank_);
  }
}

void LowRankProducts::add_embedding(size_t column, size_t token, float* out) const {
  const AdaptedColumns* range = adapted(column);
  if (range == nullptr) return;
  float* low = work_.data();
  for (const ActiveAdapter& active : range->adapters) {
    const LowRank* product = active.adapter->embedding();
    if (product == nullptr) continue;
    const Matrix& a = product->a;
    reference::dequantize(a.type, a.data + token * a.row_bytes, a.columns, low);
    add_product({*product, active.scale * product->scale, 0, 1, low}, 0, product->b.rows, {out, 0},
                low + rank_);
  }
}

}  // namespace hearth::model
