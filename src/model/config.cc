#include "model/config.h"

#include <algorithm>

namespace hearth::model {

size_t ModelConfig::n_caches() const {
  size_t caches = 0;
  for (const LayerConfig& layer : layers) {
    if (layer.attention.n_heads != 0) caches = std::max(caches, layer.attention.cache + 1);
  }
  return caches;
}

}  // namespace hearth::model
