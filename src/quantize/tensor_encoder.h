// Brings a whole tensor into another format, with all threads of a pool.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "gguf/reader.h"
#include "quantize/importance.h"
#include "tensor/encode.h"
#include "tensor/feedback.h"

namespace hearth::quantize {

// What is known of a tensor's inputs; none of it is needed.
struct InputKnowledge {
  const TensorImportance* importance = nullptr;
  const InputProducts* products = nullptr;  // of tensors that hold one matrix
};

// Whether feedback can round into this type.
[[nodiscard]] bool takes_feedback(DType type);

class TensorEncoder {
 public:
  explicit TensorEncoder(ThreadPool& pool) : pool_(pool), fitter_(best_fitter()) {}

  // Rows [first_row, first_row + n_rows) of the tensor in `type`, into n_rows rows of `out`. The
  // type must be encodable() and take whole rows. The same bytes for any number of threads and any
  // cut into rows that are multiples of kFeedbackRows. An error names the tensor and the first
  // weight that is no number.
  [[nodiscard]] Result<void> encode(const gguf::TensorInfo& tensor, DType type,
                                    const InputKnowledge& known, size_t first_row, size_t n_rows,
                                    std::byte* out);

 private:
  struct Piece {
    const float* rows;
    size_t n_rows;
    size_t first_row;
  };
  void encode_rows(const Piece& piece, size_t columns, size_t rows_of_matrix, DType type,
                   const InputKnowledge& known, std::byte* out) const;
  void encode_with_feedback(const Piece& piece, DType type, const InputProducts& products,
                            std::byte* out) const;

  ThreadPool& pool_;
  const Fitter& fitter_;
};

}  // namespace hearth::quantize
