#include "http/listener.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <filesystem>
#include <functional>

#include "http/connection.h"
#include "os/spawn.h"
#include "server/web_page.h"

namespace hearth::http {
namespace {

using asio::ip::tcp;

constexpr double kPauseSeconds = 0.05;  // when no more connections can be taken

std::vector<server::Route> all_routes(const server::Options& options) {
  std::vector<server::Route> all;
  const auto add = [&](std::vector<server::Route> routes) {
    std::move(routes.begin(), routes.end(), std::back_inserter(all));
  };
  add(server::openai_routes());
  add(server::responses_routes());
  add(server::anthropic_routes());
  add(server::ollama_routes());
  add(server::llama_routes());
  if (options.web_page) add(server::web_routes());
  return all;
}

Result<void> check(const server::Options& options) {
  const bool local = !options.unix_socket.empty() || server::is_loopback(options.host);
  if (!local && options.api_keys.empty()) {
    return fail(ErrorCode::bad_usage, "--host ", printable(options.host),
                " lets other machines in: give an API key with --api-key or --api-key-file");
  }
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return fail(ErrorCode::bad_usage, "TLS needs both --ssl-cert-file and --ssl-key-file");
  }
  return {};
}

Result<void> open_tls(const server::Options& options, asio::ssl::context& tls) {
  error_code error;
  tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                      asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1,
                  error);
  if (!error) tls.use_certificate_chain_file(options.tls_certificate, error);
  if (error) {
    return fail(ErrorCode::bad_file, "'", printable(options.tls_certificate),
                "' is no certificate in PEM: ", error.message());
  }
  tls.use_private_key_file(options.tls_key, asio::ssl::context::pem, error);
  if (error) {
    return fail(ErrorCode::bad_file, "'", printable(options.tls_key),
                "' is no key in PEM that fits the certificate: ", error.message());
  }
  return {};
}

template <class Acceptor>
asio::awaitable<void> accept_all(Acceptor& acceptor, std::shared_ptr<Shared> shared) {
  asio::steady_timer pause(acceptor.get_executor());
  for (;;) {
    error_code error;
    if (shared->connections.size() >= shared->options.max_connections)
      error = asio::error::no_descriptors;
    typename Acceptor::protocol_type::socket socket(acceptor.get_executor());
    if (!error) co_await acceptor.async_accept(socket, into(error));
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
    if (error) {
      pause.expires_after(seconds(kPauseSeconds));
      co_await pause.async_wait(into(error));
      continue;
    }
    std::string peer = "unix";
    if constexpr (std::is_same_v<Acceptor, tcp::acceptor>) {
      socket.set_option(tcp::no_delay(true), error);
      peer = socket.remote_endpoint(error).address().to_string();
    }
    asio::co_spawn(
        acceptor.get_executor(),
        serve_connection(Socket(asio::generic::stream_protocol::socket(std::move(socket))),
                         std::move(peer), shared),
        asio::detached);
  }
}

Result<tcp::acceptor> listen_tcp(asio::io_context& loop, const server::Options& options) {
  error_code error;
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  const auto address = asio::ip::make_address(host, error);
  if (error) {
    return fail(ErrorCode::bad_usage, "--host '", printable(options.host),
                "' must be an address, as in 127.0.0.1 or ::1");
  }
  tcp::acceptor acceptor(loop);
  const tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(
        ErrorCode::io, "cannot listen on ", printable(options.host), ":", options.port, ": ",
        error.message(),
        error == asio::error::address_in_use ? "; another port can be given with --port" : "");
  }
  return acceptor;
}

// A socket that a server left behind goes, one that is listened on stays.
Result<void> make_room_for_socket(asio::io_context& loop, const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_socket(path, ignored)) return {};
  asio::local::stream_protocol::socket probe(loop);
  error_code error;
  probe.connect(path, error);
  if (!error) {
    return fail(ErrorCode::io, "cannot listen on '", printable(path),
                "': another server listens there");
  }
  std::filesystem::remove(path, ignored);
  return {};
}

Result<asio::local::stream_protocol::acceptor> listen_unix(asio::io_context& loop,
                                                           const std::string& path) {
  HEARTH_CHECK(make_room_for_socket(loop, path));
  std::error_code ignored;
  asio::local::stream_protocol::acceptor acceptor(loop);
  error_code error;
  acceptor.open(asio::local::stream_protocol(), error);
  if (!error) acceptor.bind(path, error);
  if (!error) {
    // Before anybody is listened to.
    std::filesystem::permissions(
        path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
    acceptor.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error)
    return fail(ErrorCode::io, "cannot listen on '", printable(path), "': ", error.message());
  return acceptor;
}

}  // namespace

Result<void> serve(const server::Options& options, const std::string& worker,
                   const std::function<void(std::string address)>& listening) {
  HEARTH_CHECK(check(options));
  os::raise_descriptor_limit();
  asio::io_context loop(1);
  HEARTH_TRY(const auto pool, Pool::create(loop, options, worker));
  asio::ssl::context tls(asio::ssl::context::tls_server);
  const bool with_tls = !options.tls_certificate.empty();
  if (with_tls) HEARTH_CHECK(open_tls(options, tls));
  const server::Router router(all_routes(options));
  Driver driver(options, *pool, router);
  std::optional<tcp::acceptor> tcp_acceptor;
  std::optional<asio::local::stream_protocol::acceptor> unix_acceptor;
  uint16_t port = 0;
  if (options.unix_socket.empty()) {
    HEARTH_TRY(tcp_acceptor, listen_tcp(loop, options));
    port = tcp_acceptor->local_endpoint().port();
  } else {
    HEARTH_TRY(unix_acceptor, listen_unix(loop, options.unix_socket));
  }
  const server::Access access(options, port);
  const auto shared =
      std::make_shared<Shared>(Shared{options, access, driver, with_tls ? &tls : nullptr});
  if (tcp_acceptor) asio::co_spawn(loop, accept_all(*tcp_acceptor, shared), asio::detached);
  if (unix_acceptor) asio::co_spawn(loop, accept_all(*unix_acceptor, shared), asio::detached);
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](const error_code&, int) {
    error_code ignored;
    if (tcp_acceptor) tcp_acceptor->close(ignored);
    if (unix_acceptor) unix_acceptor->close(ignored);
    pool->close();
    const auto open = shared->connections;
    for (const auto& [id, close] : open) close();
  });
  if (!options.models.empty()) pool->load("");
  listening(port == 0 ? cat("unix:", options.unix_socket)
                      : cat(with_tls ? "https://" : "http://", options.host, ":", port));
  loop.run();
  if (unix_acceptor) {
    std::error_code ignored;
    std::filesystem::remove(options.unix_socket, ignored);
  }
  return {};
}

}  // namespace hearth::http
