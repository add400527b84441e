// hearth worker: what hearth serve starts for each model. Not for people.
#include "cli/command.h"
#include "flags/flags.h"
#include "worker/worker.h"

namespace hearth::cli {

void add_worker(CLI::App& app, Action& chosen) {
  auto channel = std::make_shared<int>(-1);
  CLI::App* command = app.add_subcommand("worker", "Started by hearth serve")->group("");
  command->add_option("--channel", *channel, "The socket to the server, which was inherited")
      ->type_name("FD")
      ->required()
      ->check(flags::whole_number(3, 1 << 20));
  command->callback([channel, &chosen] { chosen = [channel] { return worker::serve(*channel); }; });
}

}  // namespace hearth::cli
