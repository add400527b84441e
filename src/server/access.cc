#include "server/access.h"

#include <algorithm>

namespace hearth::server {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string_view header(const Headers& headers, const char* name) {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

// A name and a port: "localhost:8080", "[::1]:8080", "localhost".
struct Authority {
  std::string host;
  std::string port;
};

Authority authority_of(std::string_view text) {
  const size_t bracket = text.rfind(']');
  const size_t colon = text.rfind(':');
  if (colon == text.npos || (bracket != text.npos && colon < bracket)) return {lower(text), ""};
  return {lower(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

}  // namespace

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "::1" || host == "[::1]") return true;
  const auto parts = split(host, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return !part.empty() && part.size() <= 3 &&
                  part.find_first_not_of("0123456789") == part.npos;
         });
}

bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned>(static_cast<uint8_t>(a[i]) ^
                                        static_cast<uint8_t>(b.empty() ? 0 : b[i % b.size()]));
  return difference == 0;
}

Access::Access(const Options& options, uint16_t port) : options_(options), port_(port) {}

bool Access::is_our_host(std::string_view text) const {
  if (port_ == 0) return true;  // a Unix socket: no page can name it
  const Authority authority = authority_of(text);
  if (!authority.port.empty() && authority.port != cat(port_)) return false;
  const std::string& host = authority.host;
  if (is_loopback(host) || host == lower(options_.host)) return true;
  const auto& names = options_.allowed_hosts;
  if (std::any_of(names.begin(), names.end(),
                  [&](const std::string& name) { return lower(name) == host; }))
    return true;
  // Whoever listens on all addresses is reached by any of them; names must be allowed.
  const bool everywhere = options_.host == "0.0.0.0" || options_.host == "::";
  const bool address = host.find_first_not_of("0123456789.") == host.npos || host.front() == '[';
  return everywhere && !host.empty() && address;
}

bool Access::is_allowed(std::string_view origin) const {
  const auto& allowed = options_.allowed_origins;
  if (std::find(allowed.begin(), allowed.end(), origin) != allowed.end()) return true;
  const std::string scheme = options_.tls_certificate.empty() ? "http://" : "https://";
  if (!starts_with(origin, scheme)) return false;
  const std::string_view rest = origin.substr(scheme.size());
  const Authority authority = authority_of(rest);
  const std::string port = !authority.port.empty() ? authority.port
                           : scheme == "http://"   ? "80"
                                                   : "443";
  return port == cat(port_) && is_our_host(rest);
}

Answerable<void> Access::check_origin(const Headers& headers) const {
  const std::string_view host = header(headers, "host");
  if (!is_our_host(host)) {
    return refuse(Problem::Kind::forbidden, "the name '", printable(host, 100),
                  "' is none of this server's: ask for it by its address, or start it with "
                  "--allowed-host NAME");
  }
  const std::string_view origin = header(headers, "origin");
  if (!origin.empty() && !is_allowed(origin)) {
    return refuse(Problem::Kind::forbidden, "pages of ", printable(origin, 100),
                  " may not use this server: if they shall, start it with --cors-origins ",
                  printable(origin, 100));
  }
  return {};
}

Answerable<void> Access::check_key(const Headers& headers) const {
  if (options_.api_keys.empty()) return {};
  std::string_view given = header(headers, "x-api-key");
  const std::string_view authorization = header(headers, "authorization");
  if (lower(authorization.substr(0, 7)) == "bearer ") given = trim(authorization.substr(7));
  bool good = false;
  for (const std::string& key : options_.api_keys) good = same_secret(given, key) || good;
  if (good) return {};
  return refuse(Problem::Kind::unauthorized, given.empty() ? "this server wants an API key, as in "
                                                             "Authorization: Bearer KEY"
                                                           : "the API key is wrong");
}

Headers Access::cors(const Headers& headers) const {
  const std::string_view origin = header(headers, "origin");
  if (origin.empty() || !is_allowed(origin)) return {};
  return {{"access-control-allow-origin", std::string(origin)},
          {"access-control-allow-methods", "GET, POST, DELETE, OPTIONS"},
          {"access-control-allow-headers",
           header(headers, "access-control-request-headers").empty()
               ? "authorization, content-type, x-api-key"
               : std::string(header(headers, "access-control-request-headers"))},
          {"access-control-expose-headers", "x-ignored-fields, x-hearth-served-by, retry-after"},
          {"vary", "origin"}};
}

}  // namespace hearth::server
