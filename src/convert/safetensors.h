// Reads safetensors files (docs/formats/safetensors.md): a header of JSON that names tensors, and
// their data. Everything that the header says is compared with the real size of the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace hearth::convert {

// The number formats of tensors, named as in files.
enum class SourceType : uint8_t {
  boolean,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  F64,
  I64,
  U64,
};

[[nodiscard]] std::string_view name_of(SourceType type);
[[nodiscard]] uint64_t size_of(SourceType type);  // bytes of one value

struct SourceTensor {
  std::string name;
  SourceType type = SourceType::F32;
  std::vector<uint64_t> shape;  // as in PyTorch: the row length last; empty for a single number
  Bytes data;                   // just as many bytes as shape and type ask for

  // Values in a row, and rows.
  [[nodiscard]] uint64_t columns() const { return shape.empty() ? 1 : shape.back(); }
  [[nodiscard]] uint64_t rows() const;
};

inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // what the format's own reader allows
inline constexpr uint64_t kMaxSourceTensors = 1'000'000;
inline constexpr uint64_t kMaxSourceDims = 8;
inline constexpr uint64_t kMaxNameBytes = 1024;

// The tensors of a file in the order of their data. Views into `file`.
[[nodiscard]] Result<std::vector<SourceTensor>> parse_safetensors(Bytes file);

}  // namespace hearth::convert
