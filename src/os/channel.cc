#include "os/channel.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "os/file.h"

namespace hearth::os {

Result<Received> receive(int channel, std::string& buffer, bool wait) {
  for (;;) {
    pollfd waiting{channel, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, wait ? -1 : 0);
    if (ready == 0) return Received{};
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return system_error(errno, "cannot wait for messages");
    const ssize_t n = ::read(channel, buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0 && errno != ECONNRESET) return system_error(errno, "cannot read messages");
    return Received{n > 0 ? static_cast<size_t>(n) : 0, n <= 0};
  }
}

Result<void> send_all(int channel, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(channel, bytes.data(), bytes.size());
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
    if (n >= 0 || errno == EINTR) continue;
    if (errno != EAGAIN) return system_error(errno, "cannot write messages");
    pollfd waiting{channel, POLLOUT, 0};
    (void)::poll(&waiting, 1, -1);
  }
  return {};
}

}  // namespace hearth::os
