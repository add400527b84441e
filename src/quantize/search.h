// The plan with the least measured damage under a budget.
#pragma once

#include "quantize/damage.h"
#include "quantize/plan.h"

namespace hearth::quantize {

struct SearchResult {
  Plan plan;
  double predicted = 0;  // KL divergence as the sum of the tensors', nats
  double measured = 0;   // of the whole plan on the text it was searched with
};

struct SearchHooks {
  std::function<void(std::string_view what, size_t done, size_t all)> progress;
};

// Formats that the search chooses from.
[[nodiscard]] std::vector<DType> search_types(const gguf::TensorInfo& tensor);

// `budget` is that of the whole file, in bytes. `passes`: how often all tensors are measured again
// where they stand, among the others in their formats. An error when no plan is small enough.
[[nodiscard]] Result<SearchResult> search_plan(const gguf::File& file, DamageMeter& meter,
                                               uint64_t budget, size_t passes,
                                               const SearchHooks& hooks);

}  // namespace hearth::quantize
