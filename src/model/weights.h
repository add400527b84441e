// The tensors of a model, bound by name to where they are used. Matrices stay in the mapped file.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gguf/reader.h"
#include "model/config.h"
#include "tensor/dtype.h"

namespace hearth::model {

// A weight matrix in the mapped file: y = W x has `rows` results from `columns` inputs.
struct Matrix {
  DType type = DType::F32;
  const std::byte* data = nullptr;
  size_t columns = 0;
  size_t rows = 0;
  size_t row_bytes = 0;

  // Whether activations are quantized to 8 bits before they are multiplied with it.
  [[nodiscard]] bool quantized() const {
    return type != DType::F32 && type != DType::F16 && type != DType::BF16;
  }
};

// A projection: out = W x + bias.
struct Linear {
  Matrix weight;
  const float* bias = nullptr;  // [weight.rows] or null
};

struct LayerWeights {
  const float* attn_norm = nullptr;  // [n_embd]
  Linear q;                          // n_embd -> q_width
  Linear k;                          // n_embd -> kv_width
  Linear v;                          // n_embd -> kv_width
  Linear attn_output;                // q_width -> n_embd
  const float* ffn_norm = nullptr;   // [n_embd]
  Linear gate;                       // n_embd -> n_ff
  Linear up;                         // n_embd -> n_ff
  Linear down;                       // n_ff -> n_embd
};

struct Weights {
  Matrix token_embedding;  // one row of n_embd for each token
  std::vector<LayerWeights> layers;
  const float* output_norm = nullptr;  // [n_embd]
  Linear output;                       // n_embd -> n_vocab; the embedding itself when tied
  bool tied_output = false;

  // Small vectors that the file does not hold as F32 are converted here once.
  std::vector<std::unique_ptr<float[]>> converted;
};

// Finds tensors of a file and checks their shape and type; the first error names the tensor.
class WeightBinder {
 public:
  WeightBinder(const gguf::File& file, Weights& weights) : file_(file), weights_(weights) {}

  [[nodiscard]] bool has(std::string_view name) const { return file_.find(name) != nullptr; }

  // A matrix of rows x columns that must be there.
  [[nodiscard]] Result<Matrix> matrix(std::string_view name, size_t columns, size_t rows) const;

  // A vector of `size` that must be there, as floats.
  [[nodiscard]] Result<const float*> vector(std::string_view name, size_t size);

  // As vector(), but null when the file has no such tensor.
  [[nodiscard]] Result<const float*> optional_vector(std::string_view name, size_t size);

  // prefix + ".weight", and prefix + ".bias" if there. Fails where prefix + ".scale" is anything
  // but 1.
  [[nodiscard]] Result<Linear> linear(std::string_view prefix, size_t columns, size_t rows);

 private:
  [[nodiscard]] Result<const gguf::TensorInfo*> find(std::string_view name, size_t columns,
                                                     size_t rows) const;

  const gguf::File& file_;
  Weights& weights_;
};

}  // namespace hearth::model
