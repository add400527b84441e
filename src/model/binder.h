// What the files of architectures share: metadata keys of a family read and checked, tensors found
// by name with their shape checked. The first error names the key or the tensor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gguf/reader.h"
#include "model/weights.h"

namespace hearth::model {

// Metadata keys "ARCHITECTURE.NAME".
class Keys {
 public:
  explicit Keys(const gguf::File& file) : metadata_(file.metadata) {}

  // "llama", for the key names. An error without general.architecture.
  [[nodiscard]] Result<void> open();
  [[nodiscard]] const std::string& architecture() const { return architecture_; }
  [[nodiscard]] std::string key(std::string_view name) const {
    return cat(architecture_, ".", name);
  }
  [[nodiscard]] bool has(std::string_view name) const {
    return metadata_.find(key(name)) != nullptr;
  }

  // An integer in [1, limit].
  [[nodiscard]] Result<size_t> size(std::string_view name, size_t limit) const;
  [[nodiscard]] Result<size_t> size_or(std::string_view name, size_t limit, size_t fallback) const;
  // An integer in [0, limit].
  [[nodiscard]] Result<size_t> count_or(std::string_view name, size_t limit, size_t fallback) const;
  // A finite number in [least, most].
  [[nodiscard]] Result<double> real(std::string_view name, double least, double most) const;
  [[nodiscard]] Result<double> real_or(std::string_view name, double least, double most,
                                       double fallback) const;
  [[nodiscard]] Result<bool> flag_or(std::string_view name, bool fallback) const;
  [[nodiscard]] Result<std::string_view> text_or(std::string_view name,
                                                 std::string_view fallback) const;
  // One integer for each layer: an array of those in [0, limit], or one in [1, limit] for all.
  [[nodiscard]] Result<std::vector<size_t>> per_layer(std::string_view name, size_t n_layers,
                                                      size_t limit) const;

 private:
  const gguf::Metadata& metadata_;
  std::string architecture_;
};

// Finds tensors of a file and checks their shape and type.
class WeightBinder {
 public:
  WeightBinder(const gguf::File& file, Weights& weights) : file_(file), weights_(weights) {}

  [[nodiscard]] bool has(std::string_view name) const { return file_.find(name) != nullptr; }

  // How many rows a tensor has, from 1 to `limit`.
  [[nodiscard]] Result<size_t> rows(std::string_view name, size_t limit) const;
  // A matrix of rows x columns that must be there.
  [[nodiscard]] Result<Matrix> matrix(std::string_view name, size_t columns, size_t rows) const;

  // A vector of `size` that must be there, as floats.
  [[nodiscard]] Result<const float*> vector(std::string_view name, size_t size);
  // As vector(), but null when the file has no such tensor.
  [[nodiscard]] Result<const float*> optional_vector(std::string_view name, size_t size);
  // A small matrix as floats, row after row.
  [[nodiscard]] Result<const float*> table(std::string_view name, size_t columns, size_t rows);
  // A vector of ones, and one that is made of another.
  [[nodiscard]] const float* ones(size_t size);
  [[nodiscard]] const float* scaled(const float* values, size_t size, float factor);

  // prefix + ".weight", and prefix + ".bias" and ".scale" if there.
  [[nodiscard]] Result<Linear> linear(std::string_view prefix, size_t columns, size_t rows);
  [[nodiscard]] Result<Norm> norm(std::string_view prefix, size_t size);
  // A tensor of three dimensions, a matrix for each of `count`; and biases and scales if there.
  [[nodiscard]] Result<LinearSet> set(std::string_view prefix, size_t columns, size_t rows,
                                      size_t count);

 private:
  [[nodiscard]] Result<const gguf::TensorInfo*> find(std::string_view name, size_t columns,
                                                     size_t rows) const;
  [[nodiscard]] Result<const float*> floats(const gguf::TensorInfo& tensor, size_t size);

  const gguf::File& file_;
  Weights& weights_;
};

}  // namespace hearth::model
