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

namespace {

// What stands before and behind the words of a turn.
struct Frame {
  std::string before;
  std::string_view behind;
};

Frame frame_of(ChatFormat format, std::span<const Turn> turns, size_t i) {
  const std::string_view role = name_of(turns[i].role);
  switch (format) {
    case ChatFormat::chatml:
      return {cat("<|im_start|>", role, "\n"), "<|im_end|>\n"};
    case ChatFormat::llama3:
      return {cat("<|start_header_id|>", role, "<|end_header_id|>\n\n"), "<|eot_id|>"};
    case ChatFormat::llama2:
      // Instructions stand inside the first message.
      if (turns[i].role == Role::system) return {"[INST] <<SYS>>\n", "\n<</SYS>>\n\n"};
      if (turns[i].role == Role::assistant) return {" ", "</s>"};
      return {i == 1 && turns[0].role == Role::system ? "" : "[INST] ", " [/INST]"};
    case ChatFormat::zephyr:
      return {cat("<|", role, "|>\n"), "</s>\n"};
    case ChatFormat::none:
    case ChatFormat::unknown:
      break;
  }
  return {};
}

std::string_view answer_prefix(ChatFormat format) {
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

// What the user writes follows behind a space; the model goes on where they end.
std::string running_text(std::span<const Turn> turns) {
  std::string text;
  for (const Turn& turn : turns) {
    const bool joins = text.empty() || turn.role == Role::assistant;
    text += cat(joins ? "" : " ", turn.content);
  }
  return text;
}

}  // namespace

std::vector<Piece> render(ChatFormat format, std::span<const Turn> turns) {
  if (format == ChatFormat::none || format == ChatFormat::unknown) {
    return {{Piece::words, running_text(turns)}};
  }
  std::vector<Piece> pieces;
  const auto add = [&](Piece::Kind kind, std::string_view text) {
    if (!text.empty()) pieces.push_back({kind, std::string(text)});
  };
  for (size_t i = 0; i < turns.size(); ++i) {
    const Frame frame = frame_of(format, turns, i);
    add(Piece::marks, frame.before);
    add(Piece::words, turns[i].content);
    add(Piece::marks, frame.behind);
  }
  add(Piece::marks, answer_prefix(format));
  return pieces;
}

}  // namespace hearth::text
