// What hearth quantize is about to do, for people.
#pragma once

#include <string>

#include "quantize/plan.h"

namespace hearth::cli {

// A line for each kind of tensor with its formats, and the size of the file.
[[nodiscard]] std::string plan_table(const gguf::File& file, const quantize::Plan& plan);

}  // namespace hearth::cli
