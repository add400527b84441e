// The page to chat on, as the build put it into the program (cmake/web_page.cmake).
#pragma once

#include <span>
#include <string_view>

#include "server/api.h"

namespace hearth::server {

struct Asset {
  std::string_view path;  // as in /assets/index-1a2b.js
  std::string_view bytes;
};

// Empty when the page was not built.
[[nodiscard]] std::span<const Asset> web_assets();

// One route for each asset, and / for index.html. Browsers ask for them before anybody could give a
// key, so they need none.
[[nodiscard]] std::vector<Route> web_routes();

}  // namespace hearth::server
