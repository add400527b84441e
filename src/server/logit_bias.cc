#include "server/logit_bias.h"

#include <charconv>

namespace hearth::server {
namespace {

constexpr size_t kMaxBiases = 10000;
constexpr double kForbidden = -1e9;

std::optional<float> bias_of(const Json& json) {
  if (json == false) return static_cast<float>(kForbidden);
  if (!json.is_number()) return std::nullopt;
  const double bias = json.get<double>();
  if (!(bias >= kForbidden && bias <= -kForbidden)) return std::nullopt;
  return static_cast<float>(bias);
}

// A key of an object is the number of a token if it is a number at all.
std::variant<int32_t, std::string> token_of_key(const std::string& key) {
  int32_t token = 0;
  const char* const end = key.data() + key.size();
  const auto [rest, error] = std::from_chars(key.data(), end, token);
  if (error == std::errc() && rest == end && token >= 0) return token;
  return key;
}

std::optional<protocol::LogitBias> pair_of(const Json& json) {
  if (!json.is_array() || json.size() != 2) return std::nullopt;
  const std::optional<float> bias = bias_of(json[1]);
  if (!bias) return std::nullopt;
  if (json[0].is_string()) return protocol::LogitBias{json[0].get<std::string>(), *bias};
  if (!json[0].is_number_integer()) return std::nullopt;
  const auto token = json[0].get<double>();
  if (token < 0 || token > INT32_MAX) return std::nullopt;
  return protocol::LogitBias{static_cast<int32_t>(token), *bias};
}

}  // namespace

std::vector<protocol::LogitBias> read_logit_bias(Fields& fields, std::string_view name) {
  std::vector<protocol::LogitBias> biases;
  const Json* json = fields.any(name);
  if (json == nullptr) return biases;
  if ((!json->is_object() && !json->is_array()) || json->size() > kMaxBiases) {
    fields.fail(name, cat("must be an object or a list of at most ", kMaxBiases, " biases"));
    return biases;
  }
  if (json->is_object()) {
    for (const auto& [key, value] : json->items()) {
      if (const std::optional<float> bias = bias_of(value)) {
        biases.push_back({token_of_key(key), *bias});
      } else {
        fields.fail(cat(name, ".", key), "must be a number from -1e9 to 1e9, or false");
      }
    }
    return biases;
  }
  for (size_t i = 0; i < json->size(); ++i) {
    if (auto bias = pair_of((*json)[i])) {
      biases.push_back(*std::move(bias));
    } else {
      fields.fail(cat(name, "[", i, "]"),
                  "must be [token or text, number from -1e9 to 1e9, or false]");
    }
  }
  return biases;
}

}  // namespace hearth::server
