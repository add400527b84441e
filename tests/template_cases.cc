// Renders many templates in one process, for tests/cli/template_test.py: each line of standard
// input is a JSON list of a template and the JSON text of its variables; each line of output is
// {"text": ...} or {"error": ...}.
#include <iostream>
#include <nlohmann/json.hpp>

#include "text/jinja.h"

namespace {

using hearth::text::jinja::Template;

constexpr hearth::CivilTime kNow{2026, 1, 31, 9, 5, 7};

hearth::Result<std::string> render(const std::string& source, const std::string& variables) {
  HEARTH_TRY(const Template parsed, Template::parse(source));
  return parsed.render(variables, kNow);
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto request = nlohmann::json::parse(line, nullptr, false);
    if (!request.is_array() || request.size() != 2) return 2;
    const auto text = render(request[0].get<std::string>(), request[1].get<std::string>());
    nlohmann::json answer;
    if (text) {
      answer["text"] = *text;
    } else {
      answer["error"] = text.error().message;
    }
    std::cout << answer.dump() << "\n" << std::flush;
  }
  return 0;
}
