// A client's connection: requests one after the other, each checked, routed and answered.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <functional>
#include <map>
#include <memory>

#include "http/driver.h"

namespace hearth::http {

// TCP and Unix sockets alike.
using Socket = boost::beast::basic_stream<asio::generic::stream_protocol>;

// What all connections share.
struct Shared {
  const server::Options& options;
  const server::Access& access;
  Driver& driver;
  asio::ssl::context* tls = nullptr;                        // null: none
  std::map<uint64_t, std::function<void()>> connections{};  // open ones: how to close them
  uint64_t last_connection = 0;
};

// Serves until the client goes, is silent for too long, or breaks the protocol.
[[nodiscard]] asio::awaitable<void> serve_connection(Socket socket, std::string peer,
                                                     std::shared_ptr<Shared> shared);

}  // namespace hearth::http
