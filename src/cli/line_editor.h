// Reading lines from a person: editing keys and history on a terminal, plain lines from a pipe.
#pragma once

#include <optional>
#include <string>

namespace hearth::cli {

class LineEditor {
 public:
  LineEditor();

  // The next line without its newline; nullopt at the end of input (Ctrl-D). Ctrl-C gives an empty
  // line. History lives for this run only: what people write is not put on disk.
  [[nodiscard]] std::optional<std::string> read(const std::string& prompt);

 private:
  bool terminal_;
};

}  // namespace hearth::cli
