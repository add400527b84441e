#include "cli/command.h"

#include "os/file.h"

namespace hearth::cli {

int exit_code(const Error& error) {
  switch (error.code) {
    case ErrorCode::bad_usage:
      return kExitUsage;
    case ErrorCode::interrupted:
      return kExitInterrupted;
    default:
      return kExitFailed;
  }
}

void say(std::string_view line) {
  // Nobody is left to tell when standard error itself is closed.
  (void)os::write_all(2, as_bytes(cat(line, "\n")), "standard error");
}

Result<void> print(std::string_view text) {
  return os::write_all(1, as_bytes(text), "standard output");
}

}  // namespace hearth::cli
