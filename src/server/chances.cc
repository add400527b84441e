#include "server/chances.h"

#include <algorithm>

namespace hearth::server {
namespace {

Json without_others(const protocol::Chance& chance, bool with_id) {
  Json json = Json::object();
  if (with_id) json["id"] = chance.token;
  json["token"] = chance.bytes;
  // JSON has no infinity; this is what OpenAI writes for it.
  json["logprob"] = std::max(chance.log_probability, -9999.0f);
  Json& bytes = json["bytes"] = Json::array();
  for (const char byte : chance.bytes) bytes.push_back(static_cast<uint8_t>(byte));
  return json;
}

}  // namespace

Json chance_json(const protocol::Chance& chance, bool with_id) {
  Json json = without_others(chance, with_id);
  Json& others = json["top_logprobs"] = Json::array();
  for (const protocol::Chance& other : chance.others)
    others.push_back(without_others(other, with_id));
  return json;
}

Json chances_json(std::span<const protocol::Chance> chances, bool with_id) {
  Json list = Json::array();
  for (const protocol::Chance& chance : chances) list.push_back(chance_json(chance, with_id));
  return list;
}

}  // namespace hearth::server
