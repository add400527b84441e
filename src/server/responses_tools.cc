#include <algorithm>

#include "server/messages.h"
#include "server/responses.h"
#include "server/sampling_fields.h"

namespace hearth::server {
namespace {

using Choice = protocol::ToolUse::Choice;

struct Tools {
  Json list = Json::array();
  ToolOrigins origins{};
};

void add(Json function, ToolOrigin origin, Tools& tools) {
  std::string name = name_in_space(origin.space, origin.name);
  function["function"]["name"] = name;
  tools.origins.insert_or_assign(std::move(name), std::move(origin));
  tools.list.push_back(std::move(function));
}

void add_function(Fields& tool, const std::string& space, Tools& tools) {
  Json function = read_function(tool, "parameters");
  if (tool.problem()) return;
  std::string name = function["function"]["name"];
  add(std::move(function), {.name = std::move(name), .space = space}, tools);
}

// A tool that takes plain text becomes a function with one text.
void add_custom(Fields& tool, const std::string& space, Tools& tools) {
  tool.require("name");
  const std::string name = tool.text("name", 256).value_or("");
  if (name.empty()) tool.fail("name", "must not be empty");
  std::string description = tool.text("description").value_or("");
  if (auto format = tool.object("format")) {
    format->require("type");
    if (format->choice("type", {"text", "grammar"}) == size_t{1}) {
      // It is told to the model; its answer is not held to it.
      description +=
          cat(description.empty() ? "" : "\n\n", "The input follows this grammar (",
              format->text("syntax").value_or(""), "):\n", format->text("definition").value_or(""));
    }
  }
  if (tool.problem()) return;
  const Json parameters{{"type", "object"},
                        {"properties", {{"input", {{"type", "string"}}}}},
                        {"required", Json::array({"input"})}};
  add({{"type", "function"},
       {"function", {{"name", name}, {"description", description}, {"parameters", parameters}}}},
      {.name = name, .space = space, .custom = true}, tools);
}

// Whether tools of this type, which are OpenAI's to run, are left out: coding agents name them in
// every request, and do without them.
bool is_left_out(std::string_view type) {
  return starts_with(type, "web_search") || type == "image_generation" || type == "tool_search";
}

void add_tool(Fields& fields, Fields& tool, const std::string& space, Tools& tools) {
  tool.require("type");
  const std::string type = tool.text("type").value_or("");
  if (type == "function") return add_function(tool, space, tools);
  if (type == "custom") return add_custom(tool, space, tools);
  if (type == "namespace" && space.empty()) {
    tool.require("name");
    const std::string name = tool.text("name", 256).value_or("");
    (void)tool.any("description");
    if (name.empty()) tool.fail("name", "must not be empty");
    tool.require("tools");
    for (Fields& inner : tool.objects("tools", kMaxTools)) {
      add_tool(fields, inner, name, tools);
      if (fields.problem()) return;
    }
    return;
  }
  if (is_left_out(type)) return fields.ignore_part(cat("tools[", type, "]"));
  tool.fail("type", cat("is '", printable(type),
                        "', a tool that is not to be had here: use function, custom or namespace"));
}

// {"type": "allowed_tools", "mode", "tools": [{"type", "name"}]}: the model sees no others.
void keep_allowed(Fields& choice, Tools& tools, protocol::ToolUse& use) {
  choice.require("mode");
  use.choice = choice.choice("mode", {"auto", "required"}) == size_t{1} ? Choice::required
                                                                        : Choice::automatic;
  choice.require("tools");
  std::set<std::string> allowed;
  for (Fields& tool : choice.objects("tools", kMaxTools)) {
    (void)tool.any("type");
    const std::string space = tool.text("namespace").value_or("");
    allowed.insert(name_in_space(space, tool.text("name").value_or("")));
  }
  Json kept = Json::array();
  for (Json& tool : tools.list) {
    if (allowed.contains(tool["function"]["name"].get_ref<const std::string&>()))
      kept.push_back(std::move(tool));
  }
  tools.list = std::move(kept);
}

void read_choice(Fields& fields, Tools& tools, protocol::ToolUse& use) {
  const Json* given = fields.any("tool_choice");
  if (given == nullptr) return;
  if (given->is_string()) {
    constexpr Choice kChoices[]{Choice::automatic, Choice::none, Choice::required};
    if (const auto word = fields.choice("tool_choice", {"auto", "none", "required"}))
      use.choice = kChoices[*word];
    return;
  }
  auto choice = fields.object("tool_choice");
  if (!choice) return;
  choice->require("type");
  const std::string type = choice->text("type").value_or("");
  if (type == "allowed_tools") return keep_allowed(*choice, tools, use);
  if (type != "function" && type != "custom")
    return choice->fail("type", "must be function, custom or allowed_tools");
  choice->require("name");
  use.choice = Choice::required;
  use.only =
      name_in_space(choice->text("namespace").value_or(""), choice->text("name").value_or(""));
}

}  // namespace

std::string name_in_space(std::string_view space, std::string_view name) {
  if (space.empty()) return std::string(name);
  return cat(space, ends_with(space, "__") ? "" : "__", name);
}

ToolOrigins read_response_tools(Fields& fields, protocol::ChatPrompt& prompt,
                                protocol::ToolUse& use) {
  Tools tools;
  for (Fields& tool : fields.objects("tools", kMaxTools)) {
    add_tool(fields, tool, "", tools);
    if (fields.problem()) return {};
  }
  read_choice(fields, tools, use);
  if (const auto parallel = fields.boolean("parallel_tool_calls")) use.parallel = *parallel;
  std::vector<std::string> names;
  for (const Json& tool : tools.list) names.push_back(tool["function"]["name"]);
  check_tool_choice(fields, use, names);
  if (!tools.list.empty()) prompt.variables["tools"] = std::move(tools.list);
  return std::move(tools.origins);
}

}  // namespace hearth::server
