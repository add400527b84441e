#include <algorithm>

#include "base/utf8.h"
#include "server/chances.h"
#include "server/logit_bias.h"
#include "server/openai.h"
#include "server/prompt_fields.h"
#include "server/sampling_fields.h"

namespace hearth::server {
namespace {

constexpr uint64_t kMaxChoices = 128;

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
  request.generate.stops = read_stops(fields, "stop");
  if (const auto n = fields.integer("n", 1, kMaxChoices))
    request.choices = static_cast<uint64_t>(*n);
  request.stream = fields.boolean("stream").value_or(false);
  request.generate.ignore_eos = fields.boolean("ignore_eos").value_or(false);
  request.generate.reuse = fields.boolean("cache_prompt").value_or(true);
  request.generate.logit_bias = read_logit_bias(fields, "logit_bias");
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

Json chat_logprobs(std::span<const protocol::Chance> chances) {
  return {{"content", chances_json(chances, true)}, {"refusal", nullptr}};
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
