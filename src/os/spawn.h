// Programs that this one starts, and talks with over a socket pair.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::os {

struct Child {
  int pid = -1;
  int channel = -1;  // our end, non-blocking; the child has the other one as descriptor 3
};

// Starts a program with `arguments` (its name is added) and nothing open but standard streams, the
// channel, and `files` as descriptors 4, 5, ... It gets a process group of its own, so that Ctrl-C
// in a terminal is ours.
[[nodiscard]] Result<Child> spawn(const std::string& program,
                                  const std::vector<std::string>& arguments,
                                  const std::vector<int>& files);

// Ends the child at once, if it is still there, and says how it ended: "was killed by signal 9",
// ...
[[nodiscard]] std::string end_child(int pid);

// Lets this process have as many descriptors open as the system allows.
void raise_descriptor_limit();

}  // namespace hearth::os
