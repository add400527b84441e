// A Hugging Face model folder becomes a GGUF file: first a plan that reads no weights, then the
// file, tensor by tensor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "convert/conversion.h"

namespace hearth::convert {

struct Options {
  std::optional<DType> type;  // of matrices: F32, F16, BF16 or Q8_0; none keeps that of the source
  std::string name;           // general.name; "" takes that of the folder
  std::string pre;            // tokenizer.ggml.pre; "" finds it
};

// Everything that the file will be, with the checkpoint that it comes from.
struct Plan {
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<Conversion> conversion;

  [[nodiscard]] uint64_t output_bytes() const;  // of tensors
};

[[nodiscard]] Result<Plan> plan_conversion(const std::string& folder, const Options& options);

// Writes the file with `threads` threads; it appears under its name only when it is whole.
// `progress` hears how many bytes of tensors are written. An interruption is an error.
[[nodiscard]] Result<void> write_file(const Plan& plan, const std::string& path, size_t threads,
                                      const std::function<void(uint64_t)>& progress);

}  // namespace hearth::convert
