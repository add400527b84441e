// Measuring: how fast a session reads prompts and writes answers, and how fast this machine could.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/session.h"

namespace hearth::engine {

// Tokens/s of prompts of `tokens` random tokens into an empty session.
[[nodiscard]] Result<double> measure_prefill(Session& session, size_t tokens);

// Tokens/s of `tokens` random tokens, one after another, with the logits of each, behind `depth`
// tokens.
[[nodiscard]] Result<double> measure_decode(Session& session, size_t tokens, size_t depth);

// Tokens/s over all sequences while `tokens` random tokens are put behind each, one of every
// sequence at a time. The sessions share a runtime and go on from what they hold: 1 to together()
// of them.
[[nodiscard]] Result<double> measure_batched_decode(std::span<Session* const> sessions,
                                                    size_t tokens);

// Bytes/s at which all threads together read memory that is in no cache: the limit of decode. Reads
// `bytes` of `memory` (which should be larger than the caches) once.
[[nodiscard]] double measure_read_bandwidth(ThreadPool& pool, Bytes memory);

// Bytes of weights that one decoded token reads.
[[nodiscard]] uint64_t bytes_per_token(const model::Model& model);

[[nodiscard]] double median(std::vector<double> values);

}  // namespace hearth::engine
