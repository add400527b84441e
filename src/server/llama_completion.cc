// Requests for completions in llama-server's own API.
#include <algorithm>

#include "server/llama.h"
#include "server/llama_format.h"
#include "server/logit_bias.h"
#include "server/prompt_fields.h"
#include "server/samplers.h"
#include "server/sampling_fields.h"

namespace hearth::server::llama {
namespace {

constexpr int64_t kMaxChoices = 128;
constexpr int64_t kMaxChances = 100;
constexpr size_t kMaxMembers = 256;       // of response_fields
constexpr size_t kMaxFiles = 1024;        // around an infill
constexpr uint64_t kRandom = 0xFFFFFFFF;  // as a seed: a new one each time

struct Begun {
  AnswerRequest request;
  std::vector<std::string> samplers;
  Format::Choice format;
};

// How long the answer may be, and what ends it.
void read_limits(Fields& fields, const Options& options, protocol::Generate& generate) {
  generate.max_tokens = options.max_tokens;
  for (const char* const name : {"max_completion_tokens", "max_tokens", "n_predict"}) {
    // -1: until the model ends, -2: until the context is full.
    if (const auto most = fields.integer(name, -2, INT32_MAX))
      generate.max_tokens = *most < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(*most));
  }
  generate.stops = read_stops(fields, "stop");
  generate.ignore_eos = fields.boolean("ignore_eos").value_or(false);
}

void read_form(Fields& fields, protocol::Form& form) {
  if (auto grammar = fields.text("grammar"); grammar && !grammar->empty())
    form = {protocol::Form::Kind::gbnf, *std::move(grammar)};
  const Json* schema = fields.any("json_schema");
  if (schema == nullptr) return;
  if (form.kind != protocol::Form::Kind::any)
    return fields.fail("json_schema", "stands beside 'grammar': send one of them");
  if (!schema->is_object() && !schema->is_boolean())
    return fields.fail("json_schema", "must be a JSON schema");
  form = {protocol::Form::Kind::json_schema, schema->dump()};
}

// `lora`: adapters that it leaves out are off.
void read_adapters(Fields& fields, const Options& options, protocol::Generate& generate) {
  const size_t count = options.adapters.size();
  const Json* list = fields.list("lora", 256);
  if (list == nullptr) return;
  std::vector<protocol::AdapterScale> scales;
  for (size_t i = 0; i < count; ++i) scales.push_back({static_cast<uint32_t>(i), 0});
  for (size_t i = 0; i < list->size(); ++i) {
    Fields one((*list)[i], cat("lora[", i, "]"));
    one.require("id");
    const auto id = one.integer("id", 0, INT32_MAX);
    const auto scale = one.number("scale", -1000, 1000);
    if (id && static_cast<uint64_t>(*id) >= count)
      one.fail("id", cat("is ", *id, ", but the server has ", count, " adapters"));
    if (one.problem()) return fields.fail(*one.problem());
    scales[static_cast<size_t>(*id)].scale = static_cast<float>(scale.value_or(1));
  }
  generate.adapters = std::move(scales);
}

// Members that matter to another engine only, or that only make an answer shorter.
void read_ignored(Fields& fields) {
  for (const char* const name : {"id_slot", "n_keep", "n_discard", "n_indent", "n_cache_reuse",
                                 "t_max_prompt_ms", "t_max_predict_ms", "sse_ping_interval"}) {
    (void)fields.integer(name, -1, INT32_MAX);
    fields.ignore({name});
  }
}

// What the answer looks like.
void read_output(Fields& fields, Begun& begun) {
  AnswerRequest& request = begun.request;
  Format::Choice& format = begun.format;
  request.stream = fields.boolean("stream").value_or(false);
  format.tokens = fields.boolean("return_tokens").value_or(false);
  format.timings = fields.boolean("timings_per_token").value_or(false);
  format.progress = fields.boolean("return_progress").value_or(false);
  format.members = fields.texts("response_fields", kMaxMembers);
  const char* const name = fields.has("n_probs") ? "n_probs" : "logprobs";
  const int64_t chances = fields.integer(name, 0, kMaxChances).value_or(0);
  format.chances = chances > 0;
  if (chances > 0) request.generate.chances = static_cast<uint32_t>(chances);
  if (fields.boolean("post_sampling_probs").value_or(false) && chances > 0) {
    fields.fail("post_sampling_probs",
                "must be false: chances are told as the model saw them, before sampling");
  }
  const char* const choices = fields.has("n_cmpl") ? "n_cmpl" : "n";
  request.choices = static_cast<uint64_t>(fields.integer(choices, 1, kMaxChoices).value_or(1));
}

void read_settings(Fields& fields, const Call& call, const Options& options, Begun& begun) {
  AnswerRequest& request = begun.request;
  protocol::Generate& generate = request.generate;
  generate.client = call.client;
  read_sampling(fields, options, request);
  if (request.seed == kRandom) request.seed.reset();
  begun.samplers = read_samplers(fields, generate.sampling);
  refuse_other_samplers(fields);
  read_limits(fields, options, generate);
  read_form(fields, generate.form);
  read_adapters(fields, options, generate);
  generate.logit_bias = read_logit_bias(fields, "logit_bias");
  generate.reuse = fields.boolean("cache_prompt").value_or(true);
  read_output(fields, begun);
  read_ignored(fields);
}

Answerable<Plan> end(Fields& fields, Begun begun) {
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  begun.request.ignored = fields.ignored();
  begun.format.settings = settings_json(begun.request, begun.samplers);
  return AnswerPlan{std::move(begun.request), std::make_unique<Format>(std::move(begun.format))};
}

// `input_extra`: [{"filename", "text"}]
std::vector<std::pair<std::string, std::string>> read_files(Fields& fields) {
  std::vector<std::pair<std::string, std::string>> files;
  const Json* list = fields.list("input_extra", kMaxFiles);
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    Fields file((*list)[i], cat("input_extra[", i, "]"));
    file.require("text");
    auto name = file.text("filename");
    auto text = file.text("text");
    if (file.problem()) {
      fields.fail(*file.problem());
      return files;
    }
    files.emplace_back(name.value_or("tmp"), *std::move(text));
  }
  return files;
}

}  // namespace

