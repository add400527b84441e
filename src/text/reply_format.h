// How a model marks what belongs together in its reply: reasoning, the answer, calls of tools. A
// format is data; a few syntaxes of calls and some marks describe the models of many makers
// (docs/formats/replies.md).
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace hearth::text {

enum class CallSyntax {
  none,
  json,        // an object with name and arguments, or a list of such
  keyed_json,  // a list of objects, the one key of each is the name
  named_json,  // the name, then the arguments as a JSON object
  tags,        // the name, then marks around the name and the value of each parameter
  python,      // [name(a=1, b='x')]
  braces,      // name{a:1,b:<|"|>x<|"|>}
};

// The parts of a reply as messages with a head: open, head, end, text.
struct HeadMarks {
  std::array<std::string_view, 2> open{};  // the first may end the prompt
  std::string_view end{};
  std::string_view reasoning{};  // stands in the head of reasoning
  std::string_view call{};       // stands in front of the name of a call, whose arguments are JSON
};

struct ParameterMarks {
  std::string_view open{};
  std::string_view name_end{};
  std::string_view value_open{};  // "" when the value follows the name at once
  std::string_view close{};
  std::string_view string_attribute{};  // behind the name: the value is a string, or else JSON
  bool framed = false;                  // a newline on both sides belongs to the marks
  bool cdata = false;                   // <![CDATA[...]]> may stand around the value
};

struct ReplyFormat {
  std::string_view name = "none";
  std::string_view reasoning_open{};
  std::string_view reasoning_close{};
  // The marks are tokens that nobody writes by chance: reasoning may begin anywhere, and every
  // other mark ends it. Otherwise reasoning stands in front of the answer only.
  bool distinct = false;
  HeadMarks head{};
  std::array<std::string_view, 4> dropped{};  // around the answer; they say nothing

  CallSyntax syntax = CallSyntax::none;
  std::string_view calls_open{};  // around several calls
  std::string_view calls_close{};
  std::string_view call_open{};    // around one call, or a list in JSON or Python
  std::string_view call_close{};   // "" when the end of the arguments is the end of the call
  std::string_view name_end{};     // "" when the arguments end the name
  std::string_view name_sep{};     // in front of the name; what stands before it is no part of it
  std::string_view id_open{};      // between the name and an id
  std::string_view tail{};         // may stand behind the arguments
  std::string_view answer_name{};  // not the name of a tool: the answer follows
  bool bare_calls = false;         // a reply that begins with { may be a call
  bool lone_calls = false;         // calls_open may be missing
  bool tentative = false;          // call_open may be a part of the answer, which is no mistake
  bool numbered = false;           // the name is written as functions.name:0, which is the id
  bool json_too = false;           // calls may also be a list in JSON
  bool python_values = false;      // the template writes True, None and {'a': 1}
  ParameterMarks parameter{};
  std::string_view arguments_open{};  // all arguments at once, as JSON, instead of parameters
  std::string_view arguments_close{};

  // Nothing is looked for: all of the reply is the answer.
  [[nodiscard]] bool plain() const;
  // All marks, each once.
  [[nodiscard]] std::vector<std::string_view> marks() const;
};

// All formats but the plain one.
[[nodiscard]] std::span<const ReplyFormat> reply_formats();

// The format with a name; the plain one when there is none.
[[nodiscard]] const ReplyFormat& reply_format_named(std::string_view name);

// The format of the model that a chat template belongs to, by the marks that occur in its source.
// The plain one when there are none.
[[nodiscard]] const ReplyFormat& reply_format_of(std::string_view template_source);

}  // namespace hearth::text
