#include "server/anthropic.h"

#include "server/api.h"
#include "server/messages.h"
#include "server/prompt_fields.h"
#include "server/sampling_fields.h"

namespace hearth::server {
namespace {

constexpr size_t kMaxName = 1024;  // bytes of a model's name

using Choice = protocol::ToolUse::Choice;

std::vector<std::string> read_tool_list(Fields& fields, protocol::ChatPrompt& prompt) {
  std::vector<std::string> names;
  Json list = Json::array();
  for (Fields& tool : fields.objects("tools", kMaxTools)) {
    const std::string type = tool.text("type").value_or("custom");
    if (type != "custom") {
      tool.fail("type", cat("is '", printable(type),
                            "', a tool of Anthropic's own: here only tools of type custom work"));
    }
    tool.require("input_schema");
    Json function = read_function(tool, "input_schema");
    if (fields.problem()) return {};
    names.push_back(function["function"]["name"]);
    list.push_back(std::move(function));
  }
  if (!list.empty()) prompt.variables["tools"] = std::move(list);
  return names;
}

void read_tools(Fields& fields, protocol::ChatPrompt& prompt, protocol::ToolUse& use) {
  const std::vector<std::string> names = read_tool_list(fields, prompt);
  auto choice = fields.object("tool_choice");
  if (!choice) return;
  choice->require("type");
  constexpr Choice kChoices[]{Choice::automatic, Choice::required, Choice::required, Choice::none};
  const auto type = choice->choice("type", {"auto", "any", "tool", "none"});
  if (!type) return;
  use.choice = kChoices[*type];
  if (*type == 2) {
    choice->require("name");
    use.only = choice->text("name").value_or("");
  }
  if (const auto single = choice->boolean("disable_parallel_tool_use")) use.parallel = !*single;
  check_tool_choice(fields, use, names);
}

void read_thinking(Fields& fields, protocol::ChatPrompt& prompt, protocol::Generate& generate) {
  auto thinking = fields.object("thinking");
  if (!thinking) return;
  thinking->require("type");
  const auto type = thinking->choice("type", {"enabled", "disabled", "adaptive", "between_tools"});
  if (!type) return;
  prompt.variables["enable_thinking"] = *type != 1;
  if (*type != 0) return;
  if (const auto budget = thinking->integer("budget_tokens", 0, INT64_MAX))
    generate.reasoning_tokens = static_cast<uint64_t>(*budget);
}

void read_output(Fields& fields, protocol::ChatPrompt& prompt, protocol::Generate& generate) {
  if (auto config = fields.object("output_config")) {
    read_effort(*config, "effort", prompt);
    // Effort says how much, `thinking` whether at all.
    prompt.variables.erase("enable_thinking");
    if (auto format = config->object("format")) read_form(*format, generate);
  }
  // As it was called before.
  if (auto format = fields.object("output_format")) read_form(*format, generate);
}

// What both routes understand.
void read_prompt(Fields& fields, protocol::Generate& generate) {
  protocol::ChatPrompt prompt;
  read_anthropic_messages(fields, prompt);
  read_tools(fields, prompt, generate.tools);
  read_output(fields, prompt, generate);
  read_thinking(fields, prompt, generate);
  generate.prompt = std::move(prompt);
}

Answerable<Plan> messages(const Call& call, Server& server) {
  Fields fields(call.body);
  AnswerRequest request;
  protocol::Generate& generate = request.generate;
  request.model = fields.text("model", kMaxName).value_or("");
  request.stream = fields.boolean("stream").value_or(false);
  read_sampling(fields, server.options, request);
  fields.require("max_tokens");
  if (const auto most = fields.integer("max_tokens", 1, INT64_MAX))
    generate.max_tokens = static_cast<uint64_t>(*most);
  generate.stops = read_stops(fields, "stop_sequences");
  read_prompt(fields, generate);
  generate.take_apart = true;
  generate.client = call.client;
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  request.ignored = fields.ignored();
  return AnswerPlan{std::move(request), anthropic_format()};
}

Answerable<Plan> count_tokens(const Call& call, Server&) {
  Fields fields(call.body);
  AskPlan plan;
  plan.model = fields.text("model", kMaxName).value_or("");
  protocol::Generate generate;
  read_prompt(fields, generate);
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  plan.ask = protocol::Render{std::move(generate.prompt)};
  plan.shape = [](const protocol::Tell& tell, const ModelCard&) -> Json {
    const auto* text = std::get_if<protocol::Text>(&tell);
    return {{"input_tokens", text == nullptr ? 0 : text->tokens}};
  };
  plan.ignored = fields.ignored();
  return plan;
}

}  // namespace

std::vector<Route> anthropic_routes() {
  return {{"POST", "/v1/messages", Dialect::anthropic, messages},
          {"POST", "/v1/messages/count_tokens", Dialect::anthropic, count_tokens}};
}

}  // namespace hearth::server
