// Arithmetic, also of texts and lists, and slices.
#include <algorithm>

#include "text/jinja_globals.h"
#include "text/jinja_number.h"
#include "text/jinja_string.h"

namespace hearth::text::jinja {
namespace {

tl::unexpected<Error> wrong_operands(std::string_view op, const Value& a, const Value& b) {
  return wrong("unsupported operand type(s) for ", op, ": '", type_name(a), "' and '", type_name(b),
               "'");
}

Result<Value> make_sequence(Runtime& runtime, Kind kind, std::vector<Value> items) {
  return kind == Kind::list ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

Result<Value> add(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is(Kind::string) && b.is(Kind::string)) {
    HEARTH_CHECK(runtime.room(a.text().size() + b.text().size()));
    return runtime.string(cat(a.text(), b.text()));
  }
  if (a.is_sequence() && a.kind() == b.kind()) {
    HEARTH_CHECK(runtime.room((a.items().size() + b.items().size()) * sizeof(Value)));
    HEARTH_CHECK(runtime.step((a.items().size() + b.items().size()) >> 4));
    std::vector<Value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return make_sequence(runtime, a.kind(), std::move(items));
  }
  return wrong_operands("+", a, b);
}

Result<Value> repeat(Runtime& runtime, const Value& value, int64_t times) {
  const auto count = static_cast<size_t>(std::max<int64_t>(times, 0));
  const size_t size =
      value.is(Kind::string) ? value.text().size() : value.items().size() * sizeof(Value);
  // Divided, as the product may not fit.
  if (size > 0) HEARTH_CHECK(runtime.room(count > SIZE_MAX / size ? SIZE_MAX : count * size));
  if (value.is(Kind::string)) {
    std::string text;
    for (size_t i = 0; i < count && size > 0; ++i) text += value.text();
    return runtime.string(std::move(text));
  }
  std::vector<Value> items;
  for (size_t i = 0; i < count && size > 0; ++i)
    items.insert(items.end(), value.items().begin(), value.items().end());
  HEARTH_CHECK(runtime.step(items.size() >> 4));
  return make_sequence(runtime, value.kind(), std::move(items));
}

}  // namespace

Result<Value> operate(Runtime& runtime, std::string_view op, const Value& a, const Value& b) {
  // Only % takes what is not there: as text that is formatted.
  if (a.is_undefined()) return wrong_undefined(a);
  if (op == "%" && a.is(Kind::string)) return percent_format(runtime, a.text(), b);
  if (b.is_undefined()) return wrong_undefined(b);
  if (a.is_number() && b.is_number())
    return op == "**" ? power(a, b) : compute(op == "//" ? 'q' : op[0], a, b);
  if (op == "+") return add(runtime, a, b);
  if (op == "*") {
    if ((a.is(Kind::string) || a.is_sequence()) && b.is_whole())
      return repeat(runtime, a, b.as_integer());
    if ((b.is(Kind::string) || b.is_sequence()) && a.is_whole())
      return repeat(runtime, b, a.as_integer());
  }
  return wrong_operands(op, a, b);
}

namespace {

struct Slice {
  int64_t start = 0;
  int64_t step = 1;
  int64_t count = 0;
};

Result<int64_t> slice_index(const Value& value, int64_t fallback) {
  if (value.is(Kind::missing) || value.is(Kind::none)) return fallback;
  if (value.is_whole()) return value.as_integer();
  if (value.is_undefined()) return wrong("slice indices must be integers or None");
  return wrong("slice indices must be integers or None, not ", type_name(value));
}

Result<Slice> slice_within(int64_t size, const Value& start, const Value& stop, const Value& step) {
  Slice slice;
  HEARTH_TRY(slice.step, slice_index(step, 1));
  if (slice.step == 0) return wrong("slice step cannot be zero");
  if (slice.step == INT64_MIN) slice.step = -INT64_MAX;
  const bool forward = slice.step > 0;
  const auto clamp = [&](int64_t index) {
    if (index < 0) index = std::max(index + size, forward ? int64_t{0} : int64_t{-1});
    return std::min(index, forward ? size : size - 1);
  };
  // Beyond every index: not counted from the end.
  HEARTH_TRY(const int64_t first, slice_index(start, forward ? 0 : INT64_MAX));
  HEARTH_TRY(const int64_t last, slice_index(stop, forward ? INT64_MAX : INT64_MIN));
  slice.start = clamp(first);
  const bool open = stop.is(Kind::missing) || stop.is(Kind::none);
  const int64_t end = open ? (forward ? size : -1) : clamp(last);
  const int64_t gap = forward ? end - slice.start : slice.start - end;
  if (gap > 0) slice.count = (gap - 1) / (forward ? slice.step : -slice.step) + 1;
  return slice;
}

Result<Value> slice_text(Runtime& runtime, const Value& value, const Value& start,
                         const Value& stop, const Value& step) {
  const std::string_view text = value.text();
  HEARTH_CHECK(runtime.step(text.size() >> 6));
  HEARTH_TRY(const Slice slice,
             slice_within(static_cast<int64_t>(code_points(text)), start, stop, step));
  if (slice.count == 0) return runtime.string("");
  if (slice.step == 1) {
    const size_t begin = byte_of(text, static_cast<size_t>(slice.start));
    const size_t length = byte_of(text.substr(begin), static_cast<size_t>(slice.count));
    return runtime.string(std::string(text.substr(begin, length)));
  }
  std::vector<size_t> begins;
  for (size_t at = 0; at < text.size(); at += utf8_length(static_cast<unsigned char>(text[at])))
    begins.push_back(at);
  begins.push_back(text.size());
  std::string out;
  for (int64_t i = 0; i < slice.count; ++i) {
    const auto at = static_cast<size_t>(slice.start + i * slice.step);
    out += text.substr(begins[at], begins[at + 1] - begins[at]);
  }
  return runtime.string(std::move(out));
}

}  // namespace

Result<Value> slice_of(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
                       const Value& step) {
  if (value.is_undefined()) return wrong_undefined(value);
  if (value.is(Kind::string)) return slice_text(runtime, value, start, stop, step);
  if (value.is(Kind::range)) {
    const Range& range = value.as<Range>();
    HEARTH_TRY(const Slice slice, slice_within(range.size(), start, stop, step));
    // Without a sign, as the ends may lie beyond 64 bits.
    const auto up = [](int64_t a) { return static_cast<uint64_t>(a); };
    const auto by = slice.count < 2 ? up(range.step) : up(range.step) * up(slice.step);
    const int64_t first = range.at(slice.start);
    const auto end = static_cast<int64_t>(up(first) + by * up(slice.count));
    return Value::object(Kind::range, std::make_unique<Range>(runtime.ledger(), first, end,
                                                              static_cast<int64_t>(by)));
  }
  if (!value.is_sequence()) return wrong("'", type_name(value), "' object cannot be sliced");
  const std::vector<Value>& items = value.items();
  HEARTH_TRY(const Slice slice,
             slice_within(static_cast<int64_t>(items.size()), start, stop, step));
  HEARTH_CHECK(runtime.step(static_cast<size_t>(slice.count) >> 4));
  std::vector<Value> out;
  out.reserve(static_cast<size_t>(slice.count));
  for (int64_t i = 0; i < slice.count; ++i)
    out.push_back(items[static_cast<size_t>(slice.start + i * slice.step)]);
  return make_sequence(runtime, value.kind(), std::move(out));
}

}  // namespace hearth::text::jinja
