// The plan with the least measured damage under a budget.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "quantize/damage.h"
#include "quantize/plan.h"

namespace hearth::quantize {

struct SearchResult {
  Plan plan;
  double predicted = 0;  // KL divergence as the sum of the tensors', nats
  // Of the whole plan on the text that it was searched with; not for models of which there is no
  // room for a second copy in floats.
  std::optional<double> measured;
};

struct SearchOptions {
  uint64_t budget = 0;  // bytes of the whole file
  // How often all tensors are measured again where they stand, among the others in their formats.
  size_t passes = 2;
  uint64_t memory = 0;                       // bytes that copies of tensors may take
  std::map<std::string, std::string> notes;  // of the plan
  std::function<void(std::string_view what, size_t done, size_t all)> progress;
};

// Formats that the search chooses from.
[[nodiscard]] std::vector<DType> search_types(const gguf::TensorInfo& tensor);

// An error when the smallest formats take more than the budget: known before anything is measured.
[[nodiscard]] Result<void> check_budget(const gguf::File& file, uint64_t budget);

// An error when no plan is small enough.
[[nodiscard]] Result<SearchResult> search_plan(const gguf::File& file, DamageMeter& meter,
                                               const SearchOptions& options);

}  // namespace hearth::quantize
