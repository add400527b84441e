// What hearth compare found, as a table, as JSON and as a plot.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "quantize/divergence.h"

namespace hearth::cli {

struct ComparedFile {
  std::string path;
  uint64_t bytes = 0;
  double bits_per_weight = 0;
  quantize::Divergence divergence;  // of a candidate
};

// A tensor of the reference in one candidate.
struct ComparedTensor {
  std::string type;             // empty when the candidate lacks it
  std::optional<double> error;  // relative, root mean square
};

struct TensorRow {
  std::string name;
  std::string type;
  uint64_t weights = 0;
  std::vector<ComparedTensor> candidates;
};

struct Comparison {
  ComparedFile reference;
  std::vector<ComparedFile> candidates;
  std::string text;    // path
  size_t windows = 0;  // of text; 0 when only tensors were compared
  size_t window = 0;
  bool fast = false;
  std::vector<TensorRow> tensors;
  bool weighted = false;  // tensor errors, by an importance matrix
};

[[nodiscard]] std::string text_report(const Comparison& comparison);
[[nodiscard]] nlohmann::json json_report(const Comparison& comparison);
// Mean KL divergence over the size of the file.
[[nodiscard]] std::string plot_of(const Comparison& comparison);

}  // namespace hearth::cli
