// Calls as marks around names and values: <invoke name="f"><parameter name="a">1</parameter>.
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "text/reply_calls.h"
#include "text/reply_text.h"
#include "text/reply_value.h"

namespace hearth::text {

namespace {

constexpr size_t kMaxHead = 1024;  // bytes of a name and its attributes
constexpr std::string_view kCdataOpen = "<![CDATA[";
constexpr std::string_view kCdataClose = "]]>";

// What stands in front of the quote that ends a name, and what stands behind it.
struct Head {
  std::string name;
  std::string_view attributes;
};

Head head_of(std::string_view text) {
  const size_t quote = std::min(text.find('"'), text.size());
  Head head{std::string(trim(text.substr(0, quote))), text.substr(quote)};
  for (const auto& [from, to] : {std::pair{"&quot;", "\""}, std::pair{"&amp;", "&"}})
    for (size_t at = head.name.find(from); at != head.name.npos; at = head.name.find(from, at + 1))
      head.name.replace(at, std::string_view(from).size(), to);
  return head;
}

class TagReader : public CallReader {
 public:
  explicit TagReader(const CallContext& context) : context_(context) {
    if (context.opening == CallOpening::calls) state_ = State::between;
  }

  Status read(std::string_view text, size_t& at, bool end, CallLog& log) override {
    while (true) {
      const State before = state_;
      const size_t from = at;
      const Status status = step(text, at, end, log);
      if (status != Status::more || (state_ == before && at == from)) return status;
    }
  }

 private:
  enum class State : uint8_t {
    between,
    name,
    parameters,
    parameter_name,
    value_open,
    value,
    all,  // arguments at once
    done,
  };

  Status step(std::string_view text, size_t& at, bool end, CallLog& log) {
    switch (state_) {
      case State::between:
        return between(text, at, end);
      case State::name:
        return read_name(text, at, end, log);
      case State::parameters:
        return read_parameters(text, at, end, log);
      case State::parameter_name:
        return read_parameter_name(text, at, end);
      case State::value_open:
        return read_value_open(text, at, end);
      case State::value:
        return read_value(text, at, end);
      case State::all:
        return read_all(text, at, end);
      case State::done:
        break;
    }
    return Status::done;
  }

  static Status wait(bool end) { return end ? Status::bad : Status::more; }

  Status between(std::string_view text, size_t& at, bool end) {
    bool opened = false;
    const Status status = read_between(context_, text, at, end, any_, opened);
    if (opened) state_ = State::name;
    return status;
  }

  Status read_name(std::string_view text, size_t& at, bool end, CallLog& log) {
    const ReplyFormat& format = context_.format;
    const std::array ends{format.name_end.empty() ? std::string_view("<") : format.name_end};
    const FoundMark found = find_near(text.substr(at), ends, kMaxHead, end);
    if (found.at > kMaxHead) return Status::bad;
    if (found.which == FoundMark::kNone) return wait(end);
    tool_ = head_of(text.substr(at, found.at)).name;
    if (tool_.find('<') != tool_.npos || !log.begin(tool_)) return Status::bad;
    at += found.at + format.name_end.size();
    arguments_ = "{";
    all_.clear();
    keys_.clear();
    state_ = State::parameters;
    return Status::more;
  }

  Status read_parameters(std::string_view text, size_t& at, bool end, CallLog& log) {
    const ReplyFormat& format = context_.format;
    at += count_blanks(text.substr(at));
    const std::string_view rest = text.substr(at);
    bool maybe = rest.empty();
    for (const std::string_view mark :
         {format.parameter.open, format.call_close, format.arguments_open}) {
      const MarkAt match = mark_at(rest, mark);
      maybe = maybe || match == MarkAt::maybe;
      if (match != MarkAt::yes) continue;
      at += mark.size();
      value_begin_ = at;
      if (mark == format.call_close) return end_call(at, log);
      state_ = mark == format.parameter.open ? State::parameter_name : State::all;
      return Status::more;
    }
    return maybe ? wait(end) : Status::bad;
  }

