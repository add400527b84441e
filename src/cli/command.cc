#include "cli/command.h"

#include "base/utf8.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::cli {

int exit_code(const Error& error) {
  switch (error.code) {
    case ErrorCode::bad_usage:
      return kExitUsage;
    case ErrorCode::interrupted:
      return os::interrupt_exit_code();
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

Result<void> print_answer(std::string_view text) {
  if (!os::is_terminal(1)) return print(text);
  std::string safe;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const bool layout = c.code == '\n' || c.code == '\t';
    const bool control = c.code < 0x20 || (c.code >= 0x7F && c.code < 0xA0);
    append_utf8(safe, c.valid && (layout || !control) ? c.code : 0xFFFD);
    at += c.length;
  }
  return print(safe);
}

}  // namespace hearth::cli
