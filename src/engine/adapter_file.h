// A LoRA adapter's GGUF file, bound to the model that it changes.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "engine/loader.h"
#include "model/adapter.h"

namespace hearth::engine {

// Immutable: any number of sessions may share it. The model must outlive it.
class LoadedAdapter {
 public:
  // Errors begin with the path.
  [[nodiscard]] static Result<std::unique_ptr<const LoadedAdapter>> load(const std::string& path,
                                                                         const LoadedModel& model);
  [[nodiscard]] static Result<std::unique_ptr<const LoadedAdapter>> load(ModelFile file,
                                                                         std::string_view name,
                                                                         const LoadedModel& model);

  [[nodiscard]] const model::Adapter& adapter() const { return adapter_; }

 private:
  LoadedAdapter() = default;
  ModelFile file_;
  model::Adapter adapter_;
};

}  // namespace hearth::engine
