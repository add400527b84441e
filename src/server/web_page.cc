#include "server/web_page.h"

namespace hearth::server {
namespace {

// The page may run nothing and ask for nothing but what came with it.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; manifest-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types dompurify";

constexpr std::string_view kNoPage =
    "hearth is serving. The page to chat on is not in this program: it is built with npm (npm ci "
    "and npm run build in web/), and put in when hearth is built after that.\n";

std::string type_of(std::string_view path) {
  constexpr std::pair<std::string_view, const char*> kTypes[] = {
      {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},   {".svg", "image/svg+xml"},
      {".md", "text/plain; charset=utf-8"},  {".webmanifest", "application/manifest+json"}};
  for (const auto& [end, type] : kTypes) {
    if (ends_with(path, end)) return type;
  }
  return "application/octet-stream";
}

Reply page_of(std::string type, std::string_view bytes, bool for_ever) {
  return {.type = std::move(type),
          .body = std::string(bytes),
          .headers = {
              {"content-security-policy", kPolicy},
              {"referrer-policy", "no-referrer"},
              {"x-dns-prefetch-control", "off"},
              {"cross-origin-opener-policy", "same-origin"},
              {"cache-control", for_ever ? "public, max-age=31536000, immutable" : "no-cache"}}};
}

}  // namespace

std::vector<Route> web_routes() {
  std::vector<Route> routes;
  const auto add = [&](std::string_view path, Reply reply) {
    routes.push_back(
        {"GET", std::string(path), Dialect::openai,
         [reply = std::move(reply)](const Call&, Server&) -> Answerable<Plan> { return reply; },
         true});
  };
  for (const Asset& asset : web_assets()) {
    const bool hashed = starts_with(asset.path, "/assets/");
    add(asset.path, page_of(type_of(asset.path), asset.bytes, hashed));
    if (asset.path == "/index.html") add("/", page_of(type_of(asset.path), asset.bytes, false));
  }
  if (web_assets().empty()) add("/", page_of("text/plain; charset=utf-8", kNoPage, false));
  return routes;
}

}  // namespace hearth::server
