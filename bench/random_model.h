// Whole models of random weights in the shapes of real ones, for measuring speed and for tests.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "gguf/writer.h"

namespace hearth::bench {

struct Shape {
  std::string_view name;
  uint32_t layers;
  uint32_t width;
  uint32_t heads;
  uint32_t kv_heads;
  uint32_t head_dim;
  uint32_t feed_forward;
  uint32_t vocabulary;
  uint32_t context;
  double rope_base;
  bool tied;
};

// "tiny" (for tests), "0.6b", "1b" (as Llama 3.2 1B), "7b" (as Llama 2 7B); null when there is
// none.
[[nodiscard]] const Shape* find_shape(std::string_view name);

// Which format each tensor gets. `type` is a format ("Q4_0", "IQ4_XS", "F16") or one of the mixes
// Q3_K_M, Q4_K_M, Q5_K_M. Quantized models keep their output matrix (or tied embedding) in Q6_K and
// their norms in F32, as is usual.
using DoneCallback = std::function<void(uint64_t bytes_done, uint64_t bytes_total)>;
[[nodiscard]] Result<void> write_random_model(const Shape& shape, std::string_view type,
                                              uint64_t seed, const gguf::Writer::Sink& sink,
                                              const DoneCallback& done = {});

}  // namespace hearth::bench
