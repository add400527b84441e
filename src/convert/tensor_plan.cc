#include "convert/tensor_plan.h"

#include <numeric>

namespace hearth::convert {

uint64_t TensorPlan::weights() const {
  uint64_t weights = 1;
  for (const uint64_t dim : dims) weights *= dim;
  return weights;
}

uint64_t TensorPlan::source_rows() const {
  return sources.empty() ? 0 : sources.size() * sources[0].values->rows();
}

uint64_t TensorPlan::source_columns() const {
  return sources.empty() ? 0 : sources[0].values->columns();
}

uint64_t TensorPlan::chosen_rows() const { return rows.empty() ? source_rows() : rows.size(); }

uint64_t TensorPlan::chosen_columns() const {
  return columns.empty() ? source_columns() : columns.size();
}

std::vector<uint32_t>& chosen(std::vector<uint32_t>& indices, uint64_t count) {
  if (indices.empty()) {
    indices.resize(count);
    std::iota(indices.begin(), indices.end(), 0u);
  }
  return indices;
}

Result<void> choose_rows(TensorPlan& plan, uint64_t begin, uint64_t count, uint64_t step) {
  const std::vector<uint32_t>& all = chosen(plan.rows, plan.source_rows());
  if (count == 0 || begin + (count - 1) * step >= all.size()) {
    return fail(ErrorCode::bad_file, "tensor '", printable(plan.sources[0].values->name), "' has ",
                all.size(), " rows, but config.json asks for ", begin + count * step);
  }
  std::vector<uint32_t> some(count);
  for (uint64_t i = 0; i < count; ++i) some[i] = all[begin + i * step];
  plan.rows = std::move(some);
  return {};
}

Result<void> swap_order(const TensorPlan& plan, std::vector<uint32_t>& indices, uint64_t begin,
                        uint64_t outer, uint64_t inner, uint64_t unit) {
  const uint64_t count = outer * inner * unit;
  if (count == 0 || begin + count > indices.size()) {
    return fail(ErrorCode::bad_file, "tensor '", printable(plan.sources[0].values->name),
                "' does not have the heads that config.json says: ", indices.size(),
                " rows or columns, but ", outer, " x ", inner, " x ", unit, " from ", begin, " on");
  }
  const std::vector<uint32_t> before = indices;
  uint64_t to = begin;
  for (uint64_t i = 0; i < inner; ++i) {
    for (uint64_t o = 0; o < outer; ++o) {
      for (uint64_t u = 0; u < unit; ++u) {
        indices[to++] = before[begin + (o * inner + i) * unit + u];
      }
    }
  }
  return {};
}

}  // namespace hearth::convert
