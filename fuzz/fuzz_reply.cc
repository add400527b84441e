// Replies of models in pieces: what they consist of must not depend on how they were cut, and
// nothing is ever an error.
//
// Input: a byte that chooses the format, a byte with what the prompt has opened and whether there
// are tools, and the reply; in it, 0xFE is where a piece ends.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/text.h"
#include "fuzz.h"
#include "text/reply_parser.h"

namespace hearth::fuzz {
namespace {

using text::ReplyEvent;
using Kind = text::ReplyEvent::Kind;

constexpr char kCut = '\xFE';
constexpr std::string_view kTools =
    R"([{"type": "function", "function": {"name": "f", "parameters": {"type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": ["integer", "null"]},
    "c": {"anyOf": [{"type": "object"}, {"type": "boolean"}]}}}}}])";

// What an event list says, without where its pieces end.
std::string told(const std::vector<ReplyEvent>& events) {
  std::string out;
  Kind last = Kind::call_end;
  for (const ReplyEvent& event : events) {
    const bool goes_on =
        event.kind == last && (event.kind == Kind::content || event.kind == Kind::reasoning ||
                               event.kind == Kind::call_arguments);
    if (!goes_on) out += cat("\n", static_cast<int>(event.kind), " ", event.call, " ");
    out += event.text;
    last = event.kind;
  }
  return out;
}

struct Parsed {
  text::Reply reply;
  std::vector<ReplyEvent> events;
};

Parsed parse(const text::ReplyFormat& format, std::string_view prompt_end,
             const text::ReplyTools& tools, const std::vector<std::string_view>& pieces) {
  Parsed parsed;
  text::ReplyParser parser(format, prompt_end, tools);
  for (const std::string_view piece : pieces) parser.feed(piece, parsed.events);
  parsed.reply = parser.finish(parsed.events);
  return parsed;
}

void check(uint8_t format_byte, uint8_t state, std::string_view input) {
  const auto formats = text::reply_formats();
  const text::ReplyFormat& format = formats[format_byte % formats.size()];
  const std::string_view opened[]{"", format.reasoning_open, format.head.open[0], format.call_open};
  const std::string_view prompt_end = opened[state % 4];
  const auto tools = state & 4 ? text::ReplyTools::read(kTools) : text::ReplyTools();
  const std::vector<std::string_view> pieces = split(input, kCut);
  std::string text;
  for (const std::string_view piece : pieces) text += piece;
  const Parsed whole = parse(format, prompt_end, tools, {text});
  const Parsed parts = parse(format, prompt_end, tools, pieces);
  require(whole.reply.raw == text && parts.reply.raw == text, "the raw text is the input");
  require(told(whole.events) == told(parts.events), "events do not depend on cuts");
  require(whole.reply.malformed == parts.reply.malformed, "mistakes do not depend on cuts");
  require(whole.reply.content == parts.reply.content, "content does not depend on cuts");
  require(whole.reply.calls.size() == parts.reply.calls.size(), "calls do not depend on cuts");
  std::string content;
  std::string reasoning;
  for (const ReplyEvent& event : parts.events) {
    if (event.kind == Kind::content) content += event.text;
    if (event.kind == Kind::reasoning) reasoning += event.text;
  }
  require(content == whole.reply.content, "the events are the content");
  require(reasoning == whole.reply.reasoning, "the events are the reasoning");
  for (const text::ToolCall& call : whole.reply.calls) {
    require(!call.name.empty(), "a call has a name");
    const auto arguments = nlohmann::json::parse(call.arguments, nullptr, false);
    require(arguments.is_object(), "arguments are a JSON object");
  }
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  hearth::fuzz::check(data[0], data[1], input.substr(2));
  return 0;
}
