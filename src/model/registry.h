// The architectures that hearth knows. Each has one file that turns GGUF metadata and tensors into
// a Model; adding one is a new file and a row in registry.cc.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "gguf/reader.h"
#include "model/config.h"
#include "model/weights.h"

namespace hearth::model {

struct Model {
  ModelConfig config;
  Weights weights;
};

// Binds a parsed file; the tensors' bytes must outlive the model.
[[nodiscard]] Result<Model> bind(const gguf::File& file);

[[nodiscard]] std::vector<std::string_view> known_architectures();

// arch_llama.cc
[[nodiscard]] Result<Model> bind_llama(const gguf::File& file);

}  // namespace hearth::model
