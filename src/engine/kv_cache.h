// The keys and values of one sequence, for every layer. Within a layer and KV head they lie as
// tensor/attention.h says, so that one head's history is contiguous.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "model/config.h"
#include "model/kv_view.h"
#include "os/pages.h"

namespace hearth::engine {

class KvCache {
 public:
  // `type` is Q8_0, F16 or F32. An error when the machine has no room for it.
  [[nodiscard]] static Result<KvCache> create(const model::ModelConfig& config, DType type,
                                              size_t positions);

  // Bytes that a cache would take.
  [[nodiscard]] static uint64_t bytes_needed(const model::ModelConfig& config, DType type,
                                             size_t positions);

  [[nodiscard]] const model::KvView& view() const { return view_; }
  [[nodiscard]] uint64_t bytes() const { return pages_.size(); }

 private:
  os::Pages pages_;
  model::KvView view_;
};

}  // namespace hearth::engine
