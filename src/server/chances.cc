#include "server/chances.h"

#include <algorithm>

namespace hearth::server {
namespace {

Json logprob_of(const protocol::Chance& chance) {
  Json bytes = Json::array();
  for (const char byte : chance.bytes) bytes.push_back(static_cast<uint8_t>(byte));
  // JSON has no infinity; this is what OpenAI writes for it.
  return {{"token", chance.bytes},
          {"logprob", std::max(chance.log_probability, -9999.0f)},
          {"bytes", std::move(bytes)}};
}

}  // namespace

Json logprobs_of(std::span<const protocol::Chance> chances) {
  Json all = Json::array();
  for (const protocol::Chance& chance : chances) {
    Json one = logprob_of(chance);
    Json& others = one["top_logprobs"] = Json::array();
    for (const protocol::Chance& other : chance.others) others.push_back(logprob_of(other));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace hearth::server
