// From a path to a model that can run: maps the file (or all parts of a split one), parses, binds.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/read_ahead.h"
#include "gguf/reader.h"
#include "model/registry.h"
#include "os/mapped_file.h"
#include "text/tokenizer.h"

namespace hearth::engine {

// A GGUF file (all its parts) mapped and parsed. Everything that refers into it must not outlive
// it and its copies, which share the mapping.
struct ModelFile {
  std::vector<std::shared_ptr<const os::MappedFile>> parts;
  gguf::File gguf;
  uint64_t bytes = 0;  // of all parts
};

// Errors begin with the path.
[[nodiscard]] Result<ModelFile> open_model_file(const std::string& path);
// The same from all parts, in order, mapped by somebody else. Errors begin with `name`.
[[nodiscard]] Result<ModelFile> join_model_file(std::vector<os::MappedFile> parts,
                                                std::string_view name);

// A model ready to run. Immutable: any number of sessions may share it. Its weights are on their
// way into memory from the moment they are found in the file.
class LoadedModel {
 public:
  [[nodiscard]] static Result<std::unique_ptr<const LoadedModel>> load(const std::string& path);
  [[nodiscard]] static Result<std::unique_ptr<const LoadedModel>> load(ModelFile file,
                                                                       std::string_view name);

  // The same model with other weights: each of `tensors` takes the place of the one of its name,
  // which must have its shape; type and data are its own. The data must outlive the model, unless
  // `owner` keeps it. Shares the mapping and the tokenizer with this one, which may go.
  [[nodiscard]] Result<std::unique_ptr<const LoadedModel>> with_tensors(
      std::span<const gguf::TensorInfo> tensors, std::shared_ptr<const void> owner = nullptr) const;

  [[nodiscard]] const ModelFile& file() const { return file_; }
  [[nodiscard]] const model::Model& model() const { return model_; }
  [[nodiscard]] const model::ModelConfig& config() const { return model_.config; }
  [[nodiscard]] const ReadAhead& read_ahead() const { return read_ahead_; }

  // Null when the file has no tokenizer that hearth knows; tokenizer_error() says why.
  [[nodiscard]] const text::Tokenizer* tokenizer() const { return tokenizer_.get(); }
  [[nodiscard]] const Error& tokenizer_error() const { return tokenizer_error_; }

  // What may make answers worse with this file, one line each; for the user.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  LoadedModel() = default;
  ModelFile file_;
  model::Model model_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  Error tokenizer_error_;
  std::vector<std::string> warnings_;
  std::vector<std::shared_ptr<const void>> owners_;  // of weights that are not in the file
  ReadAhead read_ahead_;  // last, so that it stops before the file is unmapped
};

}  // namespace hearth::engine
