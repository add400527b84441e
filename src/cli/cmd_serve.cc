// hearth serve: another program, because this one has no code that could open a socket.
#include "cli/command.h"
#include "os/system.h"

namespace hearth::cli {

void add_serve(CLI::App& app, Action& chosen) {
  CLI::App* command =
      app.add_subcommand("serve", "Answer other programs over HTTP, and show a page to chat on");
  command->set_help_flag();
  command->prefix_command();
  command->callback([command, &chosen] {
    chosen = [command]() -> Result<void> {
      const std::string program = cat(os::program_folder(), "/hearth-server");
      std::vector<std::string> arguments = command->remaining();
      std::vector<char*> argv{const_cast<char*>(program.c_str())};
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      return tl::unexpected<Error>(os::become(program, argv.data()));
    };
  });
}

}  // namespace hearth::cli
