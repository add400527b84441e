// Mean products of the inputs of weight matrices: what rounding with feedback (tensor/feedback.h)
// needs to know of a text. They take columns^2 floats for each, so they live in memory only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "engine/session.h"
#include "engine/text_windows.h"
#include "tensor/feedback.h"

namespace hearth::quantize {

// Sums over tokens: products[i][j] = sum of x_i x_j.
struct ProductSums {
  size_t columns = 0;
  size_t tokens = 0;
  Buffer<float> products;      // [columns][columns]
  std::vector<float> pending;  // [tokens][columns] that are not yet in the sums
};

// Watches a session, which must have its runtime for itself, as long as it lives. Tensors that see
// the same inputs share their sums.
class ProductsCollector {
 public:
  // Of these tensors, which hold one matrix each.
  ProductsCollector(engine::Session& session, std::span<const gguf::TensorInfo* const> tensors);
  ~ProductsCollector();
  ProductsCollector(const ProductsCollector&) = delete;
  ProductsCollector& operator=(const ProductsCollector&) = delete;

  // Computes the tokens from position 0 on and adds what the matrices saw.
  [[nodiscard]] Result<void> add(std::span<const text::Token> tokens);
  // Watches no longer: others may compute with the session, and watch it.
  void stop();

  // Of one of the tensors; null when the model never multiplied with it. All tokens are in the sums
  // after the last add().
  [[nodiscard]] const ProductSums* find(const gguf::TensorInfo& tensor) const;

  // Bytes of the sums of a matrix with so many columns.
  [[nodiscard]] static uint64_t bytes(uint64_t columns) {
    return columns * columns * sizeof(float);
  }

 private:
  struct Watched {
    const gguf::TensorInfo* tensor = nullptr;
    size_t sums = SIZE_MAX;  // index
  };
  void observe(const model::Matrix& weight, const float* inputs, size_t columns);
  void flush(ProductSums& sums);

  engine::Session& session_;
  bool watching_ = true;
  std::vector<Watched> watched_;
  std::vector<ProductSums> sums_;
  size_t last_ = SIZE_MAX;   // sums that saw the last inputs,
  size_t last_columns_ = 0;  // so many of them
};

// Products as solvers take them.
struct PreparedProducts {
  Buffer<float> products;
  Buffer<float> feedback;
  Buffer<float> remaining;

  [[nodiscard]] InputProducts view() const {
    return {remaining.size(), products.data(), feedback.data(), remaining.data()};
  }
};

// `damping` and `identity` are shares of the mean of the diagonal that are added to it: the first
// against what a short text cannot tell, the second for what else the matrix is used for. An error
// when there is nothing in the sums but zeros or what is no number.
[[nodiscard]] Result<PreparedProducts> prepare(const ProductSums& sums, double damping,
                                               double identity, ThreadPool& pool);

}  // namespace hearth::quantize
