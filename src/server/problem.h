// What a request ends with when it cannot be answered; each dialect writes it in its own shape.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "protocol/event.h"

namespace hearth::server {

using protocol::Json;

struct Problem {
  enum class Kind {
    bad_request,
    too_long,      // the prompt, for the context; with both numbers
    unauthorized,  // no key, or a wrong one
    forbidden,     // a Host or an Origin that is not ours
    not_found,
    bad_method,
    too_large,  // the body, a header, ...
    too_slow,   // the request did not arrive in time
    busy,       // try again later
    loading,    // the model is on its way
    unsupported,
    failed,  // our fault, or the model file's
  };
  Kind kind = Kind::failed;
  std::string message;         // one line: what was wrong, where, what to do
  std::string field{};         // which one is at fault, as in "stream_options.include_usage"
  uint64_t prompt_tokens = 0;  // with too_long
  uint64_t context = 0;
  uint32_t retry_seconds = 0;  // with busy and loading; 0: not said
};

template <class T>
using Answerable = tl::expected<T, Problem>;

template <class... Pieces>
[[nodiscard]] tl::unexpected<Problem> refuse(Problem::Kind kind, const Pieces&... pieces) {
  return tl::unexpected<Problem>(Problem{.kind = kind, .message = cat(pieces...)});
}

[[nodiscard]] int status_of(Problem::Kind kind);

// What a worker said.
[[nodiscard]] Problem problem_of(const protocol::Failed& failed);

enum class Dialect { openai, anthropic, ollama, llama };

// The body of an error response, or of an error in a stream.
[[nodiscard]] Json problem_json(Dialect dialect, const Problem& problem);

}  // namespace hearth::server