  Status read_parameter_name(std::string_view text, size_t& at, bool end) {
    const ParameterMarks& marks = context_.format.parameter;
    const std::array ends{marks.name_end};
    const FoundMark found = find_near(text.substr(at), ends, kMaxHead, end);
    if (found.at > kMaxHead) return Status::bad;
    if (found.which == FoundMark::kNone) return wait(end);
    const Head head = head_of(text.substr(at, found.at));
    if (head.name.empty() || !keys_.insert(head.name).second) return Status::bad;
    key_ = head.name;
    typed_ = Typed::by_schema;
    if (!marks.string_attribute.empty() && head.attributes.size() > 1) {
      const bool is_string = head.attributes.find(marks.string_attribute) != std::string::npos;
      typed_ = is_string ? Typed::string : Typed::json;
    }
    at += found.at + marks.name_end.size();
    begin_value(at);
    state_ = marks.value_open.empty() ? State::value : State::value_open;
    return Status::more;
  }

  Status read_value_open(std::string_view text, size_t& at, bool end) {
    const std::string_view mark = context_.format.parameter.value_open;
    at += count_blanks(text.substr(at));
    const MarkAt match = mark_at(text.substr(at), mark);
    if (match == MarkAt::maybe) return wait(end);
    if (match == MarkAt::no) return Status::bad;
    at += mark.size();
    begin_value(at);
    state_ = State::value;
    return Status::more;
  }

  void begin_value(size_t at) {
    value_begin_ = at;
    cdata_ = false;
    cdata_known_ = !context_.format.parameter.cdata;
  }

  Status read_value(std::string_view text, size_t& at, bool end) {
    if (!cdata_known_) {
      const MarkAt match = mark_at(text.substr(at), kCdataOpen);
      if (match == MarkAt::maybe && !end) return Status::more;
      cdata_ = match == MarkAt::yes;
      cdata_known_ = true;
      if (cdata_) value_begin_ = at += kCdataOpen.size();
    }
    const std::string_view close = context_.format.parameter.close;
    const std::string cdata_close = cat(kCdataClose, close);
    const std::array ends{cdata_ ? std::string_view(cdata_close) : close};
    const FoundMark found = find_mark(text.substr(at), ends, end);
    at += found.at;
    if (found.which == FoundMark::kNone) return wait(end);
    std::string_view value = text.substr(value_begin_, at - value_begin_);
    if (context_.format.parameter.framed) {
      value.remove_prefix(starts_with(value, "\n") ? 1 : 0);
      value.remove_suffix(ends_with(value, "\n") ? 1 : 0);
    }
    add(value);
    at += ends[0].size();
    state_ = State::parameters;
    return Status::more;
  }

  void add(std::string_view value) {
    if (arguments_.size() > 1) arguments_ += ", ";
    append_json_string(arguments_, key_);
    arguments_ += ": ";
    if (typed_ == Typed::json && nlohmann::json::accept(value)) {
      arguments_ += trim(value);
    } else if (typed_ != Typed::by_schema || cdata_) {
      append_json_string(arguments_, value);
    } else {
      arguments_ +=
          json_of_value(value, context_.tools.types_of(tool_, key_), context_.format.python_values);
    }
  }

  Status read_all(std::string_view text, size_t& at, bool end) {
    const std::array ends{context_.format.arguments_close};
    const FoundMark found = find_mark(text.substr(at), ends, end);
    at += found.at;
    if (found.which == FoundMark::kNone) return wait(end);
    if (!all_.empty() || !keys_.empty()) return Status::bad;
    all_ = trim(text.substr(value_begin_, at - value_begin_));
    at += ends[0].size();
    state_ = State::parameters;
    return Status::more;
  }

  Status end_call(size_t at, CallLog& log) {
    arguments_ += '}';
    if (!all_.empty() && !keys_.empty()) return Status::bad;
    log.arguments(all_.empty() ? arguments_ : all_);
    if (!log.end("", at)) return Status::bad;
    any_ = true;
    const bool single = context_.opening != CallOpening::calls && !context_.format.lone_calls;
    state_ = single ? State::done : State::between;
    return Status::more;
  }

  enum class Typed : uint8_t { by_schema, string, json };

  CallContext context_;
  State state_ = State::name;
  bool any_ = false;  // call
  std::string tool_;
  std::string key_;
  Typed typed_ = Typed::by_schema;
  bool cdata_ = false;
  bool cdata_known_ = false;
  size_t value_begin_ = 0;
  std::string arguments_;
  std::string all_;
  std::set<std::string> keys_;
};

}  // namespace

std::unique_ptr<CallReader> make_tag_reader(const CallContext& context) {
  return std::make_unique<TagReader>(context);
}

}  // namespace hearth::text
