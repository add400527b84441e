// How the model sees a KV cache that the engine owns.
#pragma once

#include <cstddef>

#include "tensor/attention.h"

namespace hearth::model {

// One KV head after another, those of the first layer first.
struct KvView {
  KvFormat format;
  size_t n_kv_heads = 0;
  std::byte* base = nullptr;

  [[nodiscard]] KvHead head(size_t layer, size_t index) const {
    return format.head_at(base + (layer * n_kv_heads + index) * format.head_bytes());
  }
};

}  // namespace hearth::model
