// What a model asks of a machine: multiply-adds and bytes, and the least time that they take.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/limits.h"
#include "model/registry.h"
#include "tensor/dtype.h"
#include "tensor/peak.h"

namespace hearth::engine {

struct Work {
  double multiply_adds = 0;
  double bytes = 0;   // read from memory at least
  double tokens = 0;  // that it makes or reads
};

// Bytes of weights that one decoded token reads.
[[nodiscard]] uint64_t bytes_per_token(const model::Model& model);

// Bytes of keys and values that one position takes.
[[nodiscard]] uint64_t kv_bytes_per_position(const model::ModelConfig& config, DType kv_type);

// A prompt of `tokens` behind `depth` others: every matrix for each token but the output's, which
// the last alone needs; weights and cache are read once.
[[nodiscard]] Work prefill_work(const model::Model& model, DType kv_type, size_t tokens,
                                size_t depth);

// `tokens` steps of `sequences` sequences behind `depth` positions each: weights are read once a
// step, each sequence's cache as well.
[[nodiscard]] Work decode_work(const model::Model& model, DType kv_type, size_t tokens,
                               size_t depth, size_t sequences);

// How the model's large matrices are multiplied.
[[nodiscard]] Arithmetic arithmetic_of(const model::Model& model, IsaLevel level);

// The limit of a machine for some work, and what sets it.
struct Bound {
  double rate = 0;  // tokens/s
  bool by_memory = false;
};
[[nodiscard]] Bound bound_of(const Work& work, const Limits& limits);

}  // namespace hearth::engine
