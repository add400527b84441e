// What hearth quantize is about to do: which tensor gets which format, and how large the file
// becomes.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/loader.h"
#include "quantize/plan.h"

namespace hearth::cli {

// A line for each kind of tensor with its formats and their layers, and the sizes of both files.
[[nodiscard]] std::string plan_table(const engine::ModelFile& file, const quantize::Plan& plan);

// A line for each tensor.
[[nodiscard]] std::string tensors_table(const gguf::File& file, const quantize::Plan& plan);

[[nodiscard]] nlohmann::json plan_json(const engine::ModelFile& file, const quantize::Plan& plan);

}  // namespace hearth::cli
