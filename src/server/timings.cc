#include "server/timings.h"

#include <algorithm>

namespace hearth::server {
namespace {

void add(Json& json, std::string_view name, uint64_t tokens, double seconds) {
  const auto count = static_cast<double>(tokens);
  const double ms = std::max(0.0, seconds) * 1000;
  json[cat(name, "_n")] = tokens;
  json[cat(name, "_ms")] = ms;
  json[cat(name, "_per_token_ms")] = tokens == 0 ? 0.0 : ms / count;
  json[cat(name, "_per_second")] = ms == 0.0 ? 0.0 : count / ms * 1000;
}

}  // namespace

Json timings_json(const protocol::Finished& finished) {
  Json json{{"cache_n", finished.remembered_tokens}};
  const uint64_t read =
      finished.prompt_tokens - std::min(finished.prompt_tokens, finished.remembered_tokens);
  add(json, "prompt", read, finished.prompt_seconds);
  add(json, "predicted", finished.answer_tokens, finished.answer_seconds);
  return json;
}

}  // namespace hearth::server
