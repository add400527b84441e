#include "text/chat_format.h"

#include "base/text.h"

namespace hearth::text {

std::string_view name_of(Role role) {
  switch (role) {
    case Role::system:
      return "system";
    case Role::user:
      return "user";
    case Role::assistant:
      return "assistant";
  }
  return "?";
}

std::string_view name_of(ChatFormat format) {
  switch (format) {
    case ChatFormat::none:
      return "none";
    case ChatFormat::unknown:
      return "unknown";
    case ChatFormat::chatml:
      return "chatml";
    case ChatFormat::llama3:
      return "llama3";
    case ChatFormat::llama2:
      return "llama2";
    case ChatFormat::zephyr:
      return "zephyr";
  }
  return "?";
}

ChatFormat chat_format_of(const gguf::Metadata& metadata) {
  const gguf::Value* value = metadata.find("tokenizer.chat_template");
  if (value == nullptr || value->type != gguf::ValueType::string || value->text.empty())
    return ChatFormat::none;
  const auto has = [&](std::string_view mark) {
    return value->text.find(mark) != std::string_view::npos;
  };
  if (has("<|im_start|>")) return ChatFormat::chatml;
  if (has("<|start_header_id|>") && has("<|eot_id|>")) return ChatFormat::llama3;
  if (has("[INST]") && has("[/INST]")) return ChatFormat::llama2;
  if (has("<|user|>") && has("<|assistant|>")) return ChatFormat::zephyr;
  return ChatFormat::unknown;
}

std::string render_turn(ChatFormat format, Role role, std::string_view content) {
  switch (format) {
    case ChatFormat::chatml:
      return cat("<|im_start|>", name_of(role), "\n", content, "<|im_end|>\n");
    case ChatFormat::llama3:
      return cat("<|start_header_id|>", name_of(role), "<|end_header_id|>\n\n", content,
                 "<|eot_id|>");
    case ChatFormat::llama2:
      if (role == Role::assistant) return cat(" ", content, "</s>");
      if (role == Role::system) return cat("[INST] <<SYS>>\n", content, "\n<</SYS>>\n\n[/INST]");
      return cat("[INST] ", content, " [/INST]");
    case ChatFormat::zephyr:
      return cat("<|", name_of(role), "|>\n", content, "</s>\n");
    case ChatFormat::none:
    case ChatFormat::unknown:
      break;
  }
  return std::string(content);
}

std::string answer_prefix(ChatFormat format) {
  switch (format) {
    case ChatFormat::chatml:
      return "<|im_start|>assistant\n";
    case ChatFormat::llama3:
      return "<|start_header_id|>assistant<|end_header_id|>\n\n";
    case ChatFormat::zephyr:
      return "<|assistant|>\n";
    default:
      return "";
  }
}

std::string answer_suffix(ChatFormat format) {
  switch (format) {
    case ChatFormat::chatml:
      return "<|im_end|>\n";
    case ChatFormat::llama3:
      return "<|eot_id|>";
    case ChatFormat::llama2:
      return "</s>";
    case ChatFormat::zephyr:
      return "</s>\n";
    default:
      return "";
  }
}

}  // namespace hearth::text
