#include "server/turns.h"

#include "base/text.h"

namespace hearth::server {
namespace {

void append(Json& message, const char* member, std::string_view text, std::string_view between) {
  if (!message.contains(member)) message[member] = "";
  std::string& all = message[member].get_ref<std::string&>();
  if (!all.empty() && !text.empty()) all += between;
  all += text;
}

}  // namespace

void Turns::say(std::string_view role, std::string_view text) {
  if (messages_.empty() || messages_.back()["role"] != role)
    messages_.push_back({{"role", role}, {"content", ""}});
  append(messages_.back(), "content", text, "\n\n");
}

Json& Turns::assistant() {
  if (messages_.empty() || messages_.back()["role"] != "assistant")
    messages_.push_back({{"role", "assistant"}, {"content", ""}});
  return messages_.back();
}

void Turns::answer(std::string_view text) { append(assistant(), "content", text, "\n"); }

void Turns::reasoning(std::string_view text) {
  append(assistant(), "reasoning_content", text, "\n");
}

void Turns::call(std::string_view id, std::string_view name, std::string_view arguments) {
  Json& message = assistant();
  if (!message.contains("tool_calls")) message["tool_calls"] = Json::array();
  message["tool_calls"].push_back(
      {{"id", id},
       {"type", "function"},
       {"function", {{"name", name}, {"arguments", arguments.empty() ? "{}" : arguments}}}});
  names_.insert_or_assign(std::string(id), std::string(name));
}

void Turns::result(std::string_view id, std::string_view text) {
  Json message{{"role", "tool"}, {"tool_call_id", id}, {"content", text}};
  if (const auto name = names_.find(id); name != names_.end()) message["name"] = name->second;
  messages_.push_back(std::move(message));
}

std::string_view bare_id(std::string_view id, std::string_view prefix) {
  if (starts_with(id, prefix)) id.remove_prefix(prefix.size());
  return id;
}

}  // namespace hearth::server
