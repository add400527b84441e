// A model whose matrices were expanded to F32 in memory. It computes what the file itself is worth,
// without a rounding of activations, as fast as float kernels are.
#pragma once

#include "base/thread_pool.h"
#include "engine/loader.h"

namespace hearth::engine {

// All weights of a tensor, in order: out[tensor.weights()].
void dequantize(const gguf::TensorInfo& tensor, ThreadPool& pool, float* out);

// Bytes that with_float_weights() takes.
[[nodiscard]] uint64_t float_weights_bytes(const LoadedModel& model);

// The same model, which has its own copy of each matrix that is not F32 already, but for tables of
// which a token needs one row.
[[nodiscard]] Result<std::unique_ptr<const LoadedModel>> with_float_weights(
    const LoadedModel& model, ThreadPool& pool);

}  // namespace hearth::engine
