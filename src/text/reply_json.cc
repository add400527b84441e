// Calls as JSON objects: {"name": "f", "arguments": {...}}, [{...}, {...}], [{"f": {...}}].
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "text/reply_arguments.h"
#include "text/reply_calls.h"
#include "text/reply_text.h"
#include "text/reply_value.h"

namespace hearth::text {

JsonScanner::Step JsonValue::push(char c) {
  const bool raw = scanner_.in_string() && static_cast<unsigned char>(c) < 0x20;
  const JsonScanner::Step step = scanner_.push(c);
  if (step == JsonScanner::Step::before || step == JsonScanner::Step::bad) return step;
  if (raw) {
    std::string quoted;
    append_json_string(quoted, std::string_view(&c, 1));
    text_.append(quoted, 1, quoted.size() - 2);
  } else {
    text_ += c;
  }
  return step;
}

std::string arguments_of(std::string_view text) {
  const auto value = nlohmann::json::parse(text, nullptr, false);
  if (value.is_object()) return std::string(text);
  if (value.is_null()) return "{}";
  const auto* inner = value.get_ptr<const nlohmann::json::string_t*>();
  if (inner == nullptr) return "";
  const std::string_view words = trim(*inner);
  const auto parsed = nlohmann::json::parse(words, nullptr, false);
  return words.empty() ? "{}" : parsed.is_object() ? std::string(words) : "";
}

namespace {

class JsonReader : public CallReader {
 public:
  explicit JsonReader(const CallContext& context)
      : context_(context), keyed_(context.format.syntax == CallSyntax::keyed_json) {}

  Status read(std::string_view text, size_t& at, bool end, CallLog& log) override {
    while (state_ != State::close) {
      if (state_ == State::between) {
        if (const auto status = between(text, at, end)) return *status;
        continue;
      }
      if (at >= text.size()) {
        pass_on(log);
        return end ? Status::bad : Status::more;
      }
      const Move move = push(text[at], at, log);
      if (move == Move::bad) {
        pass_on(log);
        return Status::bad;
      }
      at += move == Move::next ? 1 : 0;
    }
    return read_close(context_.format.call_close, text, at, end);
  }

 private:
  enum class State : uint8_t {
    begin,   // of a list or an object
    object,  // must begin
    key,     // must begin, or the object ends if it has none
    in_key,
    colon,
    value,  // must begin
    in_value,
    next,     // behind a value
    between,  // behind an object
    close,
  };
  enum class Key : uint8_t { name, arguments, id, other };
  enum class Move : uint8_t { next, stay, bad };

  Move to(State state) {
    state_ = state;
    return Move::next;
  }

  Move push(char c, size_t at, CallLog& log) {
    if (state_ == State::in_key) return push_key(c);
    if (state_ == State::in_value) return push_value(c, log);
    if (kReplyBlanks.find(c) != kReplyBlanks.npos) return Move::next;
    switch (state_) {
      case State::begin:
        list_ = c == '[' && context_.opening != CallOpening::brace;
        if (list_) return to(State::object);
        [[fallthrough]];
      case State::object:
        if (c == ']' && list_ && !any_) return to(State::close);
        return c == '{' ? begin_object() : Move::bad;
      case State::key:
        return c == '"' ? begin_key() : Move::bad;
      case State::colon:
        return c == ':' ? to(State::value) : Move::bad;
      case State::value:
        return begin_value(c, log);
      case State::next:
        if (c == ',') return to(State::key);
        return c == '}' ? end_object(at, log) : Move::bad;
      default:
        return Move::bad;
    }
  }

  // A list goes on with a comma or ends. Without a list, more objects may follow where a mark is
  // going to close. Nothing when the state tells how to go on.
  std::optional<Status> between(std::string_view text, size_t& at, bool end) {
    const size_t gap = count_gap(text.substr(at));
    const size_t next = at + gap;
    if (gap == kMaxReplyGap) return Status::bad;
    const bool nothing = next >= text.size();
    if (nothing && (list_ || (!end && !context_.format.call_close.empty())))
      return end ? Status::bad : Status::more;
    if (list_) {
      if (text[next] != ',' && text[next] != ']') return Status::bad;
      state_ = text[next] == ',' ? State::object : State::close;
      at = next + 1;
    } else if (!nothing && text[next] == '{' && !context_.format.call_close.empty()) {
      state_ = State::object;
      at = next;
    } else {
      state_ = State::close;
    }
    return std::nullopt;
  }

