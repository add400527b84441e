// Text that a model writes itself, to measure it with when there is no other: the model's own
// distribution is where its predictions are to stay (Liu et al. 2023, arXiv 2305.17888).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "engine/runtime.h"

namespace hearth::quantize {

// `windows` times `length` tokens, drawn at temperature 1 from the whole distribution; each window
// begins with BOS, or a random token where there is none, and begins anew behind an end. The
// runtime's context must hold `length`. The same tokens for the same seed and instruction set.
[[nodiscard]] Result<std::vector<text::Token>> write_own_text(
    std::shared_ptr<engine::Runtime> runtime, size_t windows, size_t length, uint64_t seed,
    const std::function<void(size_t tokens)>& progress = {});

}  // namespace hearth::quantize
