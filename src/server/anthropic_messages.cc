#include "server/anthropic.h"
#include "server/messages.h"
#include "server/turns.h"

namespace hearth::server {
namespace {

// Claude Code begins its system text with a line for Anthropic's accounting. It differs in every
// request, so nothing that was remembered of a prompt would ever fit, and no model needs it.
std::string_view without_accounting(std::string_view text) {
  if (!starts_with(text, "x-anthropic-billing-header:")) return text;
  const size_t end = text.find('\n');
  return end == text.npos ? std::string_view() : text.substr(end + 1);
}

void wrong_block(Fields& block, std::string_view type, std::string_view fitting) {
  const bool seen = type == "image" || type == "document" || type == "search_result";
  block.fail("type", cat("is '", printable(type), "', but here it must be ", fitting,
                         seen ? ": these models read text, no images or documents" : ""));
}

// Texts of a list of text blocks, a line each.
std::string join_texts(std::vector<Fields> blocks) {
  std::string all;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::string type = blocks[i].text("type").value_or("");
    if (type != "text") wrong_block(blocks[i], type, "text");
    blocks[i].require("text");
    if (i > 0) all += '\n';
    all += blocks[i].text("text").value_or("");
  }
  return all;
}

// A text, or a list of text blocks.
std::string read_text(Fields& fields, std::string_view name) {
  const Json* value = fields.any(name);
  if (value == nullptr) return "";
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_array()) fields.fail(name, "must be a text or a list of text blocks");
  return join_texts(fields.objects(name, kMaxMessages));
}

void read_result(Fields& block, Turns& turns) {
  block.require("tool_use_id");
  const std::string id = block.text("tool_use_id").value_or("");
  std::string text = read_text(block, "content");
  // Templates have no place for this, so it is said in words.
  if (block.boolean("is_error").value_or(false)) text = cat("Error: ", text);
  turns.result(bare_id(id, "toolu_"), text);
}

void read_call(Fields& block, Turns& turns) {
  block.require("id");
  block.require("name");
  const std::string id = block.text("id").value_or("");
  const std::string name = block.text("name").value_or("");
  const Json* input = block.any("input");
  if (input != nullptr && !input->is_object()) block.fail("input", "must be an object");
  turns.call(bare_id(id, "toolu_"), name, input == nullptr ? "{}" : text_of(*input));
}

void read_user_blocks(std::vector<Fields> blocks, Turns& turns) {
  if (blocks.empty()) turns.user("");
  std::optional<std::string> text;
  const auto flush = [&] {
    if (text) turns.user(*text);
    text.reset();
  };
  for (Fields& block : blocks) {
    const std::string type = block.text("type").value_or("");
    if (type == "text") {
      block.require("text");
      text = (text ? *text + "\n" : "") + block.text("text").value_or("");
    } else if (type == "tool_result") {
      flush();
      read_result(block, turns);
    } else {
      wrong_block(block, type, "text or tool_result");
    }
    if (block.problem()) return;
  }
  flush();
}

void read_assistant_blocks(std::vector<Fields> blocks, Turns& turns) {
  if (blocks.empty()) turns.answer("");
  for (Fields& block : blocks) {
    const std::string type = block.text("type").value_or("");
    if (type == "text") {
      block.require("text");
      turns.answer(block.text("text").value_or(""));
    } else if (type == "thinking") {
      block.require("thinking");
      turns.reasoning(block.text("thinking").value_or(""));
      (void)block.any("signature");  // we sign nothing, so there is nothing to be checked
    } else if (type == "tool_use") {
      read_call(block, turns);
    } else if (type != "redacted_thinking") {  // which only Anthropic can read
      wrong_block(block, type, "text, thinking or tool_use");
    }
    if (block.problem()) return;
  }
}

void read_message(Fields& message, Turns& turns) {
  message.require("role");
  message.require("content");
  const auto role = message.choice("role", {"user", "assistant", "system"});
  const Json* content = message.any("content");
  if (!role || content == nullptr) return;
  if (*role == 2) return turns.system(read_text(message, "content"));
  if (content->is_string()) {
    const auto& text = content->get_ref<const std::string&>();
    return *role == 0 ? turns.user(text) : turns.answer(text);
  }
  if (!content->is_array())
    return message.fail("content", "must be a text or a list of content blocks");
  auto blocks = message.objects("content", kMaxMessages);
  *role == 0 ? read_user_blocks(std::move(blocks), turns)
             : read_assistant_blocks(std::move(blocks), turns);
}

}  // namespace

void read_anthropic_messages(Fields& fields, protocol::ChatPrompt& prompt) {
  Turns turns;
  if (fields.has("system")) {
    const std::string text = read_text(fields, "system");
    const std::string_view kept = without_accounting(text);
    if (kept.size() < text.size()) fields.ignore_part("system.x-anthropic-billing-header");
    if (!kept.empty()) turns.system(kept);
  }
  fields.require("messages");
  const Json* list = fields.list("messages", kMaxMessages);
  if (list == nullptr) return;
  if (list->empty()) return fields.fail("messages", "must hold at least one message");
  for (Fields& message : fields.objects("messages", kMaxMessages)) {
    read_message(message, turns);
    if (fields.problem()) return;
  }
  if (turns.messages().empty()) return fields.fail("messages", "must hold some text");
  const Json& last = turns.messages().back();
  if (last["role"] == "assistant") {
    // What the answer begins with was put into the model's mouth.
    if (last.contains("tool_calls"))
      return fields.fail("messages", "end with calls of tools: their results must follow");
    prompt.continue_last = true;
  }
  prompt.variables["messages"] = turns.messages();
}

}  // namespace hearth::server
