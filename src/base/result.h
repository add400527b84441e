// Errors are values. A function that can fail on the content of a file, a request or the machine
// returns Result<T>; the Error holds one line that a person can act on.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/text.h"

namespace hearth {

enum class ErrorCode {
  bad_usage,    // the caller asked for something that makes no sense: exit code 2
  not_found,    // a file, model or tensor that is not there
  io,           // the system refused: permissions, disk full, closed pipe
  bad_file,     // bytes that do not follow their format
  unsupported,  // well formed, but hearth has no code for it
  too_large,    // beyond a limit; the message names the limit
  interrupted,  // Ctrl-C: exit code 130
  internal,     // a broken promise of our own code
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  // one line, no newline: what was wrong, where, what to do
};

template <class T>
using Result = tl::expected<T, Error>;

// Makes the error side of a Result from a code and pieces of text and numbers.
template <class... Pieces>
[[nodiscard]] tl::unexpected<Error> fail(ErrorCode code, const Pieces&... pieces) {
  return tl::unexpected<Error>(Error{code, cat(pieces...)});
}

// Puts context in front of an error that came from below: "model.gguf: " + message.
[[nodiscard]] inline tl::unexpected<Error> fail_with_context(std::string_view context,
                                                             const Error& error) {
  return tl::unexpected<Error>(Error{error.code, cat(context, ": ", error.message)});
}

}  // namespace hearth

#define HEARTH_CONCAT_INNER(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_INNER(a, b)

// HEARTH_TRY(auto file, open(path)): declares `file`, or returns the error to the caller.
#define HEARTH_TRY(declaration, expression) \
  HEARTH_TRY_INNER(HEARTH_CONCAT(hearth_try_, __LINE__), declaration, expression)
#define HEARTH_TRY_INNER(holder, declaration, expression)                         \
  auto holder = (expression);                                                     \
  if (!holder) return tl::unexpected<::hearth::Error>(std::move(holder).error()); \
  declaration = *std::move(holder)

// HEARTH_CHECK(write(...)): for Result<void>; returns the error to the caller.
#define HEARTH_CHECK(expression)                                                      \
  do {                                                                                \
    if (auto hearth_check_result = (expression); !hearth_check_result)                \
      return tl::unexpected<::hearth::Error>(std::move(hearth_check_result).error()); \
  } while (false)
