// The server as a whole: sockets that listen, signals, and the loop that runs it all.
#pragma once

#include <functional>
#include <string>

#include "server/options.h"
#include "server/problem.h"

namespace hearth::http {

// Serves until it is told to end (SIGINT, SIGTERM). `worker` is the program of engine workers;
// `listening` is called with the address once clients can connect. Errors: an address that is
// taken, a model that is not there, a choice that is not safe.
[[nodiscard]] Result<void> serve(const server::Options& options, const std::string& worker,
                                 const std::function<void(std::string address)>& listening);

}  // namespace hearth::http