Json settings_json(const AnswerRequest& request, const std::vector<std::string>& samplers) {
  const protocol::Generate& generate = request.generate;
  const sample::SamplingParams& sampling = generate.sampling;
  const bool gbnf = generate.form.kind == protocol::Form::Kind::gbnf;
  const Json most = generate.max_tokens ? Json(*generate.max_tokens) : Json(-1);
  Json biases = Json::array();
  for (const protocol::LogitBias& bias : generate.logit_bias) {
    const Json token = std::visit([](const auto& held) { return Json(held); }, bias.token);
    biases.push_back({{"bias", bias.bias}, {"token", token}});
  }
  Json adapters = Json::array();
  if (generate.adapters) {
    for (const protocol::AdapterScale& each : *generate.adapters)
      adapters.push_back({{"id", each.id}, {"scale", each.scale}});
  }
  return {{"seed", request.seed.value_or(kRandom)},
          {"temperature", sampling.temperature},
          {"dynatemp_range", 0.0},
          {"dynatemp_exponent", 1.0},
          {"top_k", sampling.top_k},
          {"top_p", sampling.top_p},
          {"min_p", sampling.min_p},
          {"top_n_sigma", -1.0},
          {"xtc_probability", 0.0},
          {"xtc_threshold", 0.1},
          {"typical_p", 1.0},
          {"repeat_last_n", sampling.penalty_window},
          {"repeat_penalty", sampling.repeat_penalty},
          {"presence_penalty", sampling.presence_penalty},
          {"frequency_penalty", sampling.frequency_penalty},
          {"dry_multiplier", 0.0},
          {"mirostat", 0},
          {"stop", generate.stops},
          {"max_tokens", most},
          {"n_predict", most},
          {"n_keep", 0},
          {"ignore_eos", generate.ignore_eos},
          {"stream", request.stream},
          {"logit_bias", std::move(biases)},
          {"n_probs", generate.chances.value_or(0)},
          {"min_keep", 0},
          {"grammar", gbnf ? generate.form.text : ""},
          {"samplers", samplers},
          {"lora", std::move(adapters)}};
}

Json default_settings(const Options& options) {
  const Json nothing = Json::object();
  Fields fields(nothing);
  Begun begun;
  read_settings(fields, {}, options, begun);
  return settings_json(begun.request, begun.samplers);
}

Answerable<Plan> complete(const Call& call, Server& server) {
  Fields fields(call.body);
  const auto model = chosen_model(fields, call, server.models);
  if (!model) return tl::unexpected<Problem>(model.error());
  Begun begun;
  begun.request.model = model->name;
  fields.require("prompt");
  if (const Json* given = fields.any("prompt"); given != nullptr) {
    auto prompt = check_prompt(*given, "prompt");
    if (!prompt) {
      fields.fail(std::move(prompt).error());
    } else {
      begun.request.generate.prompt = *std::move(prompt);
      begun.format.prompt = *given;
    }
  }
  read_settings(fields, call, server.options, begun);
  return end(fields, std::move(begun));
}

Answerable<Plan> infill(const Call& call, Server& server) {
  Fields fields(call.body);
  const auto model = chosen_model(fields, call, server.models);
  if (!model) return tl::unexpected<Problem>(model.error());
  Begun begun;
  begun.request.model = model->name;
  fields.require("input_prefix");
  fields.require("input_suffix");
  protocol::InfillPrompt prompt{.prefix = fields.text("input_prefix").value_or(""),
                                .suffix = fields.text("input_suffix").value_or("")};
  prompt.files = read_files(fields);
  prompt.middle = fields.text("prompt").value_or("");
  begun.format.prompt = prompt.middle;
  begun.request.generate.prompt = std::move(prompt);
  read_settings(fields, call, server.options, begun);
  return end(fields, std::move(begun));
}

}  // namespace hearth::server::llama
