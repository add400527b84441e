// One end of a pair of connected sockets, as the process that inherited it uses it: it reads and
// writes, and has no need of calls that could reach a network.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::os {

struct Received {
  size_t bytes = 0;
  bool closed = false;  // the other side is gone
};

// What has arrived, into `buffer`; with `wait`, at least a byte of it. Without, maybe nothing.
[[nodiscard]] Result<Received> receive(int channel, std::string& buffer, bool wait);

// Waits until all of it is taken.
[[nodiscard]] Result<void> send_all(int channel, std::string_view bytes);

}  // namespace hearth::os
