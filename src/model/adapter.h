// Low-rank adapters (LoRA; Hu et al. 2021, arXiv 2106.09685): what training added to matrices of a
// model, as products of two thin ones. The model's own matrices stay as they are in its file.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "gguf/reader.h"
#include "model/weights.h"

namespace hearth::model {

inline constexpr size_t kMaxRank = 4096;
inline constexpr size_t kMaxAdapters = 16;  // of one sequence

// W x becomes W x + scale * B (A x).
struct LowRank {
  Matrix a;         // [rank][columns of W]
  Matrix b;         // [rows of W][rank]
  float scale = 1;  // alpha / rank

  [[nodiscard]] size_t rank() const { return b.columns; }
};

class Adapter {
 public:
  // Binds an adapter's file to a model and the file that it came from; the bytes of both must
  // outlive the adapter. Errors name the key or the tensor: a file that is no LoRA adapter, one for
  // another architecture, a matrix that the model has not or that hearth does not adapt, shapes
  // that do not suit.
  [[nodiscard]] static Result<Adapter> bind(const gguf::File& file, const Model& model,
                                            const gguf::File& base);

  // What is added to a matrix of the model's layers or to its output; null for nothing.
  [[nodiscard]] const LowRank* find(const Matrix& weight) const {
    const auto found = products_.find(weight.data);
    return found == products_.end() ? nullptr : &found->second;
  }
  // Of the token embedding: a row of `a` for each token, B as above; null for nothing.
  [[nodiscard]] const LowRank* embedding() const {
    return embedding_.b.data != nullptr ? &embedding_ : nullptr;
  }
  [[nodiscard]] size_t largest_rank() const { return largest_rank_; }
  [[nodiscard]] size_t matrices() const { return matrices_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  // Another number for every other content.
  [[nodiscard]] uint64_t digest() const { return digest_; }
  // What may be missing, one line each; for the user.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Pair;

  Result<void> add(const Pair& pair, const Model& model, const gguf::File& base);
  Result<Matrix> floats(const gguf::TensorInfo& tensor);

  std::unordered_map<const std::byte*, LowRank> products_;  // by the data of the model's matrix
  LowRank embedding_;
  size_t largest_rank_ = 0;
  size_t matrices_ = 0;
  uint64_t bytes_ = 0;
  uint64_t digest_ = 0;
  std::vector<std::string> warnings_;
  // Matrices that the file holds in quantized form are converted here once.
  std::vector<std::unique_ptr<float[]>> converted_;
};

// An adapter of a sequence, and how much of it.
struct ActiveAdapter {
  const Adapter* adapter = nullptr;
  float scale = 1;

  [[nodiscard]] bool operator==(const ActiveAdapter&) const = default;
};

}  // namespace hearth::model
