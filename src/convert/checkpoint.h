// The weights of a Hugging Face folder: model.safetensors, or the parts that
// model.safetensors.index.json lists.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "convert/safetensors.h"
#include "os/mapped_file.h"

namespace hearth::convert {

class Checkpoint {
 public:
  // Errors begin with the path of the file they are about.
  [[nodiscard]] static Result<Checkpoint> open(const std::string& folder);
  // Tensors that are in memory already, for tests and fuzzing.
  [[nodiscard]] static Checkpoint of(std::vector<SourceTensor> tensors);

  [[nodiscard]] const std::vector<SourceTensor>& tensors() const { return tensors_; }
  // nullptr when there is none.
  [[nodiscard]] const SourceTensor* find(std::string_view name) const;

 private:
  [[nodiscard]] Result<void> add_file(const std::string& path);
  [[nodiscard]] Result<void> add_parts(const std::string& folder, const std::string& index);

  std::vector<os::MappedFile> files_;
  std::vector<SourceTensor> tensors_;
  std::unordered_map<std::string, size_t> places_;
};

}  // namespace hearth::convert
