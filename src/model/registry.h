// The architectures that hearth knows. Each has one file that turns GGUF metadata and tensors into
// a Model; adding one is a new file and two lines in registry.cc (docs/adding_an_architecture.md).
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "gguf/reader.h"
#include "model/weights.h"

namespace hearth::model {

// Binds a parsed file; the tensors' bytes must outlive the model.
[[nodiscard]] Result<Model> bind(const gguf::File& file);

[[nodiscard]] std::vector<std::string_view> known_architectures();

}  // namespace hearth::model
