#include "http/connection.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include "base/utf8.h"
#include "os/system.h"

namespace hearth::http {
namespace {

namespace beast = boost::beast;
using server::Call;
using server::Headers;
using server::Reply;

constexpr uint32_t kMaxHeaderBytes = 32 << 10;
constexpr size_t kReadBytes = 16 << 10;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

std::string_view reason_of(int status) {
  return view(beast::http::obsolete_reason(static_cast<beast::http::status>(status)));
}

// FNV-1a.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  return hash;
}

template <class Stream>
class Connection final : public Exchange {
 public:
  Connection(Stream stream, std::string peer, std::shared_ptr<Shared> shared)
      : stream_(std::move(stream)), peer_(std::move(peer)), shared_(std::move(shared)) {}

  asio::awaitable<void> serve() {
    while (co_await wait_for_bytes()) {
      if (!co_await serve_one()) break;
    }
    error_code ignored;
    beast::get_lowest_layer(stream_).socket().shutdown(asio::socket_base::shutdown_both, ignored);
    beast::get_lowest_layer(stream_).close();
  }

  // From outside, when the server ends.
  void close() {
    lose();
    error_code ignored;
    beast::get_lowest_layer(stream_).socket().close(ignored);
  }

  asio::awaitable<bool> respond(const Reply& reply) override {
    Headers headers = reply.headers;
    headers["content-type"] = reply.type;
    headers["content-length"] = cat(reply.body.size());
    std::string bytes = head_of(reply.status, std::move(headers));
    if (!is_head_) bytes += reply.body;
    co_return co_await write(bytes);
  }

  asio::awaitable<bool> begin(std::string_view type, const Headers& more) override {
    Headers headers = more;
    headers["content-type"] = type;
    headers["cache-control"] = "no-cache";
    chunked_ = version_ >= 11;
    if (chunked_) headers["transfer-encoding"] = "chunked";
    if (!chunked_) keep_alive_ = false;
    co_return co_await write(head_of(200, std::move(headers)));
  }

  asio::awaitable<bool> send(std::string bytes) override {
    if (bytes.empty() || is_head_) co_return !gone_;
    if (!chunked_) co_return co_await write(bytes);
    co_return co_await write(cat(hex(bytes.size()), "\r\n", bytes, "\r\n"));
  }

  asio::awaitable<bool> end() override {
    if (!chunked_) co_return !gone_;
    co_return co_await write("0\r\n\r\n");
  }

  void on_gone(std::function<void()> call) override {
    on_gone_ = std::move(call);
    if (gone_ && on_gone_) on_gone_();
  }

 private:
  using Parser = beast::http::request_parser<beast::http::string_body>;

  static std::string hex(size_t number) {
    std::string text;
    do text.insert(text.begin(), "0123456789abcdef"[number % 16]);
    while ((number /= 16) != 0);
    return text;
  }

  void allow_seconds(double count) {
    beast::get_lowest_layer(stream_).expires_after(http::seconds(count));
  }

  // Between requests a client may be silent for a while.
  asio::awaitable<bool> wait_for_bytes() {
    if (buffer_.size() > 0) co_return true;
    allow_seconds(shared_->options.idle_connection_seconds);
    error_code error;
    const size_t n = co_await stream_.async_read_some(buffer_.prepare(kReadBytes), into(error));
    buffer_.commit(n);
    co_return !error;
  }

