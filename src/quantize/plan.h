// Which format each tensor of a file gets, and how large the file becomes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gguf/reader.h"
#include "gguf/writer.h"
#include "tensor/dtype.h"

namespace hearth::quantize {

// A matrix that bears being rounded to blocks. Norms, biases, routers, convolutions and tables of
// positions do not: they are small, and everything passes through them. llama-quantize's choice.
[[nodiscard]] bool quantizable(const gguf::TensorInfo& tensor);

// `type`, or where its blocks do not divide the tensor's rows, the nearest that does.
[[nodiscard]] DType fitting(DType type, const gguf::TensorInfo& tensor);

struct Plan {
  std::vector<DType> types;  // of each tensor, in file order
  uint32_t file_type = 0;    // general.file_type
  // What else the file says of how it was made.
  std::map<std::string, std::string> notes;
};

// An error names the first tensor whose new format cannot be made.
[[nodiscard]] Result<void> check_encodable(const gguf::File& file, const Plan& plan);

// Everything that stands before the data, and the places of the tensors.
[[nodiscard]] Result<gguf::Writer> announce(const gguf::File& file, const Plan& plan);

// Exact bytes of the file.
[[nodiscard]] Result<uint64_t> file_bytes(const gguf::File& file, const Plan& plan);

}  // namespace hearth::quantize
