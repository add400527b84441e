// Filters of numbers and of values of any kind.
#include <algorithm>
#include <cmath>

#include "text/jinja_filters.h"
#include "text/jinja_number.h"
#include "text/jinja_string.h"

namespace hearth::text::jinja {
namespace {

Result<Value> absolute(Runtime&, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("abs", args, {}));
  if (value.is_undefined()) return wrong("bad operand type for abs(): 'Undefined'");
  if (!value.is_number()) return wrong("bad operand type for abs(): '", type_name(value), "'");
  if (value.is(Kind::real)) return Value::real(std::fabs(value.as_real()));
  if (value.as_integer() >= 0) return Value::integer(value.as_integer());
  return compute('-', Value::integer(0), value);
}

Result<Value> attribute(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("attr", args, {{"name", true}}));
  HEARTH_TRY(const std::string_view name, bound.text(0));
  // Attributes alone, no items: a dict has only its methods.
  if (value.is(Kind::dict)) {
    HEARTH_TRY(const Value empty, runtime.dict({}));
    HEARTH_TRY(const Value method, runtime.attribute(empty, name));
    if (method.is_undefined()) return method;
  }
  return runtime.attribute(value, name);
}

Result<Value> fall_back(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("default", args, {{"default_value"}, {"boolean"}}));
  const bool replaced = value.is_undefined() || (bound.truth_or(1, false) && !truth(value));
  return replaced ? bound.value_or(0, runtime.string("")) : value;
}

// float(value); nullopt for what Python refuses with TypeError or ValueError.
Result<std::optional<double>> real_of(const Value& value) {
  if (value.is_undefined()) return wrong_undefined(value);
  if (value.is_number()) return std::optional(value.as_real());
  if (value.is(Kind::string) || value.is(Kind::big)) return parse_real(value.text());
  return std::optional<double>();
}

Result<Value> to_real(Runtime&, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("float", args, {{"default"}}));
  HEARTH_TRY(const std::optional<double> number, real_of(value));
  return number ? Value::real(*number) : bound.value_or(0, Value::real(0));
}

Result<Value> to_whole(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("int", args, {{"default"}, {"base"}}));
  HEARTH_TRY(const int64_t base, bound.integer_or(1, 10));
  if (value.is_whole()) return Value::integer(value.as_integer());
  if (value.is(Kind::big)) return value;
  if (value.is(Kind::string) && (base == 0 || (base >= 2 && base <= 36))) {
    if (const auto number = parse_whole(value.text(), static_cast<int>(base)))
      return whole_value(runtime, *number);
  }
  HEARTH_TRY(const std::optional<double> number, real_of(value));
  if (number && !std::isnan(*number)) return truncated(*number);
  return bound.value_or(0, Value::integer(0));
}

Result<Value> round_off(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("round", args, {{"precision"}, {"method"}}));
  HEARTH_TRY(const std::string method, runtime.str(bound.value_or(1, runtime.string("common"))));
  if (method != "common" && method != "ceil" && method != "floor")
    return wrong("method must be common, ceil or floor");
  if (value.is_undefined()) return wrong_undefined(value);
  if (!value.is_number()) return wrong("round needs a number, not '", type_name(value), "'");
  HEARTH_TRY(const int64_t digits, bound.integer_or(0, 0));
  if (method == "common") return rounded(value, digits);
  // func(value * 10**precision) / 10**precision
  HEARTH_TRY(const Value unit, power(Value::integer(10), Value::integer(digits)));
  HEARTH_TRY(const Value scaled, compute('*', value, unit));
  const double x = scaled.as_real();
  HEARTH_TRY(const Value whole, scaled.is_whole()
                                    ? Result<Value>(scaled)
                                    : truncated(method == "ceil" ? std::ceil(x) : std::floor(x)));
  return compute('/', whole, unit);
}

Result<Value> length(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("length", args, {}));
  HEARTH_TRY(const int64_t size, runtime.length(value));
  return Value::integer(size);
}

// The indent of json.dumps: a number of blanks, or a text.
Result<void> set_indent(JsonStyle& style, const Value& value) {
  if (value.is(Kind::missing) || value.is(Kind::none)) return {};
  style.indented = true;
  style.between_items = ",";
  if (value.is(Kind::string)) {
    style.indent = value.text();
    return {};
  }
  HEARTH_TRY(const int64_t size, whole(value, "tojson"));
  if (size > 1000) return fail(ErrorCode::too_large, "an indent may have at most 1000 blanks");
  style.indent.assign(static_cast<size_t>(std::max<int64_t>(size, 0)), ' ');
  return {};
}

Result<Value> to_json(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(
      const Bound bound,
      Bound::bind("tojson", args, {{"ensure_ascii"}, {"indent"}, {"separators"}, {"sort_keys"}}));
  JsonStyle style;
  style.ascii = bound.truth_or(0, false);
  style.sort_keys = bound.truth_or(3, false);
  HEARTH_CHECK(set_indent(style, bound[1]));
  if (bound.given(2) && !bound[2].is(Kind::none)) {
    HEARTH_TRY(const std::vector<Value> pair, runtime.walk(bound[2]));
    if (pair.size() != 2 || !pair[0].is(Kind::string) || !pair[1].is(Kind::string))
      return wrong("tojson needs two texts as separators");
    style.between_items = pair[0].text();
    style.behind_key = pair[1].text();
  }
  HEARTH_TRY(std::string text, json_text(runtime, value, style));
  return runtime.string(std::move(text));
}

constexpr NamedFilter kFilters[] = {
    {"abs", absolute},      {"attr", attribute}, {"count", length}, {"d", fall_back},
    {"default", fall_back}, {"float", to_real},  {"int", to_whole}, {"length", length},
    {"round", round_off},   {"tojson", to_json}};

}  // namespace

std::span<const NamedFilter> value_filters() { return kFilters; }

FilterFunction find_filter(std::string_view name) {
  for (const auto filters : {text_filters(), list_filters(), choosing_filters(), value_filters()})
    for (const NamedFilter& filter : filters)
      if (filter.name == name) return filter.function;
  return nullptr;
}

}  // namespace hearth::text::jinja
