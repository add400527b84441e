#include <algorithm>

#include "base/utf8.h"
#include "server/openai.h"
#include "server/sampling_fields.h"

namespace hearth::server {
namespace {

constexpr uint64_t kMaxChoices = 128;
constexpr size_t kMaxStops = 64;
constexpr double kMaxBias = 100;

// {"50256": -100}, as OpenAI has it; false for never.
void read_logit_bias(Fields& fields, protocol::Generate& generate) {
  const Json* biases = fields.any("logit_bias");
  if (biases == nullptr) return;
  const auto add = [&](std::variant<int32_t, std::string> token, const Json& bias) {
    if (bias == false) {
      generate.logit_bias.push_back({std::move(token), -1e9f});
    } else if (bias.is_number() && bias.get<double>() >= -1e9 && bias.get<double>() <= 1e9) {
      const double value = bias.get<double>();
      generate.logit_bias.push_back(
          {std::move(token), value <= -kMaxBias ? -1e9f : static_cast<float>(value)});
    } else {
      fields.fail("logit_bias", "must give numbers from -100 to 100, or false");
    }
  };
  const auto token_of = [](const std::string& text) -> std::variant<int32_t, std::string> {
    int32_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error == std::errc() && end == text.data() + text.size() && !text.empty()) return id;
    return text;
  };
  if (biases->is_object()) {
    for (const auto& [token, bias] : biases->items()) add(token_of(token), bias);
  } else if (biases->is_array()) {  // llama-server's form
    for (const Json& pair : *biases) {
      if (!pair.is_array() || pair.size() != 2 ||
          !(pair[0].is_number_integer() || pair[0].is_string()))
        return fields.fail("logit_bias", "must be pairs of a token and a number");
      if (pair[0].is_string()) {
        add(pair[0].get<std::string>(), pair[1]);
      } else {
        const int64_t id = pair[0].get<int64_t>();
        if (id < 0 || id > INT32_MAX)
          return fields.fail("logit_bias", "names a token that is none");
        add(static_cast<int32_t>(id), pair[1]);
      }
    }
  } else {
    fields.fail("logit_bias", "must be an object of tokens and numbers");
  }
}

}  // namespace

void read_common(Fields& fields, const Options& options, AnswerRequest& request) {
  request.model = fields.text("model", 512).value_or("");
  read_sampling(fields, options, request);
  request.generate.max_tokens = options.max_tokens;
  for (const char* const name : {"max_tokens", "max_completion_tokens", "n_predict"}) {
    const auto most = fields.integer(name, -1, INT32_MAX);
    if (!most) continue;
    if (*most == 0 && name != std::string_view("n_predict"))
      fields.fail(name, "must be at least 1");
    request.generate.max_tokens.reset();
    if (*most >= 0) request.generate.max_tokens = static_cast<uint64_t>(*most);
  }
  request.generate.stops = fields.texts("stop", kMaxStops);
  if (const auto n = fields.integer("n", 1, kMaxChoices))
    request.choices = static_cast<uint64_t>(*n);
  request.stream = fields.boolean("stream").value_or(false);
  request.generate.ignore_eos = fields.boolean("ignore_eos").value_or(false);
  request.generate.reuse = fields.boolean("cache_prompt").value_or(true);
  read_logit_bias(fields, request.generate);
}

void ignore_known(Fields& fields) {
  fields.ignore({"user", "metadata", "store", "service_tier", "prediction", "prompt_cache_key",
                 "prompt_cache_retention", "safety_identifier", "verbosity", "web_search_options",
                 "moderation", "id_slot"});
}

Json usage_of(std::span<const Answer> answers) {
  uint64_t prompt = 0, cached = 0, written = 0, reasoning = 0;
  for (const Answer& answer : answers) {
    prompt = std::max(prompt, answer.finished.prompt_tokens);
    written += answer.finished.answer_tokens;
    reasoning += answer.finished.reasoning_tokens;
  }
  if (!answers.empty()) cached = answers.front().finished.remembered_tokens;
  return {{"prompt_tokens", prompt},
          {"completion_tokens", written},
          {"total_tokens", prompt + written},
          {"prompt_tokens_details", {{"cached_tokens", cached}}},
          {"completion_tokens_details", {{"reasoning_tokens", reasoning}}}};
}

Json timings_of(const protocol::Finished& f) {
  const uint64_t read = f.prompt_tokens - std::min(f.prompt_tokens, f.remembered_tokens);
  const auto rate = [](uint64_t count, double seconds) {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0;
  };
  const auto each = [](uint64_t count, double seconds) {
    return count > 0 ? 1000 * seconds / static_cast<double>(count) : 0;
  };
  return {{"cache_n", f.remembered_tokens},
          {"prompt_n", read},
          {"prompt_ms", 1000 * f.prompt_seconds},
          {"prompt_per_token_ms", each(read, f.prompt_seconds)},
          {"prompt_per_second", rate(read, f.prompt_seconds)},
          {"predicted_n", f.answer_tokens},
          {"predicted_ms", 1000 * f.answer_seconds},
          {"predicted_per_token_ms", each(f.answer_tokens, f.answer_seconds)},
          {"predicted_per_second", rate(f.answer_tokens, f.answer_seconds)},
          {"waited_ms", 1000 * f.waited_seconds}};
}

std::string_view finish_reason_of(const protocol::Finished& finished) {
  switch (finished.finish) {
    case protocol::Finish::end:
    case protocol::Finish::stop:
      return finished.calls > 0 ? "tool_calls" : "stop";
    default:
      return "length";
  }
}

Json origin_of(const AnswerFacts& facts) {
  return {{"served_by", "local"}, {"bytes_sent", 0}, {"model", facts.model}};
}

namespace {

Json bytes_of(std::string_view text) {
  Json bytes = Json::array();
  for (const char c : text) bytes.push_back(static_cast<uint8_t>(c));
  return bytes;
}

Json logprob_of(const protocol::Chance& chance) {
  return {{"id", chance.token},
          {"token", chance.bytes},
          {"logprob", chance.log_probability},
          {"bytes", bytes_of(chance.bytes)}};
}

}  // namespace

Json chat_logprobs(std::span<const protocol::Chance> chances) {
  Json content = Json::array();
  for (const protocol::Chance& chance : chances) {
    Json each = logprob_of(chance);
    Json& others = each["top_logprobs"] = Json::array();
    for (const protocol::Chance& other : chance.others) others.push_back(logprob_of(other));
    content.push_back(std::move(each));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json plain_logprobs(std::span<const protocol::Chance> chances, size_t offset) {
  Json tokens = Json::array(), logprobs = Json::array(), tops = Json::array(),
       offsets = Json::array();
  for (const protocol::Chance& chance : chances) {
    tokens.push_back(chance.bytes);
    logprobs.push_back(chance.log_probability);
    Json top = Json::object();
    for (const protocol::Chance& other : chance.others)
      top[is_valid_utf8(other.bytes) ? other.bytes : printable(other.bytes)] =
          other.log_probability;
    tops.push_back(std::move(top));
    offsets.push_back(offset);
    offset += chance.bytes.size();
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

}  // namespace hearth::server
