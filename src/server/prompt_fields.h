// Prompts that are texts, tokens or both.
#pragma once

#include <vector>

#include "server/fields.h"

namespace hearth::server {

inline constexpr size_t kMaxTokens = size_t{1} << 24;  // that a request may name
inline constexpr size_t kMaxStops = 64;
inline constexpr size_t kMaxInputs = 2048;  // texts of one request for embeddings

// A list of tokens. Problems name the place, as in "prompt[3]".
[[nodiscard]] Answerable<std::vector<int32_t>> check_tokens(const Json& json,
                                                            std::string_view field);

// A text, a list of tokens, or a list of texts and tokens that follow each other. A list of texts
// alone is several prompts and gets a problem, unless there is only one.
[[nodiscard]] Answerable<protocol::PlainPrompt> check_prompt(const Json& json,
                                                             std::string_view field);

// One or several inputs for embeddings: a text, a list of tokens, or a list of these.
[[nodiscard]] Answerable<std::vector<protocol::PromptPart>> check_inputs(const Json& json,
                                                                         std::string_view field);

// The texts of `name` that end an answer; empty ones, which some clients send, are none.
[[nodiscard]] std::vector<std::string> read_stops(Fields& fields, std::string_view name);

}  // namespace hearth::server
