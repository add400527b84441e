#include "cli/line_editor.h"

#include <editline/readline.h>

#include <clocale>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "os/file.h"
#include "os/system.h"

namespace hearth::cli {

LineEditor::LineEditor() : terminal_(os::is_terminal(0) && os::is_terminal(1)) {
  if (!terminal_) return;
  // The library edits letters of more than one byte only in a locale that has them.
  if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1)
    std::setlocale(LC_CTYPE, "C.UTF-8");
  rl_catch_signals = 0;  // os/system has its own handlers
  using_history();
}

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  if (!terminal_) {
    std::string line;
    if (!std::getline(std::cin, line) || os::interrupted()) return std::nullopt;
    return line;
  }
  const std::unique_ptr<char, void (*)(void*)> line(::readline(prompt.c_str()), std::free);
  if (line == nullptr || os::interrupted()) (void)os::write_all(1, as_bytes("\n"), "the terminal");
  if (os::interrupted_by_user()) {
    os::clear_interrupted();
    return std::string();
  }
  if (line == nullptr || os::interrupted()) return std::nullopt;
  if (*line != '\0') add_history(line.get());
  return std::string(line.get());
}

}  // namespace hearth::cli
