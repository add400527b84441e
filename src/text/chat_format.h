// How a conversation is written for a model: the few formats that Llama-family models use,
// recognized by their marks in the file's template.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/value.h"

namespace hearth::text {

enum class ChatFormat {
  none,     // no template: the model continues text
  unknown,  // a template that is none of the below
  chatml,   // <|im_start|>role\n...<|im_end|>
  llama3,   // <|start_header_id|>role<|end_header_id|>\n\n...<|eot_id|>
  llama2,   // [INST] ... [/INST]
  zephyr,   // <|role|>\n...</s>
};

enum class Role { system, user, assistant };
[[nodiscard]] std::string_view name_of(Role role);

struct Turn {
  Role role = Role::user;
  std::string content;
  std::string reasoning{};  // of an assistant, in front of its answer
};

// A part of a rendered conversation: marks of the format, which become control tokens, or what
// somebody wrote, which never does.
struct Piece {
  enum Kind { marks, words };
  Kind kind = marks;
  std::string text;
};

// From tokenizer.chat_template.
[[nodiscard]] ChatFormat chat_format_of(const gguf::Metadata& metadata);
[[nodiscard]] std::string_view name_of(ChatFormat format);

// The conversation as the model reads it, up to where its next answer begins. Without a known
// format the turns are one running text. A system turn may only come first.
[[nodiscard]] std::vector<Piece> render(ChatFormat format, std::span<const Turn> turns);

}  // namespace hearth::text
