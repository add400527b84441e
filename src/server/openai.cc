// OpenAI's dialect: models, chat completions, completions, embeddings; and rerank, as Jina and
// others have it.
#include "server/openai.h"

#include <cstring>

#include "base/base64.h"
#include "server/api.h"
#include "server/messages.h"
#include "server/sampling_fields.h"

namespace hearth::server {
namespace {

constexpr size_t kMaxInputs = 2048;
constexpr size_t kMaxDocuments = 10000;
constexpr int64_t kMaxTopLogprobs = 20;

Json model_json(const ModelCard& card) {
  Json json{{"id", card.name},
            {"object", "model"},
            {"created", card.modified},
            {"owned_by", "hearth"},
            {"aliases", card.aliases},
            {"status",
             {{"value", card.state == ModelCard::State::ready     ? "loaded"
                        : card.state == ModelCard::State::loading ? "loading"
                        : card.state == ModelCard::State::failed  ? "failed"
                                                                  : "unloaded"}}},
            {"meta", {{"size", card.file_bytes}}}};
  if (card.loaded) {
    json["meta"]["n_ctx"] = card.loaded->context;
    json["meta"]["n_ctx_train"] = card.loaded->trained_context;
    json["meta"]["n_params"] = card.loaded->parameters;
    json["meta"]["n_embd"] = card.loaded->width;
    json["meta"]["n_vocab"] = card.loaded->vocabulary;
  }
  return json;
}

Answerable<Plan> list_models(const Call&, Server& server) {
  Json data = Json::array();
  for (const ModelCard& card : server.models.list()) data.push_back(model_json(card));
  return Reply::of({{"object", "list"}, {"data", std::move(data)}});
}

Answerable<Plan> show_model(const Call& call, Server& server) {
  const auto card = server.models.find(call.captures[0]);
  if (card && !call.captures[0].empty()) return Reply::of(model_json(*card));
  return tl::unexpected<Problem>(
      Problem{.kind = Problem::Kind::not_found,
              .message = cat("there is no model '", printable(call.captures[0], 100), "' here"),
              .field = "model"});
}

bool wants_usage(Fields& fields) {
  auto options = fields.object("stream_options");
  return options && options->boolean("include_usage").value_or(false);
}

// Grammars beside response_format, as llama-server takes them.
void read_grammar(Fields& fields, protocol::Generate& generate) {
  if (auto grammar = fields.text("grammar"); grammar && !grammar->empty())
    generate.form = {protocol::Form::Kind::gbnf, *std::move(grammar)};
  if (const Json* const schema = fields.any("json_schema"); schema != nullptr)
    generate.form = {protocol::Form::Kind::json_schema, schema->dump()};
  if (auto regex = fields.text("regex"); regex && !regex->empty())
    generate.form = {protocol::Form::Kind::regex, *std::move(regex)};
}

void read_chat_prompt(Fields& fields, AnswerRequest& request) {
  protocol::ChatPrompt prompt;
  fields.require("messages");
  if (const Json* const messages = fields.list("messages", kMaxMessages)) {
    auto checked = check_messages(*messages);
    if (!checked) return fields.fail(std::move(checked).error());
    prompt.variables["messages"] = *std::move(checked);
  }
  read_tools(fields, prompt, request.generate);
  if (const Json* const more = fields.any("chat_template_kwargs")) {
    if (!more->is_object()) return fields.fail("chat_template_kwargs", "must be an object");
    for (const auto& [name, value] : more->items()) {
      if (name != "messages" && name != "tools") prompt.variables[name] = value;
    }
  }
  if (const auto thinks = fields.boolean("enable_thinking"))
    prompt.variables["enable_thinking"] = *thinks;
  if (const auto effort = fields.choice("reasoning_effort",
                                        {"none", "minimal", "low", "medium", "high", "xhigh"})) {
    constexpr const char* kEfforts[] = {"none", "minimal", "low", "medium", "high", "high"};
    prompt.variables["reasoning_effort"] = kEfforts[*effort];
    if (*effort == 0) prompt.variables["enable_thinking"] = false;
  }
  const auto adds = fields.boolean("add_generation_prompt");
  prompt.continue_last = fields.boolean("continue_final_message").value_or(false);
  if (prompt.continue_last && adds.value_or(false)) {
    fields.fail("continue_final_message",
                "and 'add_generation_prompt' exclude each other: send one of them");
  }
  if (adds && !prompt.continue_last) prompt.variables["add_generation_prompt"] = *adds;
  if (const auto most = fields.integer("thinking_budget_tokens", -1, INT32_MAX); most && *most >= 0)
    request.generate.reasoning_tokens = static_cast<uint64_t>(*most);
  request.generate.prompt = std::move(prompt);
}

Answerable<Plan> chat(const Call& call, Server& server) {
  Fields fields(call.body);
  AnswerRequest request;
  request.generate.client = call.client;
  request.generate.take_apart = true;
  read_common(fields, server.options, request);
  read_chat_prompt(fields, request);
  read_response_format(fields, request.generate);
  read_grammar(fields, request.generate);
  const bool with_usage = wants_usage(fields);
  const auto top = fields.integer("top_logprobs", 0, kMaxTopLogprobs);
  if (fields.boolean("logprobs").value_or(false)) {
    request.generate.chances = static_cast<uint32_t>(top.value_or(0));
  } else if (top.value_or(0) > 0) {
    fields.fail("top_logprobs", "needs 'logprobs' to be true");
  }
  const auto format = fields.choice("reasoning_format", {"auto", "deepseek", "none"});
  if (format == size_t{2}) request.generate.take_apart = false;
  if (const Json* const kinds = fields.any("modalities");
      kinds != nullptr && *kinds != Json::array({"text"}))
    fields.fail("modalities", "must be [\"text\"]: answers are text only");
  fields.forbid("audio", "is not supported: answers are text only");
  fields.forbid("functions", "is out of date: send 'tools'");
  fields.forbid("function_call", "is out of date: send 'tool_choice'");
  ignore_known(fields);
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  request.ignored = fields.ignored();
  return AnswerPlan{std::move(request), chat_format(with_usage)};
}

// A text, tokens, or a mixed list; a list of one text counts as that text.
std::optional<protocol::PlainPrompt> plain_prompt(const Json& json) {
  protocol::PlainPrompt prompt;
  if (json.is_string()) return protocol::PlainPrompt{json.get<std::string>()};
  if (!json.is_array() || json.empty()) return std::nullopt;
  if (json.size() == 1 && json[0].is_array()) return plain_prompt(json[0]);
  for (const Json& part : json) {
    if (part.is_string()) {
      prompt.emplace_back(part.get<std::string>());
      if (json.size() > 1 && json[0].is_string() && json[1].is_string()) return std::nullopt;
    } else if (part.is_number_integer() && part.get<int64_t>() >= 0 &&
               part.get<int64_t>() <= INT32_MAX) {
      if (prompt.empty() || !std::holds_alternative<std::vector<int32_t>>(prompt.back()))
        prompt.emplace_back(std::vector<int32_t>{});
      std::get<std::vector<int32_t>>(prompt.back()).push_back(part.get<int32_t>());
    } else {
      return std::nullopt;
    }
  }
  return prompt;
}

Answerable<Plan> completion(const Call& call, Server& server) {
  Fields fields(call.body);
  AnswerRequest request;
  request.generate.client = call.client;
  read_common(fields, server.options, request);
  if (!request.generate.max_tokens && !fields.has("max_tokens")) request.generate.max_tokens = 16;
  fields.require("prompt");
  std::string echo;
  if (const Json* const json = fields.any("prompt")) {
    auto prompt = plain_prompt(*json);
    if (!prompt) {
      fields.fail("prompt", "must be one text, or one list of tokens: send several one by one");
    } else {
      const bool wants_echo = fields.boolean("echo").value_or(false);
      if (wants_echo && !json->is_string()) fields.fail("echo", "needs 'prompt' to be a text");
      if (wants_echo && json->is_string()) echo = json->get<std::string>();
      request.generate.prompt = *std::move(prompt);
    }
  }
  if (auto suffix = fields.text("suffix"); suffix && !suffix->empty()) {
    const auto* const plain = std::get_if<protocol::PlainPrompt>(&request.generate.prompt);
    if (plain == nullptr || plain->size() != 1 ||
        !std::holds_alternative<std::string>(plain->front())) {
      fields.fail("suffix", "needs 'prompt' to be a text");
    } else {
      request.generate.prompt =
          protocol::InfillPrompt{std::get<std::string>(plain->front()), *suffix, {}, ""};
    }
  }
  if (const auto top = fields.integer("logprobs", 0, kMaxTopLogprobs))
    request.generate.chances = static_cast<uint32_t>(*top);
  if (const auto best = fields.integer("best_of", 1, 128);
      best && static_cast<uint64_t>(*best) != request.choices)
    fields.fail("best_of", "must be equal to 'n': answers are not ranked");
  read_response_format(fields, request.generate);
  read_grammar(fields, request.generate);
  const bool with_usage = wants_usage(fields);
  ignore_known(fields);
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  request.ignored = fields.ignored();
  return AnswerPlan{std::move(request), completion_format(with_usage, std::move(echo))};
}

// Texts, or lists of tokens.
std::optional<std::vector<protocol::PromptPart>> inputs_of(const Json& json) {
  std::vector<protocol::PromptPart> inputs;
  if (json.is_string()) return std::vector<protocol::PromptPart>{json.get<std::string>()};
  if (!json.is_array() || json.empty()) return std::nullopt;
  const bool numbers = json[0].is_number();
  const auto add_tokens = [&](const Json& list) {
    std::vector<int32_t> tokens;
    for (const Json& each : list) {
      if (!each.is_number_integer() || each.get<int64_t>() < 0 || each.get<int64_t>() > INT32_MAX)
        return false;
      tokens.push_back(each.get<int32_t>());
    }
    inputs.emplace_back(std::move(tokens));
    return true;
  };
  if (numbers) return add_tokens(json) ? std::optional(inputs) : std::nullopt;
  for (const Json& each : json) {
    if (each.is_string()) {
      inputs.emplace_back(each.get<std::string>());
    } else if (!each.is_array() || !add_tokens(each)) {
      return std::nullopt;
    }
  }
  return inputs;
}

std::vector<float> floats_of(const std::string& vector) {
  const std::string bytes = from_base64(vector).value_or("");
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

Json embeddings_json(const protocol::Embedded& embedded, const std::string& model, bool as_base64) {
  Json data = Json::array();
  uint64_t tokens = 0;
  for (size_t i = 0; i < embedded.vectors.size(); ++i) {
    const Json vector =
        as_base64 ? Json(embedded.vectors[i]) : Json(floats_of(embedded.vectors[i]));
    data.push_back({{"object", "embedding"}, {"index", i}, {"embedding", vector}});
    tokens += i < embedded.tokens.size() ? embedded.tokens[i] : 0;
  }
  return {{"object", "list"},
          {"data", std::move(data)},
          {"model", model},
          {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
}

Answerable<Plan> embeddings(const Call& call, Server&) {
  Fields fields(call.body);
  AskPlan plan;
  plan.model = fields.text("model", 512).value_or("");
  protocol::Embed embed;
  fields.require("input");
  if (const Json* const input = fields.any("input")) {
    auto inputs = inputs_of(*input);
    if (!inputs || inputs->size() > kMaxInputs) {
      fields.fail("input", cat("must be a text, a list of at most ", kMaxInputs,
                               " texts, or such of tokens"));
    } else {
      embed.inputs = *std::move(inputs);
    }
  }
  const auto encoding = fields.choice("encoding_format", {"float", "base64"});
  fields.forbid("dimensions", "cannot be chosen: the model's vectors have a fixed length");
  ignore_known(fields);
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  plan.ignored = fields.ignored();
  plan.ask = std::move(embed);
  plan.shape = [as_base64 = encoding == size_t{1}](const protocol::Tell& tell,
                                                   const ModelCard& card) {
    return embeddings_json(std::get<protocol::Embedded>(tell), card.name, as_base64);
  };
  return plan;
}

Answerable<Plan> rerank(const Call& call, Server&) {
  Fields fields(call.body);
  AskPlan plan;
  plan.model = fields.text("model", 512).value_or("");
  protocol::Rerank rerank;
  fields.require("query");
  rerank.query = fields.text("query").value_or("");
  const bool plain = fields.has("texts");  // as text-embeddings-inference has it
  if (!plain) fields.require("documents");
  rerank.documents = fields.texts(plain ? "texts" : "documents", kMaxDocuments);
  if (!fields.problem() && rerank.documents.empty())
    fields.fail(plain ? "texts" : "documents", "must hold at least one text");
  const auto most = fields.integer("top_n", 1, INT32_MAX);
  const bool with_text = fields.boolean(plain ? "return_text" : "return_documents").value_or(false);
  ignore_known(fields);
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  plan.ignored = fields.ignored();
  plan.shape = [documents = rerank.documents, most, plain, with_text](const protocol::Tell& tell,
                                                                      const ModelCard& card) {
    const auto& ranked = std::get<protocol::Ranked>(tell);
    std::vector<size_t> order(ranked.scores.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return ranked.scores[a] != ranked.scores[b] ? ranked.scores[a] > ranked.scores[b] : a < b;
    });
    if (most && order.size() > static_cast<size_t>(*most)) order.resize(static_cast<size_t>(*most));
    Json results = Json::array();
    for (const size_t i : order) {
      Json result{{"index", i}, {plain ? "score" : "relevance_score", ranked.scores[i]}};
      if (with_text && plain) result["text"] = documents[i];
      if (with_text && !plain) result["document"] = {{"text", documents[i]}};
      results.push_back(std::move(result));
    }
    if (plain) return results;
    return Json{{"model", card.name},
                {"object", "list"},
                {"usage", {{"prompt_tokens", ranked.tokens}, {"total_tokens", ranked.tokens}}},
                {"results", std::move(results)}};
  };
  plan.ask = std::move(rerank);
  return plan;
}

}  // namespace

std::vector<Route> openai_routes() {
  std::vector<Route> routes;
  const auto add = [&](const char* method, const char* pattern, Handler handler) {
    routes.push_back({method, pattern, Dialect::openai, std::move(handler), false});
  };
  add("GET", "/v1/models/{*}", show_model);
  for (const char* const path : {"/v1/models", "/models"}) {
    add("GET", path, list_models);
    routes.back().open = true;
  }
  for (const char* const path : {"/v1/chat/completions", "/chat/completions"})
    add("POST", path, chat);
  add("POST", "/v1/completions", completion);
  add("POST", "/v1/embeddings", embeddings);
  for (const char* const path : {"/v1/rerank", "/rerank", "/v1/reranking", "/reranking"})
    add("POST", path, rerank);
  return routes;
}

}  // namespace hearth::server
