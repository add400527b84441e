#include "text/reply_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "text/reply_text.h"

namespace hearth::text {

namespace {

constexpr size_t kMaxHead = 256;  // bytes of the head of a message

// The name of a tool in a head, such as "commentary to=functions.f <|constrain|>json".
std::string_view tool_in(std::string_view head, std::string_view mark) {
  const size_t at = mark.empty() ? head.npos : head.find(mark);
  if (at == head.npos) return {};
  const std::string_view name = head.substr(at + mark.size());
  return name.substr(0, name.find_first_of(" \t\r\n<"));
}

std::string_view without_blanks_behind(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kReplyBlanks) + 1);
}

}  // namespace

ReplyParser::ReplyParser(const ReplyFormat& format, std::string_view prompt_end, ReplyTools tools)
    : format_(format), tools_(std::move(tools)), log_(reply_.calls) {
  add_mark(format.reasoning_open, Mark::reasoning_open);
  add_mark(format.reasoning_close, Mark::reasoning_close);
  for (const std::string_view mark : format.dropped) add_mark(mark, Mark::dropped);
  for (const std::string_view mark : format.head.open) add_mark(mark, Mark::head);
  add_mark(format.calls_open, Mark::calls);
  if (format.calls_open.empty() || format.lone_calls) add_mark(format.call_open, Mark::call);
  see_prompt(prompt_end);
}

void ReplyParser::add_mark(std::string_view text, Mark mark) {
  if (text.empty()) return;
  marks_.push_back(text);
  kinds_.push_back(mark);
}

// Only at the very end: what somebody said about marks earlier opens nothing.
void ReplyParser::see_prompt(std::string_view prompt_end) {
  const std::string_view prompt = without_blanks_behind(prompt_end);
  const auto open = [&](std::string_view mark) {
    return !mark.empty() && ends_with(prompt, without_blanks_behind(mark));
  };
  if (open(format_.reasoning_open)) open_reasoning();
  if (open(format_.head.open[0])) state_ = State::head;
  if (format_.tentative && open(format_.call_open)) open_calls(CallOpening::call, 0);
}

void ReplyParser::feed(std::string_view piece, std::vector<ReplyEvent>& events) {
  events_ = &events;
  fed_ = events.size();
  log_.report_to(events);
  reply_.raw += piece;
  run(false);
}

Reply ReplyParser::finish(std::vector<ReplyEvent>& events) {
  events_ = &events;
  fed_ = events.size();
  log_.report_to(events);
  run(true);
  if (state_ == State::reasoning && !reasoning_.text.empty()) reply_.malformed = true;
  reply_.content = std::move(content_.text);
  reply_.reasoning = std::move(reasoning_.text);
  return std::move(reply_);
}

void ReplyParser::run(bool end) {
  if (format_.plain()) {
    content_.text += rest();
    if (!rest().empty()) events_->push_back({ReplyEvent::Kind::content, 0, std::string(rest())});
    at_ = reply_.raw.size();
    return;
  }
  while (step(end)) {
  }
}

// False when nothing can be done before more comes.
bool ReplyParser::step(bool end) {
  switch (state_) {
    case State::text:
      return read_text(end);
    case State::reasoning:
      return read_reasoning(end);
    case State::head:
      return read_head(end);
    case State::calls:
      return read_calls(end);
  }
  return false;
}

bool ReplyParser::begins_bare_call() {
  if (!format_.bare_calls || !content_.text.empty()) return false;
  const size_t blanks = count_blanks(rest());
  if (blanks == rest().size() || rest()[blanks] != '{') return false;
  at_ += blanks;
  open_calls(CallOpening::brace, at_);
  return true;
}

bool ReplyParser::read_text(bool end) {
  if (begins_bare_call()) return true;
  const FoundMark found = find_mark(rest(), marks_, end);
  put(ReplyEvent::Kind::content, rest().substr(0, found.at));
  at_ += found.at;
  if (found.which == FoundMark::kNone) return false;
  pass(kinds_[found.which], marks_[found.which].size());
  return true;
}

// A mark in the text of the answer.
void ReplyParser::pass(Mark mark, size_t length) {
  const size_t begin = std::exchange(at_, at_ + length);
  const auto as_text = [&] {
    put(ReplyEvent::Kind::content, std::string_view(reply_.raw).substr(begin, length));
  };
  switch (mark) {
    case Mark::reasoning_open:
      return format_.distinct || content_.text.empty() ? open_reasoning() : as_text();
    case Mark::reasoning_close:
      // Some models repeat what the prompt has closed already.
      if (!format_.distinct && !content_.text.empty()) as_text();
      return;
    case Mark::dropped:
      return;
    case Mark::head:
      block_ = begin;
      state_ = State::head;
      return;
    case Mark::calls:
      return open_calls(CallOpening::calls, begin);
    case Mark::call: {
      // Of a run of > the last three are the mark.
      size_t last = begin;
      const auto later = [&] { return std::string_view(reply_.raw).substr(last + 1); };
      while (format_.tentative && mark_at(later(), format_.call_open) == MarkAt::yes) ++last;
      put(ReplyEvent::Kind::content, std::string_view(reply_.raw).substr(begin, last - begin));
      at_ = last + length;
      return open_calls(CallOpening::call, last);
    }
  }
}

