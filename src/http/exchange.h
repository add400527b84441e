// One request and its response on a connection.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "http/asio.h"
#include "server/access.h"
#include "server/api.h"

namespace hearth::http {

class Exchange {
 public:
  virtual ~Exchange() = default;

  // A whole response. Each of these is false when the client is gone.
  [[nodiscard]] virtual asio::awaitable<bool> respond(const server::Reply& reply) = 0;

  // A response in pieces: begin, send as often as needed, end.
  [[nodiscard]] virtual asio::awaitable<bool> begin(std::string_view type,
                                                    const server::Headers& headers) = 0;
  [[nodiscard]] virtual asio::awaitable<bool> send(std::string bytes) = 0;
  [[nodiscard]] virtual asio::awaitable<bool> end() = 0;

  // Called once when the client goes while its response is being made.
  virtual void on_gone(std::function<void()> call) = 0;
};

}  // namespace hearth::http
