#include "server/router.h"

#include "base/utf8.h"

namespace hearth::server {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What stands at each {} of the pattern; nullopt when the path does not follow it.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> captures;
  while (!pattern.empty()) {
    if (starts_with(pattern, "{*}")) {
      auto rest = decode_url(path, false);
      if (!rest) return std::nullopt;
      captures.push_back(*std::move(rest));
      return captures;
    }
    if (starts_with(pattern, "{}")) {
      const size_t length = std::min(path.find('/'), path.size());
      auto part = decode_url(path.substr(0, length), false);
      if (length == 0 || !part) return std::nullopt;
      captures.push_back(*std::move(part));
      path.remove_prefix(length);
      pattern.remove_prefix(2);
      continue;
    }
    if (path.empty() || path.front() != pattern.front()) return std::nullopt;
    path.remove_prefix(1);
    pattern.remove_prefix(1);
  }
  if (!path.empty()) return std::nullopt;
  return captures;
}

}  // namespace

std::optional<std::string> decode_url(std::string_view text, bool query) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += query && text[i] == '+' ? ' ' : text[i];
    }
  }
  if (!is_valid_utf8(out)) return std::nullopt;
  return out;
}

std::optional<Target> parse_target(std::string_view target) {
  if (target.empty() || target.front() != '/') return std::nullopt;
  target = target.substr(0, target.find('#'));
  Target parsed;
  const size_t question = target.find('?');
  parsed.path = target.substr(0, question);
  if (question == target.npos) return parsed;
  for (const std::string_view part : split(target.substr(question + 1), '&')) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    const auto name = decode_url(part.substr(0, equals), true);
    const auto value = decode_url(equals == part.npos ? "" : part.substr(equals + 1), true);
    if (!name || !value) return std::nullopt;
    parsed.query[*name] = *value;
  }
  return parsed;
}

Answerable<Router::Found> Router::find(std::string_view method, std::string_view path) const {
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  std::string others;
  for (const Route& route : routes_) {
    auto captures = match(route.pattern, path);
    if (!captures) continue;
    if (route.method == wanted || route.method == method)
      return Found{&route, *std::move(captures)};
    others += cat(others.empty() ? "" : ", ", route.method);
  }
  if (!others.empty()) {
    return refuse(Problem::Kind::bad_method, printable(path), " takes ", others, ", not ",
                  printable(method, 20));
  }
  std::vector<std::string_view> patterns;
  for (const Route& route : routes_) patterns.push_back(route.pattern);
  const std::string_view meant = nearest(path, patterns);
  return refuse(Problem::Kind::not_found, "there is no ", printable(path),
                meant.empty() ? std::string() : cat("; did you mean ", meant, "?"));
}

}  // namespace hearth::server
