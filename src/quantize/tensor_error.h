// What a quantized tensor lost: the error of its weights against those of the original.
#pragma once

#include <optional>

#include "base/result.h"
#include "base/thread_pool.h"
#include "gguf/reader.h"
#include "quantize/importance.h"

namespace hearth::quantize {

// Root of the sum of squared errors by the sum of squared weights: 0 for the same weights. With
// `importance` (null for none) each square counts as often as the mean square of the input that its
// weight meets, which makes it the error of the tensor's results, were inputs independent. Nothing
// for tensors that hold no weights (of whole numbers), or zeros only. An error when the shapes
// differ or the importance is of another model.
[[nodiscard]] Result<std::optional<double>> relative_error(const gguf::TensorInfo& reference,
                                                           const gguf::TensorInfo& candidate,
                                                           const TensorImportance* importance,
                                                           ThreadPool& pool);

}  // namespace hearth::quantize
