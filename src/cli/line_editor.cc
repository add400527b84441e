#include "cli/line_editor.h"

#include <editline/readline.h>

#include <cstdlib>
#include <iostream>
#include <memory>

#include "os/system.h"

namespace hearth::cli {

LineEditor::LineEditor() : terminal_(os::is_terminal(0) && os::is_terminal(1)) {
  if (terminal_) using_history();
}

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  if (!terminal_) {
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  const std::unique_ptr<char, void (*)(void*)> line(::readline(prompt.c_str()), std::free);
  if (os::interrupted()) {
    os::clear_interrupted();
    return std::string();
  }
  if (line == nullptr) return std::nullopt;
  if (*line != '\0') add_history(line.get());
  return std::string(line.get());
}

}  // namespace hearth::cli
