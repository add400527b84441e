// What the tests of replies share.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "text/reply_parser.h"

namespace hearth::text {

// Neighbours of a kind put together: what does not depend on how the reply was cut.
inline std::vector<ReplyEvent> joined(const std::vector<ReplyEvent>& events) {
  std::vector<ReplyEvent> out;
  for (const ReplyEvent& event : events) {
    const bool text = event.kind == ReplyEvent::Kind::reasoning ||
                      event.kind == ReplyEvent::Kind::content ||
                      event.kind == ReplyEvent::Kind::call_arguments;
    if (text && !out.empty() && out.back().kind == event.kind && out.back().call == event.call) {
      out.back().text += event.text;
    } else {
      out.push_back(event);
    }
  }
  return out;
}

inline std::string shown(const std::vector<ReplyEvent>& events) {
  std::string out;
  for (const ReplyEvent& event : joined(events))
    out += cat(static_cast<int>(event.kind), " ", event.call, " ", event.text, "\n");
  return out;
}

inline std::string shown(const Reply& reply) {
  std::string out = cat("content: ", reply.content, "\nreasoning: ", reply.reasoning, "\n");
  for (const ToolCall& call : reply.calls)
    out += cat("call ", call.id, ": ", call.name, call.arguments, "\n");
  return out + (reply.malformed ? "malformed" : "");
}

struct Parsed {
  Reply reply;
  std::vector<ReplyEvent> events;
};

// Fed in pieces that end at `cuts`.
inline Parsed parse(const ReplyFormat& format, std::string_view prompt_end, std::string_view text,
                    const ReplyTools& tools = {}, const std::vector<size_t>& cuts = {}) {
  Parsed parsed;
  ReplyParser parser(format, prompt_end, tools);
  size_t begin = 0;
  for (const size_t cut : cuts) {
    if (cut <= begin || cut >= text.size()) continue;
    parser.feed(text.substr(begin, cut - begin), parsed.events);
    begin = cut;
  }
  parser.feed(text.substr(begin), parsed.events);
  parsed.reply = parser.finish(parsed.events);
  return parsed;
}

inline std::vector<size_t> every_byte(std::string_view text) {
  std::vector<size_t> cuts(text.size());
  for (size_t i = 0; i < cuts.size(); ++i) cuts[i] = i;
  return cuts;
}

}  // namespace hearth::text