  Move begin_object() {
    any_ = true;
    name_.reset();
    arguments_.reset();
    id_.clear();
    return to(State::key);
  }

  Move begin_key() {
    value_ = {};
    (void)value_.push('"');
    return to(State::in_key);
  }

  Move push_key(char c) {
    const JsonScanner::Step step = value_.push(c);
    if (step == JsonScanner::Step::more) return Move::next;
    if (step != JsonScanner::Step::done) return Move::bad;
    if (keyed_) {
      key_ = Key::arguments;
      return name_ || !set_name(value_.text()) ? Move::bad : to(State::colon);
    }
    const std::string& key = value_.text();
    key_ = Key::other;
    if (key == "\"name\"" || key == "\"tool_name\"") key_ = Key::name;
    if (key == "\"arguments\"" || key == "\"parameters\"") key_ = Key::arguments;
    if (key == "\"id\"" || key == "\"tool_call_id\"") key_ = Key::id;
    // What no call has would be lost; and JSON that is the answer itself shows early.
    const bool odd = key_ == Key::other && key != "\"type\"" && key != "\"index\"";
    if (odd) return Move::bad;
    return to(State::colon);
  }

  Move begin_value(char c, CallLog& log) {
    value_ = {};
    state_ = State::in_value;
    if (key_ == Key::arguments) {
      if (arguments_) return Move::bad;
      if (c == '{' && name_ && !begin_call(log)) return Move::bad;
    }
    return push_value(c, log);
  }

  Move push_value(char c, CallLog& log) {
    const JsonScanner::Step step = value_.push(c);
    if (step == JsonScanner::Step::more) return Move::next;
    if (step == JsonScanner::Step::bad || !end_value(log)) return Move::bad;
    state_ = State::next;
    return step == JsonScanner::Step::done ? Move::next : Move::stay;
  }

  bool end_value(CallLog& log) {
    switch (key_) {
      case Key::name:
        return !name_ && set_name(value_.text());
      case Key::arguments:
        arguments_ = "";
        if (log.open()) {
          log.arguments(value_.take());
          return true;
        }
        arguments_ = arguments_of(value_.text());
        return !arguments_->empty();
      case Key::id: {
        const auto id = nlohmann::json::parse(value_.text(), nullptr, false);
        id_ = id.is_string() ? id.get<std::string>() : value_.text();
        return true;
      }
      case Key::other:
        return true;
    }
    return false;
  }

  bool set_name(std::string_view json) {
    const auto name = nlohmann::json::parse(json, nullptr, false);
    if (name.is_string()) name_ = name.get<std::string>();
    return name.is_string();
  }

  bool begin_call(CallLog& log) {
    const bool may_be_answer = context_.opening == CallOpening::brace;
    if (may_be_answer && !context_.tools.empty() && !context_.tools.knows(*name_)) return false;
    return log.begin(*name_);
  }

  Move end_object(size_t at, CallLog& log) {
    if (!log.open()) {
      const bool enough = name_ && (arguments_ || context_.opening != CallOpening::brace);
      if (!enough || !begin_call(log)) return Move::bad;
      log.arguments(arguments_.value_or("{}"));
    }
    return log.end(id_, at + 1) ? to(State::between) : Move::bad;
  }

  // What has come of arguments whose tool is known.
  void pass_on(CallLog& log) {
    if (state_ == State::in_value && key_ == Key::arguments && log.open())
      log.arguments(value_.take());
  }

  CallContext context_;
  bool keyed_;
  State state_ = State::begin;
  bool list_ = false;
  bool any_ = false;  // object
  Key key_ = Key::other;
  JsonValue value_;
  std::optional<std::string> name_;
  std::optional<std::string> arguments_;  // "" when they have been passed on
  std::string id_;
};

}  // namespace

std::unique_ptr<CallReader> make_json_reader(const CallContext& context) {
  return std::make_unique<JsonReader>(context);
}

}  // namespace hearth::text
