// Which route a request takes.
#pragma once

#include "server/api.h"

namespace hearth::server {

class Router {
 public:
  explicit Router(std::vector<Route> routes) : routes_(std::move(routes)) {}

  struct Found {
    const Route* route = nullptr;
    std::vector<std::string> captures;  // decoded
  };
  // Problems: not_found, which names what may have been meant, and bad_method.
  [[nodiscard]] Answerable<Found> find(std::string_view method, std::string_view path) const;

  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

// "%41" and, in a query, "+"; nullopt for what is no such escape or gives no UTF-8.
[[nodiscard]] std::optional<std::string> decode_url(std::string_view text, bool query);

struct Target {
  std::string path;  // not decoded
  std::map<std::string, std::string> query;
};
// "/path?a=b&c"; nullopt when it is none.
[[nodiscard]] std::optional<Target> parse_target(std::string_view target);

}  // namespace hearth::server