void ReplyParser::open_reasoning() {
  state_ = State::reasoning;
  // Another block of reasoning.
  if (!reasoning_.text.empty() && reasoning_.blanks.empty()) reasoning_.blanks = "\n";
}

bool ReplyParser::read_reasoning(bool end) {
  const FoundMark found = find_mark(rest(), marks_, end);
  put(ReplyEvent::Kind::reasoning, rest().substr(0, found.at));
  at_ += found.at;
  if (found.which == FoundMark::kNone) return false;
  const std::string_view mark = marks_[found.which];
  const Mark kind = kinds_[found.which];
  if (kind == Mark::reasoning_close) {
    at_ += mark.size();
    state_ = State::text;
  } else if (kind == Mark::reasoning_open && reasoning_.text.empty()) {
    at_ += mark.size();
  } else if (format_.distinct) {
    state_ = State::text;
  } else {
    put(ReplyEvent::Kind::reasoning, mark);
    at_ += mark.size();
  }
  return true;
}

bool ReplyParser::read_head(bool end) {
  const std::array ends{format_.head.end};
  const FoundMark found = find_near(rest(), ends, kMaxHead, end);
  if (found.at > kMaxHead || (end && found.which == FoundMark::kNone)) {
    reply_.malformed = reply_.malformed || at_ > block_ || !rest().empty();
    state_ = State::text;
    const size_t begin = std::exchange(block_, at_);
    put(ReplyEvent::Kind::content, std::string_view(reply_.raw).substr(begin, at_ - begin));
    return true;
  }
  if (found.which == FoundMark::kNone) return false;
  const std::string_view head = rest().substr(0, found.at);
  const std::string_view tool = tool_in(head, format_.head.call);
  const HeadMarks& marks = format_.head;
  const bool reasons = !marks.reasoning.empty() && head.find(marks.reasoning) != head.npos;
  at_ += found.at + marks.end.size();
  if (!tool.empty()) {
    open_calls(CallOpening::named, block_, tool);
  } else if (reasons) {
    open_reasoning();
  } else {
    state_ = State::text;
  }
  return true;
}

void ReplyParser::open_calls(CallOpening opening, size_t begin, std::string_view name) {
  block_ = good_ = begin;
  tentative_ = opening == CallOpening::brace || format_.tentative;
  reader_ = make_call_reader({format_, tools_, opening, std::string(name)});
  state_ = State::calls;
}

bool ReplyParser::read_calls(bool end) {
  const std::string_view raw = reply_.raw;
  const std::string_view seen = raw.substr(0, good_ + kMaxCallBytes);
  const bool all = seen.size() == raw.size();
  const size_t before = good_;
  const CallReader::Status status = reader_->read(seen, at_, end && all, log_);
  good_ = std::max(good_, log_.behind());
  if (status == CallReader::Status::more && !(end && all)) {
    if (good_ != before) return !all;
    if (seen.size() < good_ + kMaxCallBytes) return false;
  }
  if (status == CallReader::Status::done) {
    state_ = State::text;
    return true;
  }
  reply_.malformed = reply_.malformed || !tentative_ || log_.open() || good_ > block_;
  // What may be text may hold the mark further on: four of > end with three.
  if (format_.tentative && !log_.open()) at_ = std::min(at_, block_ + 1);
  log_.discard();
  state_ = State::text;
  put(ReplyEvent::Kind::content, raw.substr(good_, at_ - good_));
  return true;
}

// Blanks wait until text follows; in front of the first text they are dropped.
void ReplyParser::put(ReplyEvent::Kind kind, std::string_view text) {
  Stream& stream = kind == ReplyEvent::Kind::reasoning ? reasoning_ : content_;
  const size_t first = stream.text.empty() ? count_blanks(text) : 0;
  text.remove_prefix(first);
  const std::string_view solid = without_blanks_behind(text);
  const std::string_view blanks = text.substr(solid.size());
  std::string out;
  if (!solid.empty()) {
    out = std::exchange(stream.blanks, {});
    out += solid;
    stream.wide = false;
  }
  stream.blanks += blanks;
  stream.wide = stream.wide || stream.blanks.size() > kMaxBlanks;
  if (stream.wide) out += std::exchange(stream.blanks, {});
  if (out.empty()) return;
  stream.text += out;
  if (events_->size() > fed_ && events_->back().kind == kind) {
    events_->back().text += out;
  } else {
    events_->push_back({kind, 0, std::move(out)});
  }
}

}  // namespace hearth::text
