// Who may ask: the checks that every request passes before anything else is read of it.
#pragma once

#include <map>
#include <string>

#include "server/options.h"
#include "server/problem.h"

namespace hearth::server {

// Headers: names in lower case.
using Headers = std::map<std::string, std::string>;

class Access {
 public:
  // `port`: that we listen on, 0 for a Unix socket.
  Access(const Options& options, uint16_t port);

  // A page of another site can send requests here: by a name that it makes point at this machine
  // (DNS rebinding), or across origins. So Host must be a name of ours, and Origin, where there is
  // one, our own or one that was allowed. forbidden otherwise.
  [[nodiscard]] Answerable<void> check_origin(const Headers& headers) const;

  // A key in Authorization: Bearer or x-api-key, if keys are asked for; unauthorized otherwise.
  [[nodiscard]] Answerable<void> check_key(const Headers& headers) const;

  // Headers that let a page of an allowed origin read the answer; none for others.
  [[nodiscard]] Headers cors(const Headers& headers) const;

 private:
  [[nodiscard]] bool is_our_host(std::string_view host) const;
  [[nodiscard]] bool is_allowed(std::string_view origin) const;

  const Options& options_;
  uint16_t port_;
};

// True for addresses that only programs of this machine can reach.
[[nodiscard]] bool is_loopback(std::string_view host);

// Takes as long for every wrong key of one length.
[[nodiscard]] bool same_secret(std::string_view a, std::string_view b);

}  // namespace hearth::server
