// Writes a model in other formats, tensor by tensor.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/result.h"
#include "quantize/knowledge.h"
#include "quantize/plan.h"

namespace hearth::quantize {

struct WriteHooks {
  // Called before the tensors [first, end) are encoded, so that what is known of them can be
  // collected; may be empty.
  std::function<Result<void>(size_t first, size_t end)> before;
  // Called with the weights that are done.
  std::function<void(uint64_t weights)> progress;
};

// The file appears under its name when it is whole. `rounds` are the ends of the runs of tensors
// that `before` hears of; the last is the number of tensors. Interruption leaves nothing behind.
[[nodiscard]] Result<void> write_quantized(const gguf::File& file, const Plan& plan,
                                           Knowledge& knowledge, ThreadPool& pool,
                                           std::span<const size_t> rounds, const WriteHooks& hooks,
                                           const std::string& path);

}  // namespace hearth::quantize
