// Calls as a name between marks and arguments as JSON: [TOOL_CALLS]f[ARGS]{...}.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "text/reply_arguments.h"
#include "text/reply_calls.h"
#include "text/reply_text.h"

namespace hearth::text {

namespace {

constexpr size_t kMaxHead = 512;  // bytes between a call's mark and its arguments

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

class NamedReader : public CallReader {
 public:
  explicit NamedReader(const CallContext& context) : context_(context) {
    if (context.opening == CallOpening::calls) state_ = State::between;
    if (context.opening == CallOpening::named) state_ = State::begin;
    name_ = context.name;
  }

  Status read(std::string_view text, size_t& at, bool end, CallLog& log) override {
    if (list_) return list_->read(text, at, end, log);
    while (true) {
      Status status = Status::more;
      const State before = state_;
      switch (state_) {
        case State::between:
          status = between(text, at, end);
          break;
        case State::name:
          status = read_name(text, at, end);
          if (list_) return list_->read(text, at, end, log);
          break;
        case State::begin:
          status = begin(text, at, end, log);
          break;
        case State::arguments:
          status = read_arguments(text, at, end, log);
          break;
        case State::tail:
          status = read_tail(text, at, end);
          break;
        case State::done:
          return Status::done;
      }
      if (status != Status::more || state_ == before) return status;
    }
  }

 private:
  enum class State : uint8_t { between, name, begin, arguments, tail, done };

  Status between(std::string_view text, size_t& at, bool end) {
    bool opened = false;
    const Status status = read_between(context_, text, at, end, any_, opened);
    if (opened) state_ = State::name;
    return status;
  }

  Status read_name(std::string_view text, size_t& at, bool end) {
    const ReplyFormat& format = context_.format;
    const std::string_view rest = text.substr(at);
    const size_t blanks = count_gap(rest);
    if (format.json_too && blanks < rest.size() && (rest[blanks] == '[' || rest[blanks] == '{')) {
      list_ = make_json_reader(context_);
      return Status::more;
    }
    const std::array ends{format.name_end.empty() ? std::string_view("{") : format.name_end};
    const FoundMark found = find_near(rest, ends, kMaxHead, end);
    const std::string_view head = rest.substr(0, found.at);
    // What may be an answer shows early.
    if (format.tentative && !std::all_of(head.begin(), head.end(), is_name_char))
      return Status::bad;
    if (head.size() > kMaxHead) return Status::bad;
    if (found.which == FoundMark::kNone) return end ? Status::bad : Status::more;
    set_name(head);
    at += head.size() + format.name_end.size();
    state_ = format.tentative && name_ == format.answer_name ? State::done : State::begin;
    return Status::more;
  }

  void set_name(std::string_view head) {
    const ReplyFormat& format = context_.format;
    id_.clear();
    if (!format.id_open.empty()) {
      if (const size_t id = head.find(format.id_open); id != head.npos) {
        id_ = trim(head.substr(id + format.id_open.size()));
        head = head.substr(0, id);
      }
    }
    // In front of the separator stands the kind of the tool; where nothing follows, the name.
    if (const size_t sep = head.find(format.name_sep);
        !format.name_sep.empty() && sep != head.npos) {
      const std::string_view behind = trim(head.substr(sep + format.name_sep.size()));
      head = behind.empty() ? head.substr(0, sep) : behind.substr(0, behind.find('\n'));
    }
    head = trim(head);
    if (format.numbered) {
      id_ = head;
      const size_t colon = head.rfind(':');
      if (colon != head.npos && head.find_first_not_of("0123456789", colon + 1) == head.npos)
        head = head.substr(0, colon);
      if (starts_with(head, "functions.")) head.remove_prefix(10);
    }
    name_ = head;
  }

  Status begin(std::string_view text, size_t& at, bool end, CallLog& log) {
    at += count_blanks(text.substr(at));
    if (at >= text.size()) return end ? Status::bad : Status::more;
    if (text[at] != '{' || !log.begin(name_)) return Status::bad;
    value_ = {};
    state_ = State::arguments;
    return Status::more;
  }

  Status read_arguments(std::string_view text, size_t& at, bool end, CallLog& log) {
    JsonScanner::Step step = JsonScanner::Step::more;
    while (step == JsonScanner::Step::more && at < text.size()) {
      step = value_.push(text[at]);
      at += step == JsonScanner::Step::bad ? 0 : 1;
    }
    log.arguments(value_.take());
    if (step == JsonScanner::Step::more) return end ? Status::bad : Status::more;
    if (step != JsonScanner::Step::done || !log.end(id_, at)) return Status::bad;
    any_ = true;
    tail_seen_ = context_.format.tail.empty();
    state_ = State::tail;
    return Status::more;
  }

  Status read_tail(std::string_view text, size_t& at, bool end) {
    if (!tail_seen_) {
      const std::string_view tail = context_.format.tail;
      const size_t blanks = count_gap(text.substr(at));
      const MarkAt match = mark_at(text.substr(at + blanks), tail);
      if (match == MarkAt::maybe && !end) return Status::more;
      if (match == MarkAt::yes) at += blanks + tail.size();
      tail_seen_ = true;
    }
    const Status closed = read_close(context_.format.call_close, text, at, end);
    if (closed != Status::done) return closed;
    const bool more = context_.opening == CallOpening::calls;
    state_ = more ? State::between : State::done;
    return Status::more;
  }

  CallContext context_;
  State state_ = State::name;
  std::unique_ptr<CallReader> list_;
  JsonValue value_;
  std::string name_;
  std::string id_;
  bool any_ = false;        // call
  bool tail_seen_ = false;  // or missing
};

}  // namespace

std::unique_ptr<CallReader> make_named_reader(const CallContext& context) {
  return std::make_unique<NamedReader>(context);
}

}  // namespace hearth::text
