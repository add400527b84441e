#include "engine/kv_cache.h"

#include <utility>

#include "base/units.h"
#include "os/system.h"

namespace hearth::engine {

// Cannot wrap: kMaxLayers * 2 * kMaxWidth * kMaxContext * 4 bytes is below 2^57.
uint64_t KvCache::bytes_needed(const model::ModelConfig& config, DType type, size_t positions) {
  return uint64_t{2} * config.n_layers * config.kv_width() * positions * traits(type).block_bytes;
}

Result<KvCache> KvCache::create(const model::ModelConfig& config, DType type, size_t positions) {
  if (type != DType::F32 && type != DType::F16) {
    return fail(ErrorCode::unsupported, "a KV cache in ", name_of(type),
                " is not supported: choose f16 or f32");
  }
  const uint64_t bytes = bytes_needed(config, type, positions);
  const uint64_t total = os::memory_info().total;
  if (total != 0 && bytes > total) {
    return fail(ErrorCode::too_large, "a context of ", positions, " tokens needs ",
                human_bytes(bytes), " of KV cache, but this machine has ", human_bytes(total),
                " of memory: choose a smaller one with -c");
  }
  KvCache cache;
  HEARTH_TRY(cache.pages_, os::Pages::allocate(bytes));
  model::KvView& view = cache.view_;
  view.type = type;
  view.capacity = positions;
  view.position_stride = config.head_dim * traits(type).block_bytes;
  view.head_stride = positions * view.position_stride;
  const size_t half_layer = config.n_kv_heads * view.head_stride;
  for (size_t i = 0; i < config.n_layers; ++i) {
    std::byte* base = cache.pages_.data() + 2 * i * half_layer;
    view.layers.push_back({base, base + half_layer});
  }
  return cache;
}

}  // namespace hearth::engine
