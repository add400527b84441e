// Requests for answers in Ollama's native API.
#include "base/civil_time.h"
#include "server/messages.h"
#include "server/ollama.h"
#include "server/ollama_format.h"
#include "server/prompt_fields.h"
#include "server/sampling_fields.h"
#include "server/when_loaded.h"

namespace hearth::server::ollama {
namespace {

// What both kinds of requests begin with.
struct Begun {
  AnswerRequest request;
  ModelCard model;
  Format::Choice format;
  std::optional<double> keep_alive;
};

// `format`: "json" or a schema.
void read_form(Fields& fields, protocol::Form& form) {
  const Json* value = fields.any("format");
  if (value == nullptr || *value == "") return;
  if (*value == "json") {
    form.kind = protocol::Form::Kind::json_object;
  } else if (value->is_object()) {
    form = {protocol::Form::Kind::json_schema, value->dump()};
  } else {
    fields.fail("format", "must be \"json\" or a JSON schema");
  }
}

void read_chances(Fields& fields, Begun& begun) {
  begun.format.chances = fields.boolean("logprobs").value_or(false);
  const auto others = fields.integer("top_logprobs", 0, 20);
  if (begun.format.chances)
    begun.request.generate.chances = static_cast<uint32_t>(others.value_or(0));
}

Answerable<Begun> begin(Fields& fields, const Call& call, Server& server, bool is_chat) {
  Begun begun;
  const std::string name = fields.text("model", kMaxName).value_or("");
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  auto model = find_model(server.models, name);
  if (!model) return tl::unexpected<Problem>(std::move(model).error());
  begun.model = *std::move(model);
  begun.format.chat = is_chat;
  begun.format.model = name;
  begun.request.model = begun.model.name;
  begun.request.stream = fields.boolean("stream").value_or(true);
  begun.request.generate.client = call.client;
  begun.request.generate.take_apart = true;
  read_options(fields, begun.model, server.options, begun.request);
  read_form(fields, begun.request.generate.form);
  read_chances(fields, begun);
  begun.keep_alive = read_keep_alive(fields);
  // A full context ends an answer here: nothing is moved out of it.
  (void)fields.boolean("shift");
  fields.ignore({"shift"});
  return begun;
}

// `think`: true, false or how much. Templates have different names for it.
void read_thinking(Fields& fields, const ModelCard& model, Json& variables,
                   protocol::Generate& generate) {
  const Json* value = fields.any("think");
  bool on = true;
  if (value != nullptr && value->is_boolean()) {
    on = value->get<bool>();
  } else if (value != nullptr) {
    if (*value != "low" && *value != "medium" && *value != "high" && *value != "max")
      return fields.fail("think", "must be true, false, low, medium, high or max");
    // No template knows more than high.
    variables["reasoning_effort"] = *value == "max" ? Json("high") : *value;
  }
  if (value != nullptr && on && model.loaded && !model.loaded->thinks)
    return fields.fail("think", cat("is on, but model '", printable(model.name), "' cannot think"));
  variables["enable_thinking"] = on;
  variables["thinking"] = on;
  if (!on) generate.reasoning_tokens = 0;
}

// A record that holds no answer, only why it ends.
Json nothing(const Format::Choice& choice, int64_t now, std::string_view reason) {
  Json json{{"model", choice.model}, {"created_at", rfc3339(now)}};
  if (choice.chat) {
    json["message"] = {{"role", "assistant"}, {"content", ""}};
  } else {
    json["response"] = "";
  }
  json["done"] = true;
  json["done_reason"] = reason;
  return json;
}

// An empty request loads a model, or unloads it.
Plan load_or_unload(const Begun& begun, const Call& call, Server& server) {
  if (begun.keep_alive && *begun.keep_alive == 0) {
    server.models.unload(begun.model.name);
    return Reply::of(nothing(begun.format, call.now, "unload"));
  }
  return after_loading(begun.model.name, [choice = begun.format, now = call.now](const ModelCard&) {
    return nothing(choice, now, "load");
  });
}

// Nothing that stays behind is done before the whole request was found good.
Answerable<Plan> end(Fields& fields, Begun begun, bool is_empty, const Call& call, Server& server) {
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  if (begun.keep_alive) server.models.keep(begun.model.name, *begun.keep_alive);
  if (is_empty) return load_or_unload(begun, call, server);
  begun.request.ignored = fields.ignored();
  return AnswerPlan{std::move(begun.request), std::make_unique<Format>(std::move(begun.format))};
}

// The message in the form of OpenAI's chat completions.
Json openai_message(Fields& fields, const Json& message, size_t index) {
  if (!message.is_object()) return message;  // check_messages says what is wrong
  Json out = message;
  if (const auto role = out.find("role"); role != out.end() && role->is_string()) {
    for (char& letter : role->get_ref<std::string&>()) {
      if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
  }
  if (!out.contains("content")) out["content"] = "";
  if (const auto images = out.find("images");
      images != out.end() && !images->is_null() && !images->empty()) {
    const std::string field = cat("messages[", index, "].images");
    fields.fail(Problem{.kind = Problem::Kind::bad_request,
                        .message = cat("'", field, "' must be empty: these models read texts only"),
                        .field = field});
  }
  static constexpr std::pair<const char*, const char*> kNames[] = {
      {"thinking", "reasoning_content"}, {"tool_name", "name"}};
  for (const auto& [ours, theirs] : kNames) {
    const auto found = out.find(ours);
    if (found == out.end()) continue;
    Json value = *found;
    if (value != "") out[theirs] = std::move(value);
    out.erase(ours);
  }
  return out;
}

Answerable<Json> openai_messages(Fields& fields, const Json& messages) {
  Json list = Json::array();
  for (size_t i = 0; i < messages.size(); ++i)
    list.push_back(openai_message(fields, messages[i], i));
  return check_messages(list);
}

}  // namespace

Answerable<Plan> chat(const Call& call, Server& server) {
  Fields fields(call.body);
  auto begun = begin(fields, call, server, true);
  if (!begun) return tl::unexpected<Problem>(std::move(begun).error());
  protocol::Generate& generate = begun->request.generate;
  protocol::ChatPrompt prompt;
  read_thinking(fields, begun->model, prompt.variables, generate);
  read_tools(fields, prompt, generate);
  if (fields.boolean("truncate").value_or(true))
    generate.overflow = protocol::Overflow::drop_oldest;
  const Json* messages = fields.list("messages", kMaxMessages);
  const bool is_empty = messages == nullptr || messages->empty();
  if (!is_empty) {
    auto checked = openai_messages(fields, *messages);
    if (!checked) {
      fields.fail(std::move(checked).error());
    } else {
      // An answer that the client began is gone on with.
      prompt.continue_last =
          checked->back()["role"] == "assistant" && !checked->back().contains("tool_calls");
      prompt.variables["messages"] = *std::move(checked);
    }
  }
  generate.prompt = std::move(prompt);
  return end(fields, *std::move(begun), is_empty, call, server);
}

Answerable<Plan> generate(const Call& call, Server& server) {
  Fields fields(call.body);
  auto begun = begin(fields, call, server, false);
  if (!begun) return tl::unexpected<Problem>(std::move(begun).error());
  protocol::Generate& generate = begun->request.generate;
  std::string prompt = fields.text("prompt").value_or("");
  std::string suffix = fields.text("suffix").value_or("");
  const std::string system = fields.text("system").value_or("");
  const bool raw = fields.boolean("raw").value_or(false);
  fields.forbid("template", "must be empty: the model's own template is used, or none with 'raw'");
  fields.forbid("images", "must be empty: these models read texts only");
  std::vector<int32_t> context;
  if (const Json* given = fields.any("context"); given != nullptr) {
    auto tokens = check_tokens(*given, "context");
    if (!tokens)
      fields.fail(std::move(tokens).error());
    else
      context = *std::move(tokens);
  }
  if (raw && (!system.empty() || !context.empty())) {
    fields.fail(system.empty() ? "context" : "system",
                "must be empty with 'raw', which takes the prompt as it is");
  }
  // There is one message at most that could be left out, and it is the question.
  (void)fields.boolean("truncate");
  fields.ignore({"truncate"});
  const bool is_empty = prompt.empty() && suffix.empty();
  begun->format.context = generate.show_prompt = !raw;
  protocol::ChatPrompt conversation;
  read_thinking(fields, begun->model, conversation.variables, generate);
  if (raw) {
    fields.ignore({"suffix", "think"});
    generate.take_apart = false;
    generate.reasoning_tokens.reset();
    generate.prompt = protocol::PlainPrompt{std::move(prompt)};
  } else if (!suffix.empty()) {
    fields.ignore({"system", "context", "think"});
    generate.take_apart = false;
    generate.reasoning_tokens.reset();
    generate.prompt =
        protocol::InfillPrompt{.prefix = std::move(prompt), .suffix = std::move(suffix)};
  } else {
    Json& messages = conversation.variables["messages"] = Json::array();
    if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
    messages.push_back({{"role", "user"}, {"content", std::move(prompt)}});
    conversation.before = std::move(context);
    generate.prompt = std::move(conversation);
  }
  return end(fields, *std::move(begun), is_empty, call, server);
}

}  // namespace hearth::server::ollama
