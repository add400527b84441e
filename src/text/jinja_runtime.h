// What every operation of the template language needs while a template is rendered: the limits,
// and the making, comparing, walking and printing of values.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/civil_time.h"
#include "base/result.h"
#include "text/jinja_value.h"

namespace hearth::text::jinja {

struct Limits {
  size_t steps = 2'000'000;               // operations; long texts count as several
  size_t live_bytes = size_t{128} << 20;  // of all values at one time
  size_t value_bytes = size_t{16} << 20;  // of one text or list, and of what is written
  size_t nesting = 400;                   // statements, expressions and calls inside each other
};

// The arguments of a call, a filter or a test.
struct Args {
  std::vector<Value> values;
  std::vector<std::pair<std::string, Value>> named;
};

class Runtime {
 public:
  Runtime(const Limits& limits, const CivilTime& now) : limits_(limits), now_(now) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  virtual ~Runtime() = default;

  // Calls what a template calls: a function, a macro, a recursive loop.
  [[nodiscard]] virtual Result<Value> call(const Value& callee, Args args) = 0;
  // An attribute as in `value.name`; undefined when there is none.
  [[nodiscard]] virtual Result<Value> attribute(const Value& value, std::string_view name) = 0;
  [[nodiscard]] virtual Result<Value> space(std::vector<Entry> entries) = 0;

  // ---- limits ----

  // To be called in every loop whose length a template or its input decides.
  [[nodiscard]] Result<void> step(size_t count = 1);
  // Before a value or an output of about so many bytes is made.
  [[nodiscard]] Result<void> room(size_t bytes) const;
  [[nodiscard]] const Limits& limits() const { return limits_; }
  [[nodiscard]] const CivilTime& now() const { return now_; }
  [[nodiscard]] Ledger& ledger() { return ledger_; }
  // More steps and bytes for a large input.
  void allow_for(size_t input_bytes);

  // ---- making values ----

  [[nodiscard]] Value string(std::string text);
  [[nodiscard]] Value undefined(std::string message);
  [[nodiscard]] Result<Value> list(std::vector<Value> items);
  [[nodiscard]] Result<Value> tuple(std::vector<Value> items);
  [[nodiscard]] Result<Value> generator(std::vector<Value> items);
  [[nodiscard]] Result<Value> view(std::string_view name, std::vector<Value> items);
  [[nodiscard]] Result<Value> dict(std::vector<Entry> entries);
  // `body` may hold values as deep as `depth`.
  [[nodiscard]] Result<Value> function(std::string_view name, uint32_t depth,
                                       std::function<Result<Value>(Runtime&, Args&)> body);
  [[nodiscard]] Result<Value> cycler(std::vector<Value> items);

  // ---- looking into values ----

  // value[key] as in a template; undefined when there is no such item.
  [[nodiscard]] Result<Value> item(const Value& value, const Value& key);
  [[nodiscard]] Result<bool> equal(const Value& a, const Value& b);
  // -1, 0, 1; 2 for numbers without order. An error for values that have none.
  [[nodiscard]] Result<int> order(const Value& a, const Value& b, std::string_view op);
  [[nodiscard]] Result<bool> contains(const Value& container, const Value& value);
  [[nodiscard]] Result<int64_t> length(const Value& value);
  [[nodiscard]] Result<std::vector<Value>> walk(const Value& value);

  // str(value) and repr(value) of Python.
  [[nodiscard]] Result<std::string> str(const Value& value);
  [[nodiscard]] Result<std::string> repr(const Value& value);

 private:
  [[nodiscard]] Result<void> write_repr(std::string& out, const Value& value);
  [[nodiscard]] Result<void> write_items(std::string& out, const std::vector<Value>& items);
  [[nodiscard]] Result<void> write_dict(std::string& out, const Dict& dict);
  [[nodiscard]] Result<Value> nested(Kind kind, std::unique_ptr<Object> object);
  [[nodiscard]] Result<int> order_items(const Value& a, const Value& b, std::string_view op);
  [[nodiscard]] Result<bool> equal_items(const std::vector<Value>& a, const std::vector<Value>& b);

  Ledger ledger_;
  Limits limits_;
  CivilTime now_;
  size_t steps_ = 0;
};

// A built-in function, or a method together with the value that it belongs to.
struct Function : Object {
  using Body = std::function<Result<Value>(Runtime&, Args&)>;
  Function(Ledger& owner, std::string_view what, Body code)
      : Object(owner), name(what), body(std::move(code)) {
    charge(sizeof *this + name.capacity());
  }
  std::string name;
  Body body;
};

struct Parameter {
  std::string_view name;
  bool required = false;
};

// The arguments of one call in the order of its parameters. Errors are those of Python: too many,
// one given twice, one that is not known, one that is missing.
class Bound {
 public:
  [[nodiscard]] static Result<Bound> bind(std::string_view function, Args& args,
                                          std::initializer_list<Parameter> parameters);

  [[nodiscard]] bool given(size_t i) const { return !values_[i].is(Kind::missing); }
  [[nodiscard]] const Value& operator[](size_t i) const { return values_[i]; }
  // Each with the value that holds when the argument was left out.
  [[nodiscard]] Value value_or(size_t i, Value fallback) const;
  [[nodiscard]] bool truth_or(size_t i, bool fallback) const;
  [[nodiscard]] Result<int64_t> integer_or(size_t i, int64_t fallback) const;
  [[nodiscard]] Result<std::string_view> text(size_t i) const;

 private:
  std::string_view function_;
  std::vector<Value> values_;
};

// What a template did wrong: no such operation on such values, ...
template <class... Pieces>
[[nodiscard]] tl::unexpected<Error> wrong(const Pieces&... pieces) {
  return fail(ErrorCode::bad_file, pieces...);
}

// The error of using what is not there.
[[nodiscard]] tl::unexpected<Error> wrong_undefined(const Value& value);

// A whole number for an index or a count; an error names `what` for anything else.
[[nodiscard]] Result<int64_t> whole(const Value& value, std::string_view what);

}  // namespace hearth::text::jinja
