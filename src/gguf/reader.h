// Reads GGUF version 2 and 3 (docs/formats/gguf.md) from bytes that may be hostile.
//
// Every count, length, offset and type is checked against the real size of the file before it is
// used; nothing is copied but the tables of keys and tensors, whose size the file itself justifies.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "gguf/value.h"
#include "tensor/dtype.h"

namespace hearth::gguf {

inline constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
inline constexpr uint64_t kDefaultAlignment = 32;
inline constexpr uint32_t kMaxDims = 4;
inline constexpr uint64_t kMaxEntries =
    65'536;  // keys, and tensors, of one file: the largest models have 3,000
inline constexpr uint64_t kMaxNameBytes = 64 * 1024;  // of a key or a tensor name

struct TensorInfo {
  std::string_view name;
  DType type = DType::F32;
  uint32_t n_dims = 1;
  std::array<uint64_t, kMaxDims> dims{1, 1, 1, 1};  // dims[0] is the length of a row
  Bytes data;                                       // in the mapped file, the exact size

  [[nodiscard]] uint64_t rows() const { return dims[1] * dims[2] * dims[3]; }
  [[nodiscard]] uint64_t weights() const { return dims[0] * rows(); }
};

struct File {
  uint32_t version = 0;
  uint64_t alignment = kDefaultAlignment;
  uint64_t data_offset = 0;  // where the tensor data begins
  Metadata metadata;
  std::vector<TensorInfo> tensors;  // in file order

  [[nodiscard]] const TensorInfo* find(std::string_view name) const;
};

// Parses a whole file (or one part of a split one). The result refers to `bytes`, which must stay
// mapped. Errors name the field, its place in the file and what it should have been.
[[nodiscard]] Result<File> parse(Bytes bytes);

// Number of parts that a file says it belongs to (split.count), 1 when it is whole.
[[nodiscard]] Result<uint64_t> split_count(const File& file);

// The path of part `index` (from 0) of a split model, from the path of its first part, which must
// end in "-00001-of-0000N.gguf".
[[nodiscard]] Result<std::string> split_path(std::string_view first_path, uint64_t index,
                                             uint64_t count);

// Joins the parsed parts of a split model, in order; metadata is the first part's.
[[nodiscard]] Result<File> join(std::vector<File> parts);

}  // namespace hearth::gguf
