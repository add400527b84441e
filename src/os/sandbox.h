// What a process gives up for good: the network, files, other processes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::os {

// From here on this process and all of its threads can compute, and use the files that are open: no
// other can be opened, no socket made, no program started, no memory made executable, and no core
// is dumped. Returns what is in force, a word each. An error when the kernel does not do it. Under
// sanitizers, which need more calls, nothing is done: then the list is empty.
[[nodiscard]] Result<std::vector<std::string>> enter_sandbox();

}  // namespace hearth::os
