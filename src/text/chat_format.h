// How turns of a conversation are written for a model: the few formats that Llama-family models
// use, recognized by their marks in the file's template.
#pragma once

#include <string>
#include <string_view>

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

// From tokenizer.chat_template.
[[nodiscard]] ChatFormat chat_format_of(const gguf::Metadata& metadata);
[[nodiscard]] std::string_view name_of(ChatFormat format);

// One turn as the model reads it, and what stands before its answer. Between turns nothing is
// added.
[[nodiscard]] std::string render_turn(ChatFormat format, Role role, std::string_view content);
[[nodiscard]] std::string answer_prefix(ChatFormat format);

// What stands behind a finished answer when another turn follows.
[[nodiscard]] std::string answer_suffix(ChatFormat format);

}  // namespace hearth::text
