// hearth-server: the program behind "hearth serve". It holds the sockets, and no model: each model
// is in a worker process, which is started from the program hearth beside this one.
#include <CLI/CLI.hpp>
#include <sstream>

#include "flags/flags.h"
#include "http/listener.h"
#include "http/server_flags.h"
#include "os/file.h"
#include "os/system.h"

namespace {

using hearth::cat;

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

void say(std::string_view line) {
  (void)hearth::os::write_all(2, hearth::as_bytes(cat(line, "\n")), "standard error");
}

hearth::Result<void> run(hearth::http::ServerFlags& flags) {
  HEARTH_TRY(const hearth::server::Options options, hearth::http::options_of(flags));
  const std::string worker = cat(hearth::os::program_folder(), "/hearth");
  return hearth::http::serve(options, worker, [](const std::string& address) {
    (void)hearth::os::write_all(1, hearth::as_bytes(cat("hearth is listening on ", address, "\n")),
                                "standard output");
  });
}

// "-np", which would be read as "-n p", and others of llama.cpp's like it.
void spell_out_flags(int argc, char** argv) {
  struct Flag {
    std::string_view brief;
    char name[32];
  };
  static Flag flags[] = {{"-np", "--parallel"},      {"-ngl", "--n-gpu-layers"},
                         {"-fa", "--flash-attn"},    {"-ub", "--ubatch-size"},
                         {"-cb", "--cont-batching"}, {"-ctk", "--cache-type-k"},
                         {"-ctv", "--cache-type-v"}};
  for (int i = 1; i < argc; ++i) {
    for (Flag& flag : flags) {
      if (argv[i] == flag.brief) argv[i] = flag.name;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  hearth::os::protect_standard_streams();
  hearth::os::ignore_broken_pipes();
  spell_out_flags(argc, argv);
  CLI::App app{"Serve models to programs and people on this machine, over HTTP", "hearth serve"};
  hearth::http::ServerFlags flags;
  hearth::http::add_server_flags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    (void)app.exit(help, text, text);
    const auto printed = hearth::os::write_all(1, hearth::as_bytes(text.str()), "standard output");
    return printed ? kExitDone : kExitFailed;
  } catch (const CLI::ParseError& error) {
    say(hearth::flags::usage_error(app, error, argc, argv));
    return kExitUsage;
  }
  const hearth::Result<void> done = run(flags);
  if (done) return kExitDone;
  say(cat("hearth: ", done.error().message));
  return done.error().code == hearth::ErrorCode::bad_usage ? kExitUsage : kExitFailed;
}
