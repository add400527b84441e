// The built-in tests: `value is name`.
#include "text/jinja_filters.h"
#include "text/jinja_globals.h"
#include "text/jinja_number.h"

namespace hearth::text::jinja {
namespace {

// Tests that look at the kind of a value alone.
using Look = bool (*)(const Value& value);
template <Look look>
Result<bool> looks(Runtime&, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("this test", args, {}));
  return look(value);
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is(Kind::none); }
bool is_boolean(const Value& value) { return value.is(Kind::boolean); }
bool is_true(const Value& value) { return value.is(Kind::boolean) && value.as_bool(); }
bool is_false(const Value& value) { return value.is(Kind::boolean) && !value.as_bool(); }
bool is_integer(const Value& value) { return value.is(Kind::integer) || value.is(Kind::big); }
bool is_real(const Value& value) { return value.is(Kind::real); }
bool is_number(const Value& value) { return value.is_number() || value.is(Kind::big); }
bool is_string(const Value& value) { return value.is(Kind::string); }
bool is_mapping(const Value& value) { return value.is(Kind::dict); }
bool is_callable(const Value& value) {
  // What is not there can be called: the call is an error.
  return value.is(Kind::function) || value.is(Kind::macro) || value.is(Kind::loop) ||
         value.is_undefined();
}
bool is_sequence(const Value& value) {
  return value.is_sequence() || value.is(Kind::string) || value.is(Kind::dict) ||
         value.is(Kind::range) || value.is_undefined();
}
bool is_iterable(const Value& value) {
  return is_sequence(value) || value.is(Kind::view) || value.is(Kind::generator) ||
         value.is(Kind::loop);
}

Result<bool> rest_is(Runtime& runtime, const Value& value, int64_t divisor, int64_t rest) {
  HEARTH_TRY(const Value found, operate(runtime, "%", value, Value::integer(divisor)));
  return runtime.equal(found, Value::integer(rest));
}
Result<bool> odd(Runtime& runtime, const Value& value, Args&) {
  return rest_is(runtime, value, 2, 1);
}
Result<bool> even(Runtime& runtime, const Value& value, Args&) {
  return rest_is(runtime, value, 2, 0);
}
Result<bool> divisible_by(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("divisibleby", args, {{"num", true}}));
  HEARTH_TRY(const Value rest, operate(runtime, "%", value, bound[0]));
  return runtime.equal(rest, Value::integer(0));
}

template <bool upper>
Result<bool> has_case(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(std::string text, text_of(runtime, value));
  const Method method = find_text_method(upper ? "isupper" : "islower");
  HEARTH_TRY(const Value holds, method(runtime, runtime.string(std::move(text)), args));
  return holds.as_bool();
}

Result<bool> filter_exists(Runtime&, const Value& value, Args&) {
  return value.is(Kind::string) && find_filter(value.text()) != nullptr;
}
Result<bool> test_exists(Runtime&, const Value& value, Args&) {
  return value.is(Kind::string) && find_test(value.text()) != nullptr;
}

Result<bool> same_as(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("sameas", args, {{"other", true}}));
  const Value& other = bound[0];
  if (value.kind() != other.kind()) return false;
  if (value.identity() != nullptr) return value.identity() == other.identity();
  return runtime.equal(value, other);
}

Result<bool> is_in(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("in", args, {{"seq", true}}));
  return runtime.contains(bound[0], value);
}

template <bool wanted>
Result<bool> equals(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("eq", args, {{"other", true}}));
  HEARTH_TRY(const bool same, runtime.equal(value, bound[0]));
  return same == wanted;
}

// -1: less, 1: greater; `or_equal` for <= and >=.
template <int sign, bool or_equal>
Result<bool> ordered(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("this test", args, {{"other", true}}));
  HEARTH_TRY(const int order, runtime.order(value, bound[0], sign < 0 ? "<" : ">"));
  return order == sign || (or_equal && order == 0);
}

constexpr NamedTest kTests[] = {{"odd", odd},
                                {"even", even},
                                {"divisibleby", divisible_by},
                                {"defined", looks<is_defined>},
                                {"undefined", looks<is_undefined>},
                                {"filter", filter_exists},
                                {"test", test_exists},
                                {"none", looks<is_none>},
                                {"boolean", looks<is_boolean>},
                                {"false", looks<is_false>},
                                {"true", looks<is_true>},
                                {"integer", looks<is_integer>},
                                {"float", looks<is_real>},
                                {"lower", has_case<false>},
                                {"upper", has_case<true>},
                                {"string", looks<is_string>},
                                {"mapping", looks<is_mapping>},
                                {"number", looks<is_number>},
                                {"sequence", looks<is_sequence>},
                                {"iterable", looks<is_iterable>},
                                {"callable", looks<is_callable>},
                                {"sameas", same_as},
                                {"in", is_in},
                                {"==", equals<true>},
                                {"eq", equals<true>},
                                {"equalto", equals<true>},
                                {"!=", equals<false>},
                                {"ne", equals<false>},
                                {">", ordered<1, false>},
                                {"gt", ordered<1, false>},
                                {"greaterthan", ordered<1, false>},
                                {"ge", ordered<1, true>},
                                {">=", ordered<1, true>},
                                {"<", ordered<-1, false>},
                                {"lt", ordered<-1, false>},
                                {"lessthan", ordered<-1, false>},
                                {"<=", ordered<-1, true>},
                                {"le", ordered<-1, true>}};

}  // namespace

TestFunction find_test(std::string_view name) {
  for (const NamedTest& test : kTests)
    if (test.name == name) return test.function;
  return nullptr;
}

}  // namespace hearth::text::jinja
