// Calls with arguments in other literals than JSON: [f(a=1, b='x')] and f{a:1,b:<|"|>x<|"|>}. The
// end of the arguments is found as they come; they are read when they are complete.
#include <array>
#include <optional>

#include "base/text.h"
#include "text/reply_calls.h"
#include "text/reply_text.h"
#include "text/reply_value.h"

namespace hearth::text {

namespace {

constexpr std::string_view kBraceQuote = "<|\"|>";

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':' || static_cast<unsigned char>(c) >= 0x80;
}

class LiteralReader : public CallReader {
 public:
  explicit LiteralReader(const CallContext& context)
      : context_(context),
        kind_(context.format.syntax == CallSyntax::python ? LiteralKind::python
                                                          : LiteralKind::braces),
        state_(kind_ == LiteralKind::python ? State::begin : State::name) {}

  Status read(std::string_view text, size_t& at, bool end, CallLog& log) override {
    while (true) {
      const State before = state_;
      const size_t from = at;
      const Status status = step(text, at, end, log);
      if (status != Status::more || (state_ == before && at == from)) return status;
    }
  }

 private:
  enum class State : uint8_t { begin, name, arguments, between, close };

  Status step(std::string_view text, size_t& at, bool end, CallLog& log) {
    switch (state_) {
      case State::begin:
        return begin(text, at, end);
      case State::name:
        return read_name(text, at, end, log);
      case State::arguments:
        return read_arguments(text, at, end, log);
      case State::between:
        return between(text, at, end);
      case State::close:
        break;
    }
    return read_close(context_.format.call_close, text, at, end);
  }

  Status begin(std::string_view text, size_t& at, bool end) {
    at += count_blanks(text.substr(at));
    if (at >= text.size()) return end ? Status::bad : Status::more;
    list_ = text[at] == '[';
    at += list_ ? 1 : 0;
    state_ = State::name;
    return Status::more;
  }

  Status read_name(std::string_view text, size_t& at, bool end, CallLog& log) {
    at += count_blanks(text.substr(at));
    const std::string_view rest = text.substr(at);
    size_t length = 0;
    while (length < rest.size() && length <= CallLog::kMaxNameBytes && is_name_char(rest[length]))
      ++length;
    if (length == rest.size()) return end ? Status::bad : Status::more;
    if (list_ && !any_ && length == 0 && rest[0] == ']') {
      at += 1;
      state_ = State::close;
      return Status::more;
    }
    const char open = kind_ == LiteralKind::python ? '(' : '{';
    if (rest[length] != open || !log.begin(rest.substr(0, length))) return Status::bad;
    at += length + 1;
    begin_ = at;
    depth_ = 1;
    quote_ = 0;
    state_ = State::arguments;
    return Status::more;
  }

  // Moves to the bracket that closes.
  Status read_arguments(std::string_view text, size_t& at, bool end, CallLog& log) {
    while (depth_ > 0) {
      if (at >= text.size()) return end ? Status::bad : Status::more;
      const Status status =
          kind_ == LiteralKind::python ? scan_python(text, at, end) : scan_braces(text, at, end);
      if (status != Status::done) return status;
    }
    const auto json = json_of_arguments(text.substr(begin_, at - 1 - begin_), kind_);
    if (!json) return Status::bad;
    log.arguments(*json);
    if (!log.end("", at)) return Status::bad;
    any_ = true;
    state_ = list_ ? State::between : State::close;
    return Status::more;
  }

  void count_brackets(char c) {
    if (c == '(' || c == '[' || c == '{') ++depth_;
    if (c == ')' || c == ']' || c == '}') --depth_;
  }

  // One character, or a quote together with what tells whether it ends a string; `more` when that
  // has not come yet.
  Status scan_python(std::string_view text, size_t& at, bool end) {
    const char c = text[at];
    if (quote_ == 0) {
      if (c == '\'' || c == '"') quote_ = c;
      count_brackets(c);
    } else if (c == '\\') {
      if (at + 1 >= text.size()) return end ? Status::bad : Status::more;
      ++at;
    } else if (c == quote_) {
      const auto ends = ends_string(text, at);
      if (!ends) return end ? Status::bad : Status::more;
      if (*ends) quote_ = 0;
    }
    ++at;
    return Status::done;
  }

  Status scan_braces(std::string_view text, size_t& at, bool end) {
    constexpr std::array kMarks{kBraceQuote};
    if (quote_ != 0) {
      const FoundMark found = find_mark(text.substr(at), kMarks, end);
      at += found.at;
      if (found.which == FoundMark::kNone) return end ? Status::bad : Status::more;
      at += kBraceQuote.size();
      quote_ = 0;
      return Status::done;
    }
    const MarkAt match = mark_at(text.substr(at), kBraceQuote);
    if (match == MarkAt::maybe) return end ? Status::bad : Status::more;
    quote_ = match == MarkAt::yes ? '"' : '\0';
    count_brackets(text[at]);
    at += quote_ != 0 ? kBraceQuote.size() : 1;
    return Status::done;
  }

  Status between(std::string_view text, size_t& at, bool end) {
    at += count_blanks(text.substr(at));
    if (at >= text.size()) return end ? Status::bad : Status::more;
    if (text[at] != ',' && text[at] != ']') return Status::bad;
    state_ = text[at] == ',' ? State::name : State::close;
    ++at;
    return Status::more;
  }

  CallContext context_;
  LiteralKind kind_;
  State state_;
  bool list_ = false;
  bool any_ = false;  // call
  size_t begin_ = 0;  // of the arguments
  size_t depth_ = 0;
  char quote_ = 0;
};

}  // namespace

std::unique_ptr<CallReader> make_literal_reader(const CallContext& context) {
  return std::make_unique<LiteralReader>(context);
}

}  // namespace hearth::text
