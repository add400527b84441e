#include "flags/flags.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace hearth::flags {
namespace {

// A validator without a name: nothing of it shows in --help.
template <class Check>
CLI::Validator validator(Check check) {
  return CLI::Validator([check](std::string& value) { return check(value); }, "");
}

template <class T>
bool parse_whole(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string> names_of_commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> names_of_flags(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& names) {
  const std::string_view meant = nearest(word, {names.begin(), names.end()});
  return meant.empty() ? "" : cat("; did you mean '", meant, "'?");
}

// What may have been meant by the first flag that the command does not know.
std::string flag_suggestion(const CLI::App& command, int argc, const char* const* argv) {
  const std::vector<std::string> names = names_of_flags(command);
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::string_view flag = word.substr(0, word.find('='));
    const bool known = std::find(names.begin(), names.end(), flag) != names.end();
    if (starts_with(flag, "--") && !known) return suggestion(flag, names);
  }
  return {};
}

}  // namespace

CLI::Validator whole_number(int64_t least, int64_t most) {
  return validator([least, most](const std::string& value) -> std::string {
    int64_t number = 0;
    if (parse_whole(value, number) && number >= least && number <= most) return {};
    return cat("'", printable(value), "' is out of range: give a whole number from ", least, " to ",
               most);
  });
}

CLI::Validator any_seed() {
  return validator([](const std::string& value) -> std::string {
    uint64_t number = 0;
    if (parse_whole(value, number)) return {};
    return cat("'", printable(value), "' is no seed: give a whole number that is not negative");
  });
}

CLI::Validator not_empty() {
  return validator([](const std::string& value) -> std::string {
    return value.empty() ? "is empty: give a file name" : "";
  });
}

std::string usage_error(const CLI::App& app, const CLI::ParseError& error, int argc,
                        const char* const* argv) {
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  const std::string_view first = argc > 1 ? argv[1] : std::string_view();
  const auto chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  if (!chosen.empty()) {
    text += flag_suggestion(command, argc - 1, argv + 1);
  } else if (starts_with(first, "-")) {
    text = cat("there is no flag ", printable(first), " before a command",
               flag_suggestion(app, argc, argv));
  } else {
    text = cat("there is no command '", printable(first), "'",
               suggestion(first, names_of_commands(app)));
  }
  const std::string help = chosen.empty() ? "" : command.get_name() + " ";
  return cat("hearth: ", printable(text, 600), " (hearth ", help, "--help shows how)");
}

}  // namespace hearth::flags
