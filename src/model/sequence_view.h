// How the model sees what the engine keeps of a sequence: KV caches of layers with attention, and
// the states of recurrent blocks.
#pragma once

#include <cstddef>
#include <vector>

#include "tensor/attention.h"

namespace hearth::model {

// One KV head after another.
struct KvView {
  KvFormat format;
  std::byte* base = nullptr;
  size_t heads = 0;

  [[nodiscard]] KvHead head(size_t index) const {
    return format.head_at(base + index * format.head_bytes());
  }
};

struct SequenceView {
  std::vector<KvView> caches;  // by AttentionConfig::cache
  std::vector<float*> states;  // [layers]: LayerConfig::state_floats each, zeros at the start
};

}  // namespace hearth::model
