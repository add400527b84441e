// Files of checkpoints in memory, for tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/text.h"
#include "convert/safetensors.h"

namespace hearth::convert {

// A safetensors file of a header and data.
inline std::string safetensors_file(std::string_view header, std::string_view data) {
  const uint64_t size = header.size();
  std::string file(reinterpret_cast<const char*>(&size), sizeof size);
  file += header;
  file += data;
  return file;
}

// Values with the tensor that they are.
template <class T>
struct Stored {
  Stored(std::string name, SourceType type, std::vector<uint64_t> shape, std::vector<T> all)
      : values(std::move(all)) {
    tensor.name = std::move(name);
    tensor.type = type;
    tensor.shape = std::move(shape);
    tensor.data =
        Bytes(reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(T));
  }
  Stored(const Stored&) = delete;
  Stored& operator=(const Stored&) = delete;

  std::vector<T> values;
  SourceTensor tensor;
};

}  // namespace hearth::convert
