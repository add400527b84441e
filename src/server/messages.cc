#include "server/messages.h"

namespace hearth::server {
namespace {

tl::unexpected<Problem> wrong(std::string field, std::string_view what) {
  return tl::unexpected<Problem>(Problem{.kind = Problem::Kind::bad_request,
                                         .message = cat("'", printable(field), "' ", what),
                                         .field = field});
}

// A text, or a list of parts that are texts.
Answerable<std::string> text_of_content(const Json& content, const std::string& field) {
  if (content.is_null()) return std::string();
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) return wrong(field, "must be a text or a list of parts");
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    const Json& part = content[i];
    const std::string type = part.is_object() ? part.value("type", Json("")).dump() : "";
    if (type != "\"text\"" && type != "\"refusal\"" && type != "\"input_text\"" &&
        type != "\"output_text\"") {
      return wrong(cat(field, "[", i, "]"),
                   "must be a part of type text: these models read no images, sounds or files");
    }
    const auto found = part.find(type == "\"refusal\"" ? "refusal" : "text");
    if (found == part.end() || !found->is_string())
      return wrong(cat(field, "[", i, "].text"), "must be a text");
    if (i > 0) text += '\n';
    text += found->get_ref<const std::string&>();
  }
  return text;
}

// {"id", "type": "function", "function": {"name", "arguments": "a JSON object as text"}}
Answerable<Json> check_call(const Json& call, const std::string& field) {
  if (!call.is_object()) return wrong(field, "must be an object");
  const auto function = call.find("function");
  if (function == call.end() || !function->is_object())
    return wrong(cat(field, ".function"), "must be an object with name and arguments");
  const auto name = function->find("name");
  if (name == function->end() || !name->is_string())
    return wrong(cat(field, ".function.name"), "must be a text");
  std::string arguments = "{}";
  if (const auto given = function->find("arguments"); given != function->end()) {
    if (given->is_object()) {
      arguments = given->dump();
    } else if (given->is_string()) {
      arguments = given->get<std::string>();
      if (arguments.empty()) arguments = "{}";
    } else if (!given->is_null()) {
      return wrong(cat(field, ".function.arguments"), "must be a JSON object as text");
    }
  }
  Json checked{{"type", "function"}, {"function", {{"name", *name}, {"arguments", arguments}}}};
  if (const auto id = call.find("id"); id != call.end() && id->is_string()) checked["id"] = *id;
  return checked;
}

Answerable<Json> check_message(const Json& message, const std::string& field) {
  if (!message.is_object()) return wrong(field, "must be an object");
  const auto role = message.find("role");
  if (role == message.end() || !role->is_string())
    return wrong(cat(field, ".role"), "must be system, user, assistant or tool");
  std::string name = role->get<std::string>();
  if (name == "developer") name = "system";
  if (name == "function") name = "tool";
  if (name != "system" && name != "user" && name != "assistant" && name != "tool")
    return wrong(cat(field, ".role"), "must be system, developer, user, assistant or tool");
  Json checked{{"role", name}};
  const auto content = message.find("content");
  const Json none;
  auto text = text_of_content(content == message.end() ? none : *content, cat(field, ".content"));
  if (!text) return tl::unexpected<Problem>(std::move(text).error());
  const auto calls = message.find("tool_calls");
  const bool has_calls =
      name == "assistant" && calls != message.end() && !calls->is_null() && !calls->empty();
  if (content == message.end() && !has_calls) return wrong(cat(field, ".content"), "is missing");
  checked["content"] = *std::move(text);
  if (has_calls) {
    if (!calls->is_array()) return wrong(cat(field, ".tool_calls"), "must be a list");
    Json& list = checked["tool_calls"] = Json::array();
    for (size_t i = 0; i < calls->size(); ++i) {
      auto call = check_call((*calls)[i], cat(field, ".tool_calls[", i, "]"));
      if (!call) return call;
      list.push_back(*std::move(call));
    }
  }
  for (const char* member : {"name", "tool_call_id", "reasoning_content"}) {
    const auto found = message.find(member);
    if (found == message.end() || found->is_null()) continue;
    if (!found->is_string()) return wrong(cat(field, ".", member), "must be a text");
    checked[member] = *found;
  }
  return checked;
}

}  // namespace

Answerable<Json> check_messages(const Json& messages) {
  if (!messages.is_array() || messages.empty() || messages.size() > kMaxMessages) {
    return wrong("messages", cat("must be a list of 1 to ", kMaxMessages, " messages"));
  }
  Json checked = Json::array();
  for (size_t i = 0; i < messages.size(); ++i) {
    auto message = check_message(messages[i], cat("messages[", i, "]"));
    if (!message) return message;
    checked.push_back(*std::move(message));
  }
  return checked;
}

Answerable<Json> check_tools(const Json& tools) {
  if (!tools.is_array() || tools.size() > kMaxTools)
    return wrong("tools", cat("must be a list of at most ", kMaxTools, " tools"));
  Json checked = Json::array();
  for (size_t i = 0; i < tools.size(); ++i) {
    const std::string field = cat("tools[", i, "]");
    const Json& tool = tools[i];
    if (!tool.is_object() || tool.value("type", Json("function")) != "function")
      return wrong(field, "must be a tool of type function: no other can be called here");
    const auto function = tool.find("function");
    if (function == tool.end() || !function->is_object())
      return wrong(cat(field, ".function"), "must be an object with a name");
    const auto name = function->find("name");
    if (name == function->end() || !name->is_string() ||
        name->get_ref<const std::string&>().empty() ||
        name->get_ref<const std::string&>().size() > 256)
      return wrong(cat(field, ".function.name"), "must be a text of 1 to 256 bytes");
    const auto parameters = function->find("parameters");
    if (parameters != function->end() && !parameters->is_null() && !parameters->is_object())
      return wrong(cat(field, ".function.parameters"), "must be a JSON schema");
    Json kept = *function;
    kept.erase("strict");
    if (parameters == function->end() || parameters->is_null())
      kept["parameters"] = {{"type", "object"}, {"properties", Json::object()}};
    checked.push_back({{"type", "function"}, {"function", std::move(kept)}});
  }
  return checked;
}

}  // namespace hearth::server
