#include "text/json_scanner.h"

namespace hearth::text {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

bool JsonScanner::in_string() const { return state_ == State::string; }

JsonScanner::Step JsonScanner::ended() {
  state_ = State::next;
  return containers_.empty() ? Step::done : Step::more;
}

JsonScanner::Step JsonScanner::open(char c) {
  if (containers_.size() >= kMaxDepth) return Step::bad;
  containers_.push_back(c);
  state_ = c == '{' ? State::key_first : State::first;
  return Step::more;
}

JsonScanner::Step JsonScanner::close(char c) {
  if (containers_.empty() || containers_.back() != (c == '}' ? '{' : '[')) return Step::bad;
  containers_.pop_back();
  return ended();
}

JsonScanner::Step JsonScanner::value(char c) {
  if (is_blank(c)) return Step::more;
  const auto to = [&](State state) {
    state_ = state;
    return Step::more;
  };
  const auto literal = [&](std::string_view rest) {
    rest_ = rest;
    return to(State::literal);
  };
  switch (c) {
    case '{':
    case '[':
      return open(c);
    case '"':
      is_key_ = false;
      return to(State::string);
    case 't':
      return literal("rue");
    case 'f':
      return literal("alse");
    case 'n':
      return literal("ull");
    case '-':
      return to(State::minus);
    case '0':
      return to(State::zero);
    default:
      return is_digit(c) ? to(State::digits) : Step::bad;
  }
}

JsonScanner::Step JsonScanner::string(char c) {
  if (state_ == State::escape) {
    if (c == 'u') {
      hex_digits_ = 4;
      state_ = State::hex;
      return Step::more;
    }
    state_ = State::string;
    return std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos ? Step::bad
                                                                            : Step::more;
  }
  if (state_ == State::hex) {
    if (!is_hex(c)) return Step::bad;
    if (--hex_digits_ == 0) state_ = State::string;
    return Step::more;
  }
  if (c == '\\') state_ = State::escape;
  if (c != '"') return Step::more;
  if (!is_key_) return ended();
  state_ = State::colon;
  return Step::more;
}

JsonScanner::Step JsonScanner::number(char c) {
  const auto to = [&](State state) {
    state_ = state;
    return Step::more;
  };
  switch (state_) {
    case State::minus:
      if (c == '0') return to(State::zero);
      return is_digit(c) ? to(State::digits) : Step::bad;
    case State::point:
      return is_digit(c) ? to(State::fraction) : Step::bad;
    case State::exponent:
      if (c == '+' || c == '-') return to(State::exponent_sign);
      [[fallthrough]];
    case State::exponent_sign:
      return is_digit(c) ? to(State::exponent_digits) : Step::bad;
    default:
      break;
  }
  if (is_digit(c) && state_ != State::zero) return Step::more;
  const bool whole = state_ == State::zero || state_ == State::digits;
  if (c == '.' && whole) return to(State::point);
  if ((c == 'e' || c == 'E') && state_ != State::exponent_digits) return to(State::exponent);
  state_ = State::next;
  return containers_.empty() ? Step::before : next(c);
}

JsonScanner::Step JsonScanner::next(char c) {
  if (is_blank(c)) return Step::more;
  if (c == '}' || c == ']') return close(c);
  if (c != ',' || containers_.empty()) return Step::bad;
  state_ = containers_.back() == '{' ? State::key : State::value;
  return Step::more;
}

JsonScanner::Step JsonScanner::push(char c) {
  switch (state_) {
    case State::first:
      if (c == ']') return close(c);
      if (!is_blank(c)) state_ = State::value;
      [[fallthrough]];
    case State::value:
      return value(c);
    case State::key_first:
      if (c == '}') return close(c);
      [[fallthrough]];
    case State::key:
      if (is_blank(c)) return Step::more;
      if (c != '"') return Step::bad;
      is_key_ = true;
      state_ = State::string;
      return Step::more;
    case State::colon:
      if (c == ':') state_ = State::value;
      return c == ':' || is_blank(c) ? Step::more : Step::bad;
    case State::next:
      return next(c);
    case State::string:
    case State::escape:
    case State::hex:
      return string(c);
    case State::literal:
      if (c != rest_.front()) return Step::bad;
      rest_.remove_prefix(1);
      return rest_.empty() ? ended() : Step::more;
    default:
      return number(c);
  }
}

}  // namespace hearth::text
