// Edits that several families share.
#include "convert/conversion.h"

namespace hearth::convert {
namespace {

// Within a head, the halves that rope turns against each other become neighbours.
Result<void> turn_heads(TensorPlan& plan, uint32_t heads) {
  const uint64_t rows =
      plan.sources[0].values->shape.size() == 1 ? plan.source_columns() : plan.source_rows();
  if (rows % (2 * uint64_t{heads}) != 0) {
    return fail(ErrorCode::bad_file, "tensor '", printable(plan.sources[0].values->name), "' has ",
                rows, " rows, which are no ", heads, " heads of an even size");
  }
  // A bias is a single row.
  std::vector<uint32_t>& indices =
      plan.dims.size() == 1 ? chosen(plan.columns, rows) : chosen(plan.rows, rows);
  const uint64_t dim = rows / heads;
  for (uint32_t head = 0; head < heads; ++head) {
    HEARTH_CHECK(swap_order(plan, indices, head * dim, 2, dim / 2, 1));
  }
  return {};
}

// One of two equal parts of each matrix.
Result<void> choose_half(TensorPlan& plan, bool second) {
  if (plan.dims.size() < 2 || plan.dims[1] % 2 != 0) {
    return fail(ErrorCode::bad_file, "tensor '", printable(plan.sources[0].values->name),
                "' cannot be cut into halves");
  }
  const uint64_t height = plan.dims[1];
  const std::vector<uint32_t>& all = chosen(plan.rows, plan.source_rows());
  std::vector<uint32_t> half;
  for (uint64_t row = 0; row < all.size(); ++row) {
    if ((row % height >= height / 2) == second) half.push_back(all[row]);
  }
  plan.rows = std::move(half);
  plan.dims[1] = height / 2;
  return {};
}

}  // namespace

Result<void> turn_queries(const Conversion& conversion, TensorPlan& plan) {
  HEARTH_TRY(const uint32_t heads, conversion.n_heads());
  return turn_heads(plan, heads);
}

Result<void> turn_keys(const Conversion& conversion, TensorPlan& plan) {
  HEARTH_TRY(const uint32_t heads, conversion.n_kv_heads());
  return turn_heads(plan, heads);
}

Result<void> add_one(const Conversion&, TensorPlan& plan) {
  plan.change = Change::add_one;
  return {};
}

Result<void> first_half(const Conversion&, TensorPlan& plan) { return choose_half(plan, false); }
Result<void> second_half(const Conversion&, TensorPlan& plan) { return choose_half(plan, true); }

Result<void> squeeze(const Conversion&, TensorPlan& plan) {
  std::vector<uint64_t> dims;
  for (const uint64_t dim : plan.dims) {
    if (dim != 1) dims.push_back(dim);
  }
  if (dims.empty()) dims.push_back(1);
  plan.dims = std::move(dims);
  return {};
}

}  // namespace hearth::convert
