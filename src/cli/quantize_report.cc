#include "cli/quantize_report.h"

#include "base/text.h"
#include "base/units.h"

namespace hearth::cli {

std::string plan_table(const gguf::File& file, const quantize::Plan& plan) {
  std::string out;
  uint64_t weights = 0, bytes = 0;
  for (size_t t = 0; t < file.tensors.size(); ++t) {
    const gguf::TensorInfo& tensor = file.tensors[t];
    weights += tensor.weights();
    bytes += *row_bytes(plan.types[t], tensor.dims[0]) * tensor.rows();
    if (plan.types[t] != tensor.type) out += cat(tensor.name, " ", name_of(plan.types[t]), "\n");
  }
  out += cat(fixed(8.0 * static_cast<double>(bytes) / static_cast<double>(weights), 3),
             " bits per weight, ", quantize::file_bytes(file, plan).value_or(0), " bytes\n");
  return out;
}

}  // namespace hearth::cli
