#include "text/reply_format.h"

#include <algorithm>

namespace hearth::text {

namespace {

constexpr ReplyFormat kPlain{};

// Ordered by name.
constexpr std::array kFormats{
    ReplyFormat{.name = "apertus",
                .reasoning_open = "<|inner_prefix|>",
                .reasoning_close = "<|inner_suffix|>",
                .distinct = true,
                .syntax = CallSyntax::keyed_json,
                .call_open = "<|tools_prefix|>",
                .call_close = "<|tools_suffix|>"},
    ReplyFormat{
        .name = "cohere",
        .reasoning_open = "<|START_THINKING|>",
        .reasoning_close = "<|END_THINKING|>",
        .distinct = true,
        .dropped = {"<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"},
        .syntax = CallSyntax::json,
        .call_open = "<|START_ACTION|>",
        .call_close = "<|END_ACTION|>"},
    ReplyFormat{.name = "deepseek-r1",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .syntax = CallSyntax::named_json,
                .calls_open = "<\uFF5Ctool\u2581calls\u2581begin\uFF5C>",
                .calls_close = "<\uFF5Ctool\u2581calls\u2581end\uFF5C>",
                .call_open = "<\uFF5Ctool\u2581call\u2581begin\uFF5C>",
                .call_close = "<\uFF5Ctool\u2581call\u2581end\uFF5C>",
                .name_sep = "<\uFF5Ctool\u2581sep\uFF5C>",
                .tail = "```"},
    ReplyFormat{.name = "deepseek-v3.2",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .syntax = CallSyntax::tags,
                .calls_open = "<\uFF5CDSML\uFF5Cfunction_calls>",
                .calls_close = "</\uFF5CDSML\uFF5Cfunction_calls>",
                .call_open = "<\uFF5CDSML\uFF5Cinvoke name=\"",
                .call_close = "</\uFF5CDSML\uFF5Cinvoke>",
                .name_end = "\">",
                .parameter = {.open = "<\uFF5CDSML\uFF5Cparameter name=\"",
                              .name_end = "\">",
                              .close = "</\uFF5CDSML\uFF5Cparameter>",
                              .string_attribute = "string=\"true"}},
    ReplyFormat{.name = "deepseek-v4",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .syntax = CallSyntax::tags,
                .calls_open = "<\uFF5CDSML\uFF5Ctool_calls>",
                .calls_close = "</\uFF5CDSML\uFF5Ctool_calls>",
                .call_open = "<\uFF5CDSML\uFF5Cinvoke name=\"",
                .call_close = "</\uFF5CDSML\uFF5Cinvoke>",
                .name_end = "\">",
                .parameter = {.open = "<\uFF5CDSML\uFF5Cparameter name=\"",
                              .name_end = "\">",
                              .close = "</\uFF5CDSML\uFF5Cparameter>",
                              .string_attribute = "string=\"true"}},
    ReplyFormat{.name = "functionary",
                .syntax = CallSyntax::named_json,
                .call_open = ">>>",
                .name_end = "\n",
                .answer_name = "all",
                .tentative = true},
    ReplyFormat{.name = "gemma4",
                .reasoning_open = "<|channel>thought",
                .reasoning_close = "<channel|>",
                .distinct = true,
                .dropped = {"<|tool_response>"},
                .syntax = CallSyntax::braces,
                .call_open = "<|tool_call>call:",
                .call_close = "<tool_call|>"},
    ReplyFormat{.name = "gigachat", .syntax = CallSyntax::json, .call_open = "<|function_call|>"},
    ReplyFormat{.name = "glm",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .syntax = CallSyntax::tags,
                .call_open = "<tool_call>",
                .call_close = "</tool_call>",
                .parameter = {.open = "<arg_key>",
                              .name_end = "</arg_key>",
                              .value_open = "<arg_value>",
                              .close = "</arg_value>"}},
    ReplyFormat{.name = "harmony",
                .distinct = true,
                .head = {.open = {"<|start|>assistant", "<|channel|>"},
                         .end = "<|message|>",
                         .reasoning = "analysis",
                         .call = "to=functions."},
                .dropped = {"<|end|>", "<|return|>", "<|call|>"},
                .syntax = CallSyntax::named_json},
    ReplyFormat{.name = "hermes",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .syntax = CallSyntax::json,
                .call_open = "<tool_call>",
                .call_close = "</tool_call>"},
    ReplyFormat{.name = "hunyuan",
                .reasoning_open = "<think:opensource>",
                .reasoning_close = "</think:opensource>",
                .distinct = true,
                .syntax = CallSyntax::tags,
                .calls_open = "<tool_calls:opensource>",
                .calls_close = "</tool_calls:opensource>",
                .call_open = "<tool_call:opensource>",
                .call_close = "</tool_call:opensource>",
                .name_end = "<tool_sep:opensource>",
                .parameter = {.open = "<arg_key:opensource>",
                              .name_end = "</arg_key:opensource>",
                              .value_open = "<arg_value:opensource>",
                              .close = "</arg_value:opensource>"}},
    ReplyFormat{.name = "kimi-k2",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .syntax = CallSyntax::named_json,
                .calls_open = "<|tool_calls_section_begin|>",
                .calls_close = "<|tool_calls_section_end|>",
                .call_open = "<|tool_call_begin|>",
                .call_close = "<|tool_call_end|>",
                .name_end = "<|tool_call_argument_begin|>",
                .numbered = true},
    ReplyFormat{.name = "kimi-k3",
                .reasoning_open = "<|open|>think<|sep|>",
                .reasoning_close = "<|close|>think<|sep|>",
                .distinct = true,
                .dropped = {"<|open|>response<|sep|>", "<|close|>response<|sep|>",
                            "<|close|>message<|sep|>"},
                .syntax = CallSyntax::tags,
                .calls_open = "<|open|>tools<|sep|>",
                .calls_close = "<|close|>tools<|sep|>",
                .call_open = "<|open|>call tool=\"",
                .call_close = "<|close|>call<|sep|>",
                .name_end = "<|sep|>",
                .parameter = {.open = "<|open|>argument key=\"",
                              .name_end = "<|sep|>",
                              .close = "<|close|>argument<|sep|>",
                              .string_attribute = "type=\"string\""},
                .arguments_open = "<|open|>json type=\"object\"<|sep|>",
                .arguments_close = "<|close|>json<|sep|>"},
    ReplyFormat{.name = "lfm2",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .syntax = CallSyntax::python,
                .call_open = "<|tool_call_start|>",
                .call_close = "<|tool_call_end|>"},
    ReplyFormat{.name = "llama3",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .dropped = {"<|python_tag|>"},
                .syntax = CallSyntax::json,
                .bare_calls = true},
    ReplyFormat{.name = "minicpm5",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .syntax = CallSyntax::tags,
                .call_open = "<function name=\"",
                .call_close = "</function>",
                .name_end = "\">",
                .python_values = true,
                .parameter = {.open = "<param name=\"",
                              .name_end = "\">",
                              .close = "</param>",
                              .cdata = true}},
    ReplyFormat{
        .name = "minimax-m2",
        .reasoning_open = "<think>",
        .reasoning_close = "</think>",
        .syntax = CallSyntax::tags,
        .calls_open = "<minimax:tool_call>",
        .calls_close = "</minimax:tool_call>",
        .call_open = "<invoke name=\"",
        .call_close = "</invoke>",
        .name_end = "\">",
        .parameter = {.open = "<parameter name=\"", .name_end = "\">", .close = "</parameter>"}},
    ReplyFormat{.name = "mistral",
                .reasoning_open = "[THINK]",
                .reasoning_close = "[/THINK]",
                .syntax = CallSyntax::named_json,
                .call_open = "[TOOL_CALLS]",
                .name_end = "[ARGS]",
                .id_open = "[CALL_ID]",
                .json_too = true},
    ReplyFormat{
        .name = "muse",
        .distinct = true,
        .head = {.open = {"<|start|>assistant"}, .end = "<|message|>", .reasoning = "to=self"},
        .dropped = {"<|eom|>", "<|eot|>"},
        .syntax = CallSyntax::tags,
        .calls_open = "<atem:function_calls>",
        .calls_close = "</atem:function_calls>",
        .call_open = "<atem:invoke name=\"",
        .call_close = "</atem:invoke>",
        .name_end = "\">",
        .parameter = {.open = "<atem:parameter name=\"",
                      .name_end = "\">",
                      .close = "</atem:parameter>"}},
    ReplyFormat{.name = "nemotron",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .syntax = CallSyntax::json,
                .call_open = "<TOOLCALL>",
                .call_close = "</TOOLCALL>"},
    ReplyFormat{.name = "qwen3-coder",
                .reasoning_open = "<think>",
                .reasoning_close = "</think>",
                .syntax = CallSyntax::tags,
                .calls_open = "<tool_call>",
                .calls_close = "</tool_call>",
                .call_open = "<function=",
                .call_close = "</function>",
                .name_end = ">",
                .lone_calls = true,
                .python_values = true,
                .parameter = {.open = "<parameter=",
                              .name_end = ">",
                              .close = "</parameter>",
                              .framed = true}},
    ReplyFormat{.name = "think", .reasoning_open = "<think>", .reasoning_close = "</think>"},
};

// A template is of the first row of which it holds all marks, so rarer marks come first. The marks
// are those that a template's source has, which may put others together from parts.
struct Sign {
  std::array<std::string_view, 2> marks;
  std::string_view format;
};

constexpr std::array kSigns{
    Sign{{"<|tool_calls_section_begin|>"}, "kimi-k2"},
    Sign{{"<|open|>", "<|sep|>"}, "kimi-k3"},
    Sign{{"DSML", "function_calls>"}, "deepseek-v3.2"},
    Sign{{"DSML", "tool_calls>"}, "deepseek-v4"},
    Sign{{"<\uFF5Ctool\u2581calls\u2581begin\uFF5C>"}, "deepseek-r1"},
    Sign{{"<atem:function_calls>"}, "muse"},
    Sign{{"<minimax:tool_call>"}, "minimax-m2"},
    Sign{{"<|START_ACTION|>"}, "cohere"},
    Sign{{"[TOOL_CALLS]"}, "mistral"},
    Sign{{"<|tools_prefix|>"}, "apertus"},
    Sign{{"<|function_call|>"}, "gigachat"},
    Sign{{"<|tool_call_start|>"}, "lfm2"},
    Sign{{"<|tool_call>", "<|\"|>"}, "gemma4"},
    Sign{{">>>all"}, "functionary"},
    Sign{{"<|channel|>", "<|message|>"}, "harmony"},
    Sign{{"<TOOLCALL>"}, "nemotron"},
    Sign{{":opensource", "<tool_call{}>"}, "hunyuan"},
    Sign{{"<tool_call:opensource>"}, "hunyuan"},
    Sign{{"<function name=\"", "<param name=\""}, "minicpm5"},
    Sign{{"<tool_call>", "<function="}, "qwen3-coder"},
    Sign{{"<tool_call>", "<arg_key>"}, "glm"},
    Sign{{"<tool_call>"}, "hermes"},
    Sign{{"<|start_header_id|>", "\"parameters\": "}, "llama3"},
    Sign{{"<|start_header_id|>", "<|python_tag|>"}, "llama3"},
    Sign{{"[THINK]"}, "mistral"},
    Sign{{"<think>"}, "think"},
    Sign{{"</think>"}, "think"},
};

}  // namespace

bool ReplyFormat::plain() const {
  return syntax == CallSyntax::none && reasoning_open.empty() && head.end.empty();
}

std::vector<std::string_view> ReplyFormat::marks() const {
  std::vector<std::string_view> all{
      reasoning_open, reasoning_close,    head.open[0],    head.open[1],
      head.end,       calls_open,         calls_close,     call_open,
      call_close,     name_end,           name_sep,        id_open,
      parameter.open, parameter.name_end, parameter.close, parameter.value_open,
      arguments_open, arguments_close};
  all.insert(all.end(), dropped.begin(), dropped.end());
  if (syntax == CallSyntax::braces) all.push_back("<|\"|>");
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (!all.empty() && all.front().empty()) all.erase(all.begin());
  return all;
}

std::span<const ReplyFormat> reply_formats() { return kFormats; }

const ReplyFormat& reply_format_named(std::string_view name) {
  const auto found = std::find_if(kFormats.begin(), kFormats.end(),
                                  [&](const ReplyFormat& format) { return format.name == name; });
  return found == kFormats.end() ? kPlain : *found;
}

const ReplyFormat& reply_format_of(std::string_view template_source) {
  const auto occurs = [&](std::string_view mark) {
    return template_source.find(mark) != template_source.npos;
  };
  for (const Sign& sign : kSigns)
    if (std::all_of(sign.marks.begin(), sign.marks.end(), occurs))
      return reply_format_named(sign.format);
  return kPlain;
}

}  // namespace hearth::text
