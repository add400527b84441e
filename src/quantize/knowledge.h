// What is known of the inputs of a model's matrices while it is quantized: an importance matrix,
// products of inputs, or both; none is needed.
#pragma once

#include <memory>
#include <vector>

#include "quantize/importance.h"
#include "quantize/input_products.h"
#include "quantize/tensor_encoder.h"

namespace hearth::quantize {

class Knowledge {
 public:
  // The importance matrix must outlive it; null for none. `tied`: the output matrix is the table of
  // embeddings as well.
  Knowledge(const ImportanceMatrix* importance, bool tied, ThreadPool& pool)
      : importance_(importance), tied_(tied), pool_(pool) {}

  // From now on products come from here; null for none. It must outlive its use.
  void set_products(const ProductsCollector* products);

  // Of one tensor, until the next call. An error names the tensor.
  [[nodiscard]] Result<InputKnowledge> of(const gguf::TensorInfo& tensor);

 private:
  const ImportanceMatrix* importance_;
  bool tied_;
  ThreadPool& pool_;
  const ProductsCollector* collector_ = nullptr;
  const ProductSums* prepared_from_ = nullptr;
  PreparedProducts prepared_;
  InputProducts view_;
};

}  // namespace hearth::quantize
