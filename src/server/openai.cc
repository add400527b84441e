// OpenAI's dialect: models, chat completions, completions, embeddings; and rerank, as Jina and
// others have it.
#include "server/openai.h"

#include <algorithm>

#include "server/api.h"
#include "server/messages.h"
#include "server/prompt_fields.h"
#include "server/sampling_fields.h"
#include "server/vectors.h"

namespace hearth::server {
namespace {

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
  read_effort(fields, "reasoning_effort", prompt);
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

Answerable<Plan> completion(const Call& call, Server& server) {
  Fields fields(call.body);
  AnswerRequest request;
  request.generate.client = call.client;
  read_common(fields, server.options, request);
  if (!request.generate.max_tokens && !fields.has("max_tokens")) request.generate.max_tokens = 16;
  fields.require("prompt");
  std::string echo;
  if (const Json* const json = fields.any("prompt")) {
    auto prompt = check_prompt(*json, "prompt");
    if (!prompt) {
      fields.fail(std::move(prompt).error());
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

Answerable<Json> embeddings_json(const protocol::Embedded& embedded, const std::string& model,
                                 bool as_base64, std::optional<uint64_t> dimensions) {
  Json data = Json::array();
  uint64_t tokens = 0;
  for (size_t i = 0; i < embedded.vectors.size(); ++i) {
    Json vector = embedded.vectors[i];
    if (!as_base64 || dimensions) {
      const auto floats = floats_of(embedded.vectors[i], dimensions);
      if (!floats) return tl::unexpected<Problem>(floats.error());
      vector = as_base64 ? Json(base64_of(*floats)) : Json(*floats);
    }
    data.push_back({{"object", "embedding"}, {"index", i}, {"embedding", std::move(vector)}});
    tokens += i < embedded.tokens.size() ? embedded.tokens[i] : 0;
  }
  return Json{{"object", "list"},
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
    auto inputs = check_inputs(*input, "input");
    if (!inputs) {
      fields.fail(std::move(inputs).error());
    } else {
      embed.inputs = *std::move(inputs);
    }
  }
  const auto encoding = fields.choice("encoding_format", {"float", "base64"});
  const auto length = fields.integer("dimensions", 1, INT32_MAX);
  const auto dimensions =
      length ? std::optional<uint64_t>(static_cast<uint64_t>(*length)) : std::nullopt;
  ignore_known(fields);
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  plan.ignored = fields.ignored();
  plan.ask = std::move(embed);
  plan.shape = [as_base64 = encoding == size_t{1}, dimensions](
                   const protocol::Tell& tell, const ModelCard& card) -> Answerable<Json> {
    return embeddings_json(std::get<protocol::Embedded>(tell), card.name, as_base64, dimensions);
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
  plan.shape = [documents = rerank.documents, most, plain, with_text](
                   const protocol::Tell& tell, const ModelCard& card) -> Json {
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
