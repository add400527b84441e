// Writes a model in other formats, tensor by tensor.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "quantize/knowledge.h"
#include "quantize/plan.h"

namespace hearth::quantize {

// Called with the weights that are done.
using WriteProgress = std::function<void(uint64_t weights)>;

// The file appears under its name when it is whole. Interruption leaves nothing behind.
[[nodiscard]] Result<void> write_quantized(const gguf::File& file, const Plan& plan,
                                           Knowledge& knowledge, ThreadPool& pool,
                                           const WriteProgress& progress, const std::string& path);

}  // namespace hearth::quantize
