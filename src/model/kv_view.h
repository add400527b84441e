// How the model sees a KV cache that the engine owns: plain pointers and strides.
#pragma once

#include <cstddef>
#include <vector>

#include "tensor/dtype.h"

namespace hearth::model {

// Keys and values of one layer. Position p of KV head h begins at base + h * head_stride + p *
// position_stride; head_dim elements of `type`.
struct KvLayer {
  std::byte* keys = nullptr;
  std::byte* values = nullptr;
};

struct KvView {
  DType type = DType::F16;     // F32 or F16
  size_t head_stride = 0;      // bytes
  size_t position_stride = 0;  // bytes
  size_t capacity = 0;         // positions
  std::vector<KvLayer> layers;
};

}  // namespace hearth::model
