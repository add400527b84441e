// Measuring how fast sessions read prompts and write answers. (limits.h: how fast this machine
// could.)
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "engine/session.h"

namespace hearth::engine {

// Fills a session with `depth` random tokens, always the same; those that it holds already, from an
// earlier measurement, are kept.
[[nodiscard]] Result<void> fill_to_depth(Session& session, size_t depth);

// Tokens/s of a prompt of `tokens` random tokens behind `depth` others, with the logits of the
// last.
[[nodiscard]] Result<double> measure_prefill(Session& session, size_t tokens, size_t depth);

// Tokens/s of `tokens` random tokens, one after another, with the logits of each, behind `depth`
// tokens.
[[nodiscard]] Result<double> measure_decode(Session& session, size_t tokens, size_t depth);

// Tokens/s of all sessions together: each decodes `tokens` random tokens behind what it holds, all
// in the same steps. Sessions of one runtime, at most together() of them; they are rewound to what
// they held.
[[nodiscard]] Result<double> measure_batched_decode(std::span<Session* const> sessions,
                                                    size_t tokens);

}  // namespace hearth::engine