  // False when the connection is of no more use.
  asio::awaitable<bool> serve_one() {
    Parser parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(shared_->options.max_body_bytes);
    keep_alive_ = false;
    chunked_ = is_head_ = false;
    cors_.clear();
    allow_seconds(shared_->options.header_seconds);
    error_code error;
    co_await beast::http::async_read_header(stream_, buffer_, parser, into(error));
    if (error) co_return co_await refuse_unread(error);
    const auto& head = parser.get();
    version_ = head.version();
    is_head_ = head.method_string() == "HEAD";
    const Headers headers = headers_of(head);
    Problem problem;
    const server::Route* const route =
        co_await check(view(head.method_string()), view(head.target()), headers, problem);
    if (route == nullptr) co_return !answered_ ? co_await refuse(problem) : keep_alive_;
    if (headers.contains("expect")) {
      if (!co_await write("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
    }
    allow_seconds(shared_->options.body_seconds);
    co_await beast::http::async_read(stream_, buffer_, parser, into(error));
    if (error) co_return co_await refuse_unread(error);
    keep_alive_ = parser.get().keep_alive();
    co_return co_await answer(*route, parser.get().body(), headers);
  }

  static Headers headers_of(const Parser::value_type& head) {
    Headers headers;
    for (const auto& field : head) {
      std::string name(view(field.name_string()));
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      // Of a Host that comes twice neither counts.
      auto [place, is_new] = headers.emplace(std::move(name), view(field.value()));
      if (!is_new) place->second += cat(", ", view(field.value()));
    }
    return headers;
  }

  // The route that a request may take; null with a problem, or when it was answered already.
  asio::awaitable<const server::Route*> check(std::string_view method, std::string_view target,
                                              const Headers& headers, Problem& problem) {
    answered_ = false;
    dialect_ = server::Dialect::openai;
    const auto fail = [&](Problem found) {
      problem = std::move(found);
      return nullptr;
    };
    if (auto good = shared_->access.check_origin(headers); !good) co_return fail(good.error());
    cors_ = shared_->access.cors(headers);
    if (method == "OPTIONS") {
      answered_ = true;
      (void)co_await write(head_of(204, {}));
      co_return nullptr;
    }
    const auto parsed = server::parse_target(target);
    if (!parsed) co_return fail({Problem::Kind::bad_request, "the address is none"});
    target_ = *parsed;
    auto found = shared_->driver.router().find(method, target_.path);
    if (!found) co_return fail(found.error());
    captures_ = std::move(found->captures);
    dialect_ = found->route->dialect;
    if (!found->route->open) {
      if (auto good = shared_->access.check_key(headers); !good) co_return fail(good.error());
    }
    const auto encoding = headers.find("content-encoding");
    if (encoding != headers.end() && encoding->second != "identity") {
      co_return fail({Problem::Kind::bad_request,
                      "compressed bodies are not understood: send it as it is",
                      "content-encoding"});
    }
    co_return found->route;
  }

  asio::awaitable<bool> answer(const server::Route& route, const std::string& body,
                               const Headers& headers) {
    Call call{.method = route.method,
              .path = target_.path,
              .captures = std::move(captures_),
              .query = std::move(target_.query),
              .headers = headers,
              .client = client_of(headers),
              .now = os::unix_seconds()};
    if (!body.empty()) {
      Result<protocol::Json> json = protocol::parse_json(body, server::kMaxBodyDepth);
      if (!json) {
        co_return co_await refuse({json.error().code == ErrorCode::too_large
                                       ? Problem::Kind::too_large
                                       : Problem::Kind::bad_request,
                                   cat("the body ", json.error().message)}) &&
            keep_alive_;
      }
      call.body = *std::move(json);
    }
    watch();
    co_await shared_->driver.serve(*this, std::move(call), route);
    on_gone_ = {};
    if (watching_) beast::get_lowest_layer(stream_).socket().cancel();
    co_return keep_alive_ && !gone_;
  }

  [[nodiscard]] uint64_t client_of(const Headers& headers) const {
    std::string who = peer_;
    for (const char* const name : {"authorization", "x-api-key", "user-agent"}) {
      if (const auto found = headers.find(name); found != headers.end())
        who += cat("\n", found->second);
    }
    return hash_of(who);
  }

  // Notices a client that goes while its answer is made.
  void watch() {
    watching_ = true;
    beast::get_lowest_layer(stream_).expires_never();
    auto& socket = beast::get_lowest_layer(stream_).socket();
    socket.async_wait(asio::socket_base::wait_read,
                      [this, alive = std::weak_ptr<bool>(alive_)](const error_code& error) {
                        if (!alive.lock()) return;
                        watching_ = false;
                        if (!error) look();
                      });
  }

  void look() {
    char byte = 0;
    error_code error;
    auto& socket = beast::get_lowest_layer(stream_).socket();
    const bool was = socket.non_blocking();
    socket.non_blocking(true, error);
    const size_t n = socket.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, error);
    error_code ignored;
    socket.non_blocking(was, ignored);
    if (n > 0 || error == asio::error::would_block) return;  // its next request
    lose();
  }

  void lose() {
    gone_ = true;
    keep_alive_ = false;
    if (const auto call = std::exchange(on_gone_, {})) call();
  }

  // What could not even be read; the rest of it would be taken for the next request.
  asio::awaitable<bool> refuse_unread(const error_code& error) {
    namespace http = beast::http;
    if (error == http::error::header_limit || error == http::error::body_limit) {
      co_return co_await refuse(
          {Problem::Kind::too_large,
           error == http::error::body_limit
               ? cat("the body is larger than ", shared_->options.max_body_bytes, " bytes")
               : cat("the head of the request is larger than ", kMaxHeaderBytes, " bytes")});
    }
    if (error == beast::error::timeout)
      co_return co_await refuse({Problem::Kind::too_slow, "the request did not come in time"});
    const bool gone = error == http::error::end_of_stream ||
                      error == http::error::partial_message || error == asio::error::eof ||
                      error.category() == asio::error::get_system_category();
    if (gone) co_return false;
    co_return co_await refuse({Problem::Kind::bad_request, "this is no HTTP request"});
  }

  asio::awaitable<bool> refuse(Problem problem) {
    Reply reply = Driver::reply_of(dialect_, problem);
    (void)co_await respond(reply);
    co_return keep_alive_;
  }

  [[nodiscard]] std::string head_of(int status, Headers headers) const {
    for (const auto& [name, value] : cors_) headers[name] = value;
    headers["connection"] = keep_alive_ ? "keep-alive" : "close";
    headers["server"] = "hearth";
    headers.emplace("x-content-type-options", "nosniff");
    std::string head = cat("HTTP/1.1 ", status, " ", reason_of(status), "\r\n");
    for (const auto& [name, value] : headers) head += cat(name, ": ", value, "\r\n");
    return head + "\r\n";
  }

  // All of it, as long as the client takes some of it now and then.
  asio::awaitable<bool> write(std::string_view bytes) {
    while (!bytes.empty() && !gone_) {
      allow_seconds(shared_->options.write_seconds);
      error_code error;
      const size_t n =
          co_await stream_.async_write_some(asio::buffer(bytes.data(), bytes.size()), into(error));
      bytes.remove_prefix(n);
      if (error) lose();
    }
    beast::get_lowest_layer(stream_).expires_never();
    co_return !gone_;
  }

  Stream stream_;
  std::string peer_;
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  beast::flat_buffer buffer_;
  server::Target target_;
  std::vector<std::string> captures_;
  Headers cors_;
  server::Dialect dialect_ = server::Dialect::openai;
  std::function<void()> on_gone_;
  unsigned version_ = 11;
  bool answered_ = false;
  bool keep_alive_ = false;
  bool chunked_ = false;
  bool is_head_ = false;
  bool watching_ = false;
  bool gone_ = false;
};

}  // namespace

namespace {

// Keeps the way to close a connection where the server finds it.
template <class Stream>
asio::awaitable<void> serve_registered(Connection<Stream>& connection, Shared& shared) {
  const uint64_t id = ++shared.last_connection;
  shared.connections[id] = [&connection] { connection.close(); };
  co_await connection.serve();
  shared.connections.erase(id);
}

}  // namespace

asio::awaitable<void> serve_connection(Socket socket, std::string peer,
                                       std::shared_ptr<Shared> shared) {
  if (shared->tls == nullptr) {
    Connection<Socket> connection(std::move(socket), std::move(peer), shared);
    co_return co_await serve_registered(connection, *shared);
  }
  beast::ssl_stream<Socket> stream(std::move(socket), *shared->tls);
  beast::get_lowest_layer(stream).expires_after(seconds(shared->options.header_seconds));
  error_code error;
  co_await stream.async_handshake(asio::ssl::stream_base::server, into(error));
  if (error) co_return;
  Connection<beast::ssl_stream<Socket>> connection(std::move(stream), std::move(peer), shared);
  co_await serve_registered(connection, *shared);
}

}  // namespace hearth::http
