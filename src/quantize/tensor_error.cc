#include "quantize/tensor_error.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/reference.h"

namespace hearth::quantize {
namespace {

struct Sums {
  double errors = 0;
  double squares = 0;
};

const std::byte* row_of(const gguf::TensorInfo& tensor, uint64_t row) {
  return tensor.data.data() + row * (tensor.data.size() / tensor.rows());
}

// The tensors, row by row, with the weights of columns [matrices][columns] or none.
class Comparison {
 public:
  Comparison(const gguf::TensorInfo& reference, const gguf::TensorInfo& candidate,
             const std::vector<float>& importance)
      : reference_(reference),
        candidate_(candidate),
        importance_(importance),
        rows_of_matrix_(reference.dims[1]) {}

  [[nodiscard]] Sums rows(uint64_t first, uint64_t end) const {
    const uint64_t columns = reference_.dims[0];
    std::vector<float> want(columns), got(columns);
    Sums sums;
    for (uint64_t row = first; row < end; ++row) {
      reference::dequantize(reference_.type, row_of(reference_, row), columns, want.data());
      reference::dequantize(candidate_.type, row_of(candidate_, row), columns, got.data());
      const float* factors =
          importance_.empty() ? nullptr : importance_.data() + row / rows_of_matrix_ * columns;
      for (uint64_t i = 0; i < columns; ++i) {
        const double factor = factors == nullptr ? 1.0 : static_cast<double>(factors[i]);
        const auto weight = static_cast<double>(want[i]);
        const double error = static_cast<double>(got[i]) - weight;
        sums.errors += factor * error * error;
        sums.squares += factor * weight * weight;
      }
    }
    return sums;
  }

 private:
  const gguf::TensorInfo& reference_;
  const gguf::TensorInfo& candidate_;
  const std::vector<float>& importance_;
  uint64_t rows_of_matrix_;
};

Result<std::vector<float>> factors_of(const gguf::TensorInfo& tensor,
                                      const TensorImportance* importance) {
  if (importance == nullptr) return std::vector<float>();
  TensorImportance cut = *importance;
  const uint64_t matrices = tensor.dims[2] * tensor.dims[3];
  HEARTH_CHECK(recut(cut, tensor.name, tensor.dims[0], matrices));
  std::vector<float> means(cut.sums.size());
  for (size_t i = 0; i < means.size(); ++i) means[i] = cut.mean_square(i);
  return means;
}

}  // namespace

Result<std::optional<double>> relative_error(const gguf::TensorInfo& reference,
                                             const gguf::TensorInfo& candidate,
                                             const TensorImportance* importance, ThreadPool& pool) {
  if (reference.dims != candidate.dims) {
    return fail(ErrorCode::bad_usage, "tensor '", printable(reference.name),
                "' has another shape than in the reference: only files of one model can be "
                "compared");
  }
  if (!traits(reference.type).computable || !traits(candidate.type).computable)
    return std::optional<double>();
  HEARTH_TRY(const std::vector<float> factors, factors_of(reference, importance));
  const Comparison comparison(reference, candidate, factors);
  constexpr uint64_t kRowsTogether = 64;
  std::vector<Sums> parts((reference.rows() + kRowsTogether - 1) / kRowsTogether);
  pool.run(parts.size(), [&](size_t part, size_t) {
    parts[part] = comparison.rows(part * kRowsTogether,
                                  std::min(reference.rows(), (part + 1) * kRowsTogether));
  });
  Sums all;
  for (const Sums& part : parts) {
    all.errors += part.errors;
    all.squares += part.squares;
  }
  if (all.squares == 0) return std::optional<double>();
  return std::optional(std::sqrt(all.errors / all.squares));
}

}  // namespace hearth::quantize
