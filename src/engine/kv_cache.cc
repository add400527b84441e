#include "engine/kv_cache.h"

#include <utility>

#include "base/units.h"
#include "os/system.h"

namespace hearth::engine {

// Cannot wrap: padding makes at most 16 values of each, and kMaxLayers * 16 * kMaxWidth *
// kMaxContext * 2 * (4 + 4) bytes is 2^62.
uint64_t KvCache::bytes_needed(const model::ModelConfig& config, DType type, size_t positions) {
  const KvFormat format{type, config.head_dim, positions};
  return format.head_bytes() * config.n_layers * config.n_kv_heads;
}

Result<KvCache> KvCache::create(const model::ModelConfig& config, DType type, size_t positions) {
  if (!KvFormat::supports(type)) {
    return fail(ErrorCode::unsupported, "a KV cache in ", name_of(type),
                " is not supported: choose q8_0, f16 or f32");
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
  cache.view_.format = {type, config.head_dim, positions};
  cache.view_.n_kv_heads = config.n_kv_heads;
  cache.view_.base = cache.pages_.data();
  return cache;
}

}  // namespace hearth::engine
