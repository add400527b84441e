#include "server/prompt_fields.h"

#include <algorithm>

namespace hearth::server {
namespace {

tl::unexpected<Problem> wrong(std::string field, std::string_view what) {
  return tl::unexpected<Problem>(Problem{.kind = Problem::Kind::bad_request,
                                         .message = cat("'", printable(field), "' ", what),
                                         .field = field});
}

std::optional<int32_t> token_of(const Json& json) {
  if (!json.is_number_integer()) return std::nullopt;
  // A negative number becomes one above every token.
  const uint64_t number =
      json.is_number_unsigned() ? json.get<uint64_t>() : static_cast<uint64_t>(json.get<int64_t>());
  if (number > INT32_MAX) return std::nullopt;
  return static_cast<int32_t>(number);
}

constexpr std::string_view kToken = "must be a token: a whole number from 0 to 2147483647";

bool is_text(const Json& json) { return json.is_string(); }

}  // namespace

Answerable<std::vector<int32_t>> check_tokens(const Json& json, std::string_view field) {
  if (!json.is_array() || json.size() > kMaxTokens)
    return wrong(std::string(field), cat("must be a list of at most ", kMaxTokens, " tokens"));
  std::vector<int32_t> tokens;
  tokens.reserve(json.size());
  for (size_t i = 0; i < json.size(); ++i) {
    const std::optional<int32_t> token = token_of(json[i]);
    if (!token) return wrong(cat(field, "[", i, "]"), kToken);
    tokens.push_back(*token);
  }
  return tokens;
}

Answerable<protocol::PlainPrompt> check_prompt(const Json& json, std::string_view field) {
  if (json.is_string()) return protocol::PlainPrompt{json.get<std::string>()};
  // {"prompt_string": ...} is llama-server's way to put images beside a text.
  if (json.is_object() && json.contains("prompt_string") && json["prompt_string"].is_string()) {
    if (json.contains("multimodal_data") && !json["multimodal_data"].empty())
      return wrong(cat(field, ".multimodal_data"), "must be empty: these models read texts only");
    return protocol::PlainPrompt{json["prompt_string"].get<std::string>()};
  }
  if (!json.is_array() || json.empty() || json.size() > kMaxTokens)
    return wrong(std::string(field), "must be a text, a list of tokens, or a list of both");
  const auto is_prompt = [](const Json& each) { return each.is_array() || each.is_object(); };
  if (json.size() == 1 && is_prompt(json[0])) return check_prompt(json[0], cat(field, "[0]"));
  if (json.size() > 1 && (std::all_of(json.begin(), json.end(), is_text) ||
                          std::any_of(json.begin(), json.end(), is_prompt)))
    return wrong(std::string(field), "has several prompts: send a request for each");
  protocol::PlainPrompt prompt;
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i].is_string()) {
      prompt.emplace_back(json[i].get<std::string>());
      continue;
    }
    const std::optional<int32_t> token = token_of(json[i]);
    if (!token) return wrong(cat(field, "[", i, "]"), kToken);
    if (prompt.empty() || std::holds_alternative<std::string>(prompt.back()))
      prompt.emplace_back(std::vector<int32_t>());
    std::get<std::vector<int32_t>>(prompt.back()).push_back(*token);
  }
  return prompt;
}

Answerable<std::vector<protocol::PromptPart>> check_inputs(const Json& json,
                                                           std::string_view field) {
  std::vector<protocol::PromptPart> inputs;
  const auto add = [&](const Json& each, const std::string& name) -> Answerable<void> {
    if (each.is_string()) {
      inputs.emplace_back(each.get<std::string>());
      return {};
    }
    auto tokens = check_tokens(each, name);
    if (!tokens) return tl::unexpected<Problem>(std::move(tokens).error());
    inputs.emplace_back(*std::move(tokens));
    return {};
  };
  const bool several =
      json.is_array() && !json.empty() && (json[0].is_string() || json[0].is_array());
  if (!several) {
    if (!json.is_string() && !json.is_array())
      return wrong(std::string(field), "must be a text, a list of texts, or tokens");
    const Answerable<void> added = add(json, std::string(field));
    if (!added) return tl::unexpected<Problem>(added.error());
    return inputs;
  }
  if (json.size() > kMaxInputs)
    return wrong(std::string(field), cat("must be a list of at most ", kMaxInputs, " texts"));
  for (size_t i = 0; i < json.size(); ++i) {
    const Answerable<void> added = add(json[i], cat(field, "[", i, "]"));
    if (!added) return tl::unexpected<Problem>(added.error());
  }
  return inputs;
}

std::vector<std::string> read_stops(Fields& fields, std::string_view name) {
  std::vector<std::string> stops = fields.texts(name, kMaxStops);
  std::erase(stops, "");
  return stops;
}

}  // namespace hearth::server
