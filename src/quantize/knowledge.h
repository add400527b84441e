// What is known of the inputs of a model's matrices while it is quantized: an importance matrix,
// products of inputs, or both; none is needed.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "quantize/importance.h"
#include "quantize/input_products.h"
#include "quantize/tensor_encoder.h"

namespace hearth::quantize {

// Cuts an importance matrix as the file has its matrices. An error when it was made with another
// model: nothing in it has a name of the file's, or a tensor has another shape. Where it lacks the
// output matrix, as llama-imatrix leaves it out, what the last feed-forward part reads stands for
// its inputs, with the gains of the output norm in place of that part's.
[[nodiscard]] Result<void> adapt(ImportanceMatrix& importance, const gguf::File& file);

// A text to learn products of inputs from, and what computes it.
struct ProductsText {
  engine::Session* session = nullptr;  // has its runtime for itself, and outlives its use
  std::span<const text::Token> tokens;
  size_t window = 0;    // tokens that are computed together; `tokens` are whole windows
  uint64_t memory = 0;  // bytes that products may take; a single matrix may take more
  std::function<void(size_t tokens, size_t all)> progress;
};

class Knowledge {
 public:
  // The importance matrix must outlive it; null for none. `tied`: the output matrix is the table of
  // embeddings as well.
  Knowledge(const ImportanceMatrix* importance, bool tied, ThreadPool& pool)
      : importance_(importance), tied_(tied), pool_(pool) {}

  // From now on the inputs of these tensors are known in full. Where their products do not fit into
  // memory together, they are collected in rounds: whoever goes through tensors in the order of the
  // file computes the text once for each round.
  void learn_from(const ProductsText& text, std::vector<const gguf::TensorInfo*> tensors);

  // Of one tensor, until the next call. An error names the tensor.
  [[nodiscard]] Result<InputKnowledge> of(const gguf::TensorInfo& tensor);

 private:
  [[nodiscard]] Result<void> collect_round_of(size_t tensor);

  const ImportanceMatrix* importance_;
  bool tied_;
  ThreadPool& pool_;
  ProductsText text_;
  std::vector<const gguf::TensorInfo*> tensors_;
  size_t round_begin_ = 0;  // of tensors_
  size_t round_end_ = 0;
  std::unique_ptr<ProductsCollector> collector_;
  const ProductSums* prepared_from_ = nullptr;
  PreparedProducts prepared_;
  InputProducts view_;
};

}  // namespace hearth::quantize
