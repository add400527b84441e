#include "server/responses.h"

#include "os/system.h"
#include "server/messages.h"
#include "server/sampling_fields.h"

namespace hearth::server {
namespace {

constexpr size_t kMaxName = 1024;  // bytes of a model's name

using Store = std::shared_ptr<ResponseStore>;

// What is asked for, and what the response repeats of it.
struct Asked {
  AnswerRequest request{};
  ResponseSetup setup{};
};

Json or_else(const Json* value, const Json& otherwise) {
  return value == nullptr ? otherwise : *value;
}

// The shortest decimal of a float: 0.8, where its double has 17 digits.
Json decimal(float value) { return Json::parse(cat(static_cast<double>(value)), nullptr, false); }

void read_previous(Fields& fields, const Store& store, Turns& turns, std::string& previous) {
  previous = fields.text("previous_response_id", kMaxName).value_or("");
  if (previous.empty()) return;
  const auto all = store->conversation(previous);
  std::optional<Problem> problem;
  if (all.empty()) {
    problem = Problem{
        .kind = Problem::Kind::not_found,
        .message = cat("response '", printable(previous), "', or one before it, is not known here ",
                       "(any more): send the whole conversation as 'input'")};
  }
  size_t items = 0;
  for (const auto& entry : all) {
    const Json& output = entry->response["output"];
    items += entry->input.size() + output.size();
    if (items > kMaxMessages) return fields.fail("previous_response_id", "has too many items");
    if (!problem) problem = read_kept_items(entry->input, *store, turns);
    if (!problem) problem = read_kept_items(output, *store, turns);
  }
  if (!problem) return;
  problem->field = "previous_response_id";
  fields.fail(*std::move(problem));
}

// Instructions, what was said before, and what is said now.
void read_conversation(Fields& fields, const Store& store, protocol::ChatPrompt& prompt,
                       ResponseSetup& setup) {
  fields.forbid("conversation", "is not kept here: use 'previous_response_id', or send all items");
  fields.forbid("prompt", "names a prompt that OpenAI keeps: send it as 'instructions'");
  Turns turns;
  const auto instructions = fields.text("instructions");
  if (instructions && !instructions->empty()) turns.system(*instructions);
  read_previous(fields, store, turns, setup.previous);
  setup.input = read_response_input(fields, *store, turns);
  if (turns.messages().empty()) fields.fail("input", "must be a text or a list of items");
  prompt.variables["messages"] = turns.messages();
  setup.echo["instructions"] = instructions ? Json(*instructions) : Json();
  setup.echo["previous_response_id"] = setup.previous.empty() ? Json() : Json(setup.previous);
}

void read_reasoning(Fields& fields, protocol::ChatPrompt& prompt, ResponseSetup& setup) {
  Json echo{{"effort", nullptr}, {"summary", nullptr}};
  if (auto reasoning = fields.object("reasoning")) {
    read_effort(*reasoning, "effort", prompt);
    for (const char* const name : {"summary", "generate_summary"}) {
      if (!reasoning->choice(name, {"auto", "concise", "detailed"})) continue;
      setup.summary = true;
      echo["summary"] = *reasoning->any(name);
    }
    echo["effort"] = or_else(reasoning->any("effort"), nullptr);
  }
  setup.echo["reasoning"] = std::move(echo);
}

void read_format(Fields& fields, protocol::Generate& generate, Json& echo) {
  Json given{{"type", "text"}};
  if (auto text = fields.object("text")) {
    given = or_else(text->any("format"), given);
    if (auto format = text->object("format")) read_form(*format, generate);
  }
  echo["text"] = {{"format", std::move(given)}};
}

void read_include(Fields& fields, AnswerRequest& request, Json& echo) {
  const auto top = fields.integer("top_logprobs", 0, 20);
  bool wanted = top.value_or(0) > 0;
  for (const std::string& name : fields.texts("include", 64)) {
    if (name == "message.output_text.logprobs") {
      wanted = true;
    } else {
      fields.ignore_part(cat("include[", name, "]"));
    }
  }
  if (wanted) request.generate.chances = static_cast<uint32_t>(top.value_or(0));
  echo["top_logprobs"] = top.value_or(0);
}

void read_metadata(Fields& fields, Json& echo) {
  echo["metadata"] = Json::object();
  const Json* metadata = fields.any("metadata");
  if (metadata == nullptr) return;
  bool texts = metadata->is_object();
  for (const Json& value : *metadata) texts = texts && value.is_string();
  if (!texts) return fields.fail("metadata", "must be an object with texts");
  echo["metadata"] = *metadata;
}

// What counting needs of a request too.
void read_prompt(Fields& fields, const Store& store, Asked& asked) {
  protocol::ChatPrompt prompt;
  protocol::Generate& generate = asked.request.generate;
  Json& echo = asked.setup.echo;
  asked.request.model = fields.text("model", kMaxName).value_or("");
  read_conversation(fields, store, prompt, asked.setup);
  asked.setup.tools = read_response_tools(fields, prompt, generate.tools);
  read_reasoning(fields, prompt, asked.setup);
  read_format(fields, generate, echo);
  const auto truncation = fields.choice("truncation", {"disabled", "auto"});
  if (truncation == size_t{1}) generate.overflow = protocol::Overflow::drop_oldest;
  generate.prompt = std::move(prompt);
  echo["tools"] = or_else(fields.any("tools"), Json::array());
  echo["tool_choice"] = or_else(fields.any("tool_choice"), "auto");
  echo["parallel_tool_calls"] = generate.tools.parallel;
  echo["truncation"] = truncation == size_t{1} ? "auto" : "disabled";
}

Answerable<Plan> create(const Call& call, Server& server, const Store& store) {
  Fields fields(call.body);
  Asked asked;
  AnswerRequest& request = asked.request;
  protocol::Generate& generate = request.generate;
  Json& echo = asked.setup.echo;
  fields.forbid("background", "cannot be had: a response ends with the request that asks for it");
  read_prompt(fields, store, asked);
  read_sampling(fields, server.options, request);
  request.stream = fields.boolean("stream").value_or(false);
  const auto most = fields.integer("max_output_tokens", 1, INT64_MAX);
  if (most) generate.max_tokens = static_cast<uint64_t>(*most);
  read_include(fields, request, echo);
  read_metadata(fields, echo);
  const bool kept = fields.boolean("store").value_or(true);
  generate.take_apart = true;
  generate.client = call.client;
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  echo["max_output_tokens"] = most ? Json(*most) : Json();
  echo["temperature"] = or_else(fields.any("temperature"), decimal(generate.sampling.temperature));
  echo["top_p"] = or_else(fields.any("top_p"), decimal(generate.sampling.top_p));
  echo["store"] = kept;
  echo["service_tier"] = "default";
  request.ignored = fields.ignored();
  if (kept) asked.setup.store = store;
  return AnswerPlan{std::move(request), response_format(std::move(asked.setup))};
}

Answerable<Plan> count_tokens(const Call& call, Server&, const Store& store) {
  Fields fields(call.body);
  Asked asked;
  read_prompt(fields, store, asked);
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  AskPlan plan;
  plan.model = std::move(asked.request.model);
  plan.ask = protocol::Render{std::move(asked.request.generate.prompt)};
  plan.shape = [](const protocol::Tell& tell, const ModelCard&) -> Json {
    const auto* text = std::get_if<protocol::Text>(&tell);
    return {{"object", "response.input_tokens"},
            {"input_tokens", text == nullptr ? 0 : text->tokens}};
  };
  plan.ignored = fields.ignored();
  return plan;
}

}  // namespace

std::vector<Route> responses_routes(Store store) {
  std::vector<Route> routes = kept_responses_routes(store);
  routes.push_back(
      {"POST", "/v1/responses", Dialect::openai,
       [store](const Call& call, Server& server) { return create(call, server, store); }});
  routes.push_back({"POST", "/v1/responses/input_tokens", Dialect::openai,
                    [store = std::move(store)](const Call& call, Server& server) {
                      return count_tokens(call, server, store);
                    }});
  return routes;
}

std::vector<Route> responses_routes() {
  return responses_routes(std::make_shared<ResponseStore>(os::monotonic_seconds));
}

}  // namespace hearth::server
