#include "server/sampling_fields.h"

#include <algorithm>

#include "server/messages.h"

namespace hearth::server {
namespace {

void set(std::optional<double> from, float& to) {
  if (from) to = static_cast<float>(*from);
}

void set(std::optional<int64_t> from, int32_t& to) {
  if (from) to = static_cast<int32_t>(*from);
}

}  // namespace

void read_sampling(Fields& fields, const Options& options, AnswerRequest& request) {
  sample::SamplingParams& sampling = request.generate.sampling;
  sampling = options.sampling;
  set(fields.number("temperature", 0, 100), sampling.temperature);
  set(fields.integer("top_k", -1, INT32_MAX), sampling.top_k);
  if (sampling.top_k < 0) sampling.top_k = 0;
  set(fields.number("top_p", 0, 1), sampling.top_p);
  set(fields.number("min_p", 0, 1), sampling.min_p);
  set(fields.number("repeat_penalty", 0.001, 100), sampling.repeat_penalty);
  set(fields.integer("repeat_last_n", -1, INT32_MAX), sampling.penalty_window);
  set(fields.number("presence_penalty", -100, 100), sampling.presence_penalty);
  set(fields.number("frequency_penalty", -100, 100), sampling.frequency_penalty);
  request.seed = fields.seed("seed");
  if (request.seed == UINT64_MAX) request.seed.reset();  // -1
}

void read_tools(Fields& fields, protocol::ChatPrompt& prompt, protocol::Generate& generate) {
  std::vector<std::string> names;
  if (const Json* tools = fields.list("tools", kMaxTools); tools != nullptr && !tools->empty()) {
    auto checked = check_tools(*tools);
    if (!checked) return fields.fail(checked.error());
    for (const Json& tool : *checked) names.push_back(tool["function"]["name"]);
    prompt.variables["tools"] = *std::move(checked);
  }
  if (const auto parallel = fields.boolean("parallel_tool_calls"))
    generate.tools.parallel = *parallel;
  const Json* choice = fields.any("tool_choice");
  if (choice == nullptr) return;
  using Choice = protocol::ToolUse::Choice;
  if (*choice == "auto") {
    generate.tools.choice = Choice::automatic;
  } else if (*choice == "none") {
    generate.tools.choice = Choice::none;
  } else if (*choice == "required" || *choice == "any") {
    generate.tools.choice = Choice::required;
  } else {
    // {"type": "function", "function": {"name": ...}}, or the name beside the type.
    const Json* named = choice->is_object() ? &*choice : nullptr;
    if (named != nullptr && named->contains("function")) named = &(*named)["function"];
    if (named == nullptr || !named->is_object() || !named->contains("name") ||
        !(*named)["name"].is_string()) {
      return fields.fail("tool_choice", "must be auto, none, required or a function's name");
    }
    generate.tools.choice = Choice::required;
    generate.tools.only = (*named)["name"];
  }
  check_tool_choice(fields, generate.tools, names);
}

Json read_function(Fields& tool, std::string_view schema_name) {
  constexpr size_t kMaxName = 256;
  tool.require("name");
  const auto name = tool.text("name", kMaxName);
  if (name && name->empty()) tool.fail("name", "must not be empty");
  const auto description = tool.text("description");
  const Json* schema = tool.any(schema_name);
  if (schema != nullptr && !schema->is_object()) tool.fail(schema_name, "must be a JSON schema");
  if (tool.problem()) return nullptr;
  Json function{{"name", *name}};
  if (description) function["description"] = *description;
  if (schema != nullptr) {
    function["parameters"] = *schema;
  } else {
    function["parameters"] = {{"type", "object"}, {"properties", Json::object()}};
  }
  return {{"type", "function"}, {"function", std::move(function)}};
}

void check_tool_choice(Fields& fields, const protocol::ToolUse& use,
                       const std::vector<std::string>& names) {
  if (use.choice != protocol::ToolUse::Choice::required) return;
  if (names.empty()) return fields.fail("tool_choice", "asks for a call, but 'tools' is empty");
  if (!use.only.empty() && std::find(names.begin(), names.end(), use.only) == names.end())
    fields.fail("tool_choice", "names a function that is not in 'tools'");
}

namespace {

// `nested`: the schema stands in a member of its own.
void read_form(Fields& format, bool nested, protocol::Generate& generate) {
  format.require("type");
  const auto type = format.choice("type", {"text", "json_object", "json_schema"});
  if (!type || *type == 0) return;
  generate.form.kind = protocol::Form::Kind::json_object;
  const Json* schema = format.any("schema");  // as llama-server and others take it
  std::optional<Fields> inner;
  if (*type == 2 && schema == nullptr && nested) {
    format.require("json_schema");
    inner = format.object("json_schema");
    if (!inner) return;
  }
  Fields& holder = inner ? *inner : format;
  if (*type == 2) {
    holder.require("schema");
    schema = holder.any("schema");
    // A grammar keeps any schema strictly, whatever it is called.
    for (const char* const note : {"name", "description", "strict"}) (void)holder.any(note);
  }
  if (schema == nullptr) return;
  if (!schema->is_object() && !schema->is_boolean())
    return holder.fail("schema", "must be a JSON schema");
  generate.form = {protocol::Form::Kind::json_schema, text_of(*schema)};
}

}  // namespace

void read_response_format(Fields& fields, protocol::Generate& generate) {
  if (auto format = fields.object("response_format")) read_form(*format, true, generate);
}

void read_form(Fields& format, protocol::Generate& generate) { read_form(format, false, generate); }

void read_effort(Fields& fields, std::string_view name, protocol::ChatPrompt& prompt) {
  constexpr const char* kEfforts[]{"none", "minimal", "low", "medium", "high", "xhigh", "max"};
  const auto effort =
      fields.choice(name, {"none", "minimal", "low", "medium", "high", "xhigh", "max"});
  if (!effort) return;
  prompt.variables["enable_thinking"] = *effort > 0;
  prompt.variables["reasoning_effort"] = kEfforts[*effort];
}

}  // namespace hearth::server
