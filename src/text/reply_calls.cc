#include "text/reply_calls.h"

#include <array>
#include <nlohmann/json.hpp>

#include "text/reply_text.h"

namespace hearth::text {

void CallLog::report(ReplyEvent::Kind kind, std::string_view text) {
  if (events_ != nullptr) events_->push_back({kind, calls_.size() - 1, std::string(text)});
}

bool CallLog::begin(std::string_view name) {
  const bool sensible = !name.empty() && name.size() <= kMaxNameBytes &&
                        name.find_first_of(kReplyBlanks) == name.npos && calls_.size() < kMaxCalls;
  if (open_ || !sensible) return false;
  calls_.push_back({.name = std::string(name)});
  open_ = true;
  report(ReplyEvent::Kind::call_begin, name);
  return true;
}

void CallLog::arguments(std::string_view piece) {
  if (!open_ || piece.empty()) return;
  calls_.back().arguments += piece;
  report(ReplyEvent::Kind::call_arguments, piece);
}

bool CallLog::end(std::string_view id, size_t behind) {
  if (!open_) return false;
  ToolCall& call = calls_.back();
  if (call.arguments.empty()) arguments("{}");
  const size_t first = call.arguments.find_first_not_of(kReplyBlanks);
  if (first == call.arguments.npos || call.arguments[first] != '{' ||
      !nlohmann::json::accept(call.arguments))
    return false;
  call.id = id;
  report(ReplyEvent::Kind::call_end, id);
  open_ = false;
  behind_ = behind;
  return true;
}

void CallLog::discard() {
  if (!open_) return;
  report(ReplyEvent::Kind::call_discard, "");
  calls_.pop_back();
  open_ = false;
}

CallReader::Status read_close(std::string_view mark, std::string_view text, size_t& at, bool end) {
  using Status = CallReader::Status;
  if (mark.empty()) return Status::done;
  const size_t blanks = count_gap(text.substr(at));
  const std::string_view rest = text.substr(at + blanks);
  if (blanks == kMaxReplyGap) return Status::bad;
  if (rest.empty()) {
    at += end ? blanks : 0;
    return end ? Status::done : Status::more;
  }
  const MarkAt match = mark_at(rest, mark);
  if (match == MarkAt::maybe && !end) return Status::more;
  if (match != MarkAt::yes) return Status::bad;
  at += blanks + mark.size();
  return Status::done;
}

CallReader::Status read_between(const CallContext& context, std::string_view text, size_t& at,
                                bool end, bool any, bool& opened) {
  using Status = CallReader::Status;
  const ReplyFormat& format = context.format;
  opened = false;
  // What was not opened together need not be closed together.
  const bool single = context.opening != CallOpening::calls;
  if (single && any && !format.lone_calls) return Status::done;
  const size_t blanks = count_gap(text.substr(at));
  const std::string_view rest = text.substr(at + blanks);
  if (blanks == kMaxReplyGap) return single && any ? Status::done : Status::bad;
  if (rest.empty()) {
    if (!end) return Status::more;
    at += any ? blanks : 0;
    return any ? Status::done : Status::bad;
  }
  const std::array marks{format.call_open, format.calls_close};
  bool maybe = false;
  for (const std::string_view mark : marks) {
    const MarkAt match = mark_at(rest, mark);
    maybe = maybe || match == MarkAt::maybe;
    if (match != MarkAt::yes) continue;
    at += blanks + mark.size();
    opened = mark == format.call_open;
    return opened ? Status::more : Status::done;
  }
  if (maybe && !end) return Status::more;
  return single && any ? Status::done : Status::bad;
}

std::unique_ptr<CallReader> make_call_reader(const CallContext& context) {
  switch (context.format.syntax) {
    case CallSyntax::none:
      break;
    case CallSyntax::json:
    case CallSyntax::keyed_json:
      return make_json_reader(context);
    case CallSyntax::named_json:
      return make_named_reader(context);
    case CallSyntax::tags:
      return make_tag_reader(context);
    case CallSyntax::python:
    case CallSyntax::braces:
      return make_literal_reader(context);
  }
  return nullptr;
}

}  // namespace hearth::text
