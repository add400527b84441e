// The parts of Boost that this module uses, under short names.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace hearth::http {

namespace asio = boost::asio;
using boost::system::error_code;

// co_await operation(..., into(error)): the error instead of an exception.
[[nodiscard]] inline auto into(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

// What a timer expires after.
[[nodiscard]] inline asio::steady_timer::duration seconds(double count) {
  using Duration = asio::steady_timer::duration;
  return Duration(
      static_cast<Duration::rep>(count * Duration::period::den / Duration::period::num));
}

}  // namespace hearth::http
