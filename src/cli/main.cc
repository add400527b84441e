// hearth runs language models on the machine you have. This file turns the command line into one
// action.
#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "os/file.h"
#include "os/system.h"

namespace {

using hearth::cat;

constexpr std::string_view kVersion = HEARTH_VERSION;

constexpr char kExamples[] = R"(Examples:
  hearth run "Once upon a time"               a story from the bundled model
  hearth run -m model.gguf -p "..." -n 200    any Llama-family GGUF
  hearth chat -m model.gguf                   a conversation
  hearth show -m model.gguf                   what is in a file
  hearth doctor                               what this machine offers

"hearth COMMAND --help" teaches one command.)";

std::vector<std::string_view> command_names(const CLI::App& app,
                                            std::vector<std::string>& storage) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    storage.push_back(command->get_name());
  }
  return {storage.begin(), storage.end()};
}

// The user's mistake in one line, with what they may have meant.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::vector<std::string> storage;
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  const std::string_view first = argc > 1 ? argv[1] : std::string_view();
  const CLI::App* command = nullptr;
  for (const CLI::App* each : app.get_subcommands()) command = each;
  if (command == nullptr && !first.empty() && first[0] != '-') {
    text = cat("there is no command '", hearth::printable(first), "'");
    const std::string_view meant = hearth::nearest(first, command_names(app, storage));
    if (!meant.empty()) text += cat("; did you mean '", meant, "'?");
  } else if (command != nullptr) {
    std::vector<std::string_view> flags;
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) storage.push_back("--" + name);
    }
    for (const std::string& name : storage) flags.push_back(name);
    for (int i = 2; i < argc; ++i) {
      const std::string_view flag =
          std::string_view(argv[i]).substr(0, std::string_view(argv[i]).find('='));
      const bool known = std::find(flags.begin(), flags.end(), flag) != flags.end();
      const std::string_view meant =
          flag.substr(0, 2) == "--" && !known ? hearth::nearest(flag, flags) : std::string_view();
      if (!meant.empty()) text += cat("; did you mean '", meant, "'?");
    }
  }
  return cat("hearth: ", text, " (",
             command != nullptr ? cat("hearth ", command->get_name(), " --help")
                                : std::string("hearth --help"),
             " shows how)");
}

}  // namespace

int main(int argc, char** argv) {
  hearth::os::protect_standard_streams();
  hearth::os::install_signal_handlers();
  CLI::App app{"hearth runs language models on the machine you have", "hearth"};
  app.set_version_flag("--version", std::string(kVersion));
  app.require_subcommand(1);
  app.footer(kExamples);
  hearth::cli::Action chosen;
  hearth::cli::add_run(app, chosen);
  hearth::cli::add_chat(app, chosen);
  hearth::cli::add_show(app, chosen);
  hearth::cli::add_tokenize(app, chosen);
  hearth::cli::add_logits(app, chosen);
  hearth::cli::add_perplexity(app, chosen);
  hearth::cli::add_bench(app, chosen);
  hearth::cli::add_doctor(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    if (argc < 2) {
      hearth::cli::say(app.help());
    } else {
      hearth::cli::say(usage_error(app, error, argc, argv));
    }
    return hearth::cli::kExitUsage;
  }
  const hearth::Result<void> done = chosen();
  if (done) return hearth::cli::kExitDone;
  hearth::cli::say(cat("hearth: ", done.error().message));
  return hearth::cli::exit_code(done.error());
}
