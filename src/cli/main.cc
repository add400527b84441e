// hearth runs language models on the machine you have. This file turns the command line into one
// action.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <new>
#include <sstream>

#include "cli/command.h"
#include "flags/flags.h"
#include "os/file.h"
#include "os/system.h"

namespace {

using hearth::cat;

constexpr std::string_view kVersion = HEARTH_VERSION;

constexpr char kExamples[] = R"(Examples:
  hearth run "Once upon a time"               a story from the bundled model
  hearth run -m model.gguf -p "..." -n 200    any GGUF that hearth show says it runs
  hearth chat -m model.gguf                   a conversation
  hearth serve -m model.gguf                  an API for other programs, and a page to chat on
  hearth show -m model.gguf                   what is in a file
  hearth doctor                               what this machine offers

"hearth COMMAND --help" teaches one command.)";

constexpr std::string_view kNoMemory =
    "hearth: not enough memory: close other programs, or choose a smaller model or context\n";

// Where memory is so short that there is none for an exception, this takes its place. (libstdc++
// keeps some for exceptions, unless even that was not to be had at the start.)
[[noreturn]] void end_without_memory() {
  if (std::current_exception() == nullptr)
    (void)hearth::os::write_all(2, hearth::as_bytes(kNoMemory), "standard error");
  std::_Exit(hearth::cli::kExitFailed);
}

// Before anything that libraries set up in front of main().
[[gnu::constructor(101)]] void expect_little_memory() { std::set_terminate(end_without_memory); }

// Help and the version go to standard output, where a full disk counts as for any result.
int show_help(const CLI::App& app, const CLI::Success& help) {
  std::ostringstream text;
  (void)app.exit(help, text, text);
  const hearth::Result<void> printed = hearth::cli::print(text.str());
  if (printed) return hearth::cli::kExitDone;
  hearth::cli::say(cat("hearth: ", printed.error().message));
  return hearth::cli::kExitFailed;
}

int run_program(int argc, char** argv) {
  CLI::App app{"hearth runs language models on the machine you have", "hearth"};
  app.set_version_flag("--version", std::string(kVersion));
  app.require_subcommand(1);
  app.footer(kExamples);
  hearth::cli::Action chosen;
  hearth::cli::add_run(app, chosen);
  hearth::cli::add_chat(app, chosen);
  hearth::cli::add_show(app, chosen);
  hearth::cli::add_tokenize(app, chosen);
  hearth::cli::add_template(app, chosen);
  hearth::cli::add_embed(app, chosen);
  hearth::cli::add_logits(app, chosen);
  hearth::cli::add_perplexity(app, chosen);
  hearth::cli::add_compare(app, chosen);
  hearth::cli::add_imatrix(app, chosen);
  hearth::cli::add_quantize(app, chosen);
  hearth::cli::add_convert(app, chosen);
  hearth::cli::add_bench(app, chosen);
  hearth::cli::add_doctor(app, chosen);
  hearth::cli::add_serve(app, chosen);
  hearth::cli::add_worker(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return show_help(app, help);
  } catch (const CLI::ParseError& error) {
    hearth::cli::say(argc < 2 ? app.help() : hearth::flags::usage_error(app, error, argc, argv));
    return hearth::cli::kExitUsage;
  }
  const hearth::Result<void> done = chosen();
  if (done) return hearth::cli::kExitDone;
  hearth::cli::say(cat("hearth: ", done.error().message));
  return hearth::cli::exit_code(done.error());
}

// Short flags of llama.cpp's with several letters, which would be read as "-m d" or "-c tk".
void spell_out_flags(int argc, char** argv) {
  struct Flag {
    std::string_view brief;
    char name[32];
  };
  static Flag flags[] = {
      {"-md", "--model-draft"}, {"-ctk", "--cache-type-k"}, {"-ctv", "--cache-type-v"}};
  for (int i = 1; i < argc; ++i) {
    for (Flag& flag : flags) {
      if (argv[i] == flag.brief) argv[i] = flag.name;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  hearth::os::protect_standard_streams();
  hearth::os::install_signal_handlers();
  spell_out_flags(argc, argv);
  try {
    return run_program(argc, argv);
  } catch (const std::bad_alloc&) {
    (void)hearth::os::write_all(2, hearth::as_bytes(kNoMemory), "standard error");
    return hearth::cli::kExitFailed;
  }
}
