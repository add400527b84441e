#include "text/jinja_runtime.h"

#include <algorithm>

#include "text/jinja_number.h"
#include "text/jinja_string.h"

namespace hearth::text::jinja {

Result<void> Runtime::step(size_t count) {
  steps_ += count;
  if (steps_ > limits_.steps)
    return fail(ErrorCode::too_large, "it does not end within ", limits_.steps, " steps");
  if (ledger_.live > limits_.live_bytes) {
    return fail(ErrorCode::too_large, "its values need more than ", limits_.live_bytes >> 20,
                " MB of memory");
  }
  return {};
}

Result<void> Runtime::room(size_t bytes) const {
  if (bytes <= limits_.value_bytes) return {};
  return fail(ErrorCode::too_large, "a value or the text would be larger than ",
              limits_.value_bytes >> 20, " MB");
}

void Runtime::allow_for(size_t input_bytes) {
  const size_t bytes = std::min(input_bytes, size_t{1} << 32);
  limits_.steps += 4 * bytes;
  limits_.live_bytes += 8 * bytes;
  limits_.value_bytes += 2 * bytes;
}

Value Runtime::string(std::string text) {
  steps_ += text.size() >> 8;
  return Value::object(Kind::string, std::make_unique<Text>(ledger_, std::move(text)));
}

Value Runtime::undefined(std::string message) {
  return Value::object(Kind::undefined, std::make_unique<Nothing>(ledger_, std::move(message)));
}

Result<Value> Runtime::nested(Kind kind, std::unique_ptr<Object> object) {
  Value value = Value::object(kind, std::move(object));
  if (value.depth() > kMaxDepth)
    return fail(ErrorCode::too_large, "values lie more than ", kMaxDepth, " deep in each other");
  HEARTH_CHECK(step());
  return value;
}

Result<Value> Runtime::list(std::vector<Value> items) {
  return nested(Kind::list, std::make_unique<Sequence>(ledger_, std::move(items)));
}
Result<Value> Runtime::tuple(std::vector<Value> items) {
  return nested(Kind::tuple, std::make_unique<Sequence>(ledger_, std::move(items)));
}
Result<Value> Runtime::generator(std::vector<Value> items) {
  return nested(Kind::generator, std::make_unique<Generator>(ledger_, std::move(items)));
}
Result<Value> Runtime::view(std::string_view name, std::vector<Value> items) {
  return nested(Kind::view, std::make_unique<View>(ledger_, name, std::move(items)));
}

Result<Value> Runtime::cycler(std::vector<Value> items) {
  return nested(Kind::cycler, std::make_unique<Cycler>(ledger_, std::move(items)));
}

Result<Value> Runtime::function(std::string_view name, uint32_t depth, Function::Body body) {
  auto made = std::make_unique<Function>(ledger_, name, std::move(body));
  made->depth = depth + 1;
  return nested(Kind::function, std::move(made));
}

Result<Value> Runtime::dict(std::vector<Entry> entries) {
  for (const Entry& entry : entries)
    if (!is_key(entry.key)) return wrong("unhashable type: '", type_name(entry.key), "'");
  HEARTH_CHECK(step(entries.size()));
  return nested(Kind::dict, std::make_unique<Dict>(ledger_, std::move(entries)));
}

Result<Value> Runtime::item(const Value& value, const Value& key) {
  const auto position = [&](int64_t size) -> std::optional<size_t> {
    if (!key.is_whole()) return std::nullopt;
    const int64_t i = key.as_integer() < 0 ? key.as_integer() + size : key.as_integer();
    return i >= 0 && i < size ? std::optional(static_cast<size_t>(i)) : std::nullopt;
  };
  switch (value.kind()) {
    case Kind::undefined:
      return wrong_undefined(value);
    case Kind::list:
    case Kind::tuple:
      if (const auto i = position(static_cast<int64_t>(value.items().size())))
        return value.items()[*i];
      break;
    case Kind::string:
      if (key.is_whole()) {
        const std::string_view text = value.text();
        if (const auto i = position(static_cast<int64_t>(code_points(text)))) {
          HEARTH_CHECK(step(text.size() >> 8));
          return string(std::string(code_point_at(text, *i)));
        }
      }
      break;
    case Kind::range:
      if (const auto i = position(value.as<Range>().size()))
        return Value::integer(value.as<Range>().at(static_cast<int64_t>(*i)));
      break;
    case Kind::dict:
      if (!is_key(key)) break;
      if (const Value* found = value.as<Dict>().find(key)) return *found;
      break;
    default:
      break;
  }
  if (key.is(Kind::string)) return attribute(value, key.text());
  HEARTH_TRY(const std::string name, repr(key));
  return undefined(cat(type_name(value), " object has no element ", printable(name, 80)));
}

Result<bool> Runtime::equal_items(const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    HEARTH_TRY(const bool same, equal(a[i], b[i]));
    if (!same) return false;
  }
  return true;
}

Result<bool> Runtime::equal(const Value& a, const Value& b) {
  HEARTH_CHECK(step());
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::string:
    case Kind::big:
      HEARTH_CHECK(step(std::min(a.text().size(), b.text().size()) >> 8));
      return a.text() == b.text();
    case Kind::list:
    case Kind::tuple:
      if (a.identity() == b.identity()) return true;
      return equal_items(a.items(), b.items());
    case Kind::dict: {
      const Dict& x = a.as<Dict>();
      const Dict& y = b.as<Dict>();
      if (x.entries.size() != y.entries.size()) return false;
      for (const Entry& entry : x.entries) {
        const Value* other = y.find(entry.key);
        if (other == nullptr) return false;
        HEARTH_TRY(const bool same, equal(entry.value, *other));
        if (!same) return false;
      }
      return true;
    }
    case Kind::range: {
      const Range& x = a.as<Range>();
      const Range& y = b.as<Range>();
      return x.size() == y.size() && (x.size() == 0 || x.start == y.start) &&
             (x.size() <= 1 || x.step == y.step);
    }
    default:
      return a.identity() == b.identity();
  }
}

Result<int> Runtime::order_items(const Value& a, const Value& b, std::string_view op) {
  const auto& x = a.items();
  const auto& y = b.items();
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    HEARTH_TRY(const bool same, equal(x[i], y[i]));
    if (!same) return order(x[i], y[i], op);
  }
  return x.size() < y.size() ? -1 : x.size() > y.size() ? 1 : 0;
}

Result<int> Runtime::order(const Value& a, const Value& b, std::string_view op) {
  HEARTH_CHECK(step());
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_undefined()) return wrong_undefined(a);
  if (b.is_undefined()) return wrong_undefined(b);
  if (a.is(Kind::string) && b.is(Kind::string)) {
    HEARTH_CHECK(step(std::min(a.text().size(), b.text().size()) >> 8));
    const int order = a.text().compare(b.text());  // UTF-8 sorts as its code points do
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  if (a.is_sequence() && a.kind() == b.kind()) return order_items(a, b, op);
  return wrong("'", op, "' not supported between instances of '", type_name(a), "' and '",
               type_name(b), "'");
}

Result<bool> Runtime::contains(const Value& container, const Value& value) {
  switch (container.kind()) {
    case Kind::string:
      if (!value.is(Kind::string)) {
        if (value.is_undefined()) return wrong_undefined(value);
        return wrong("'in <string>' requires string as left operand, not ", type_name(value));
      }
      HEARTH_CHECK(step(container.text().size() >> 6));
      return container.text().find(value.text()) != std::string_view::npos;
    case Kind::dict:
      if (!is_key(value)) return wrong("unhashable type: '", type_name(value), "'");
      return container.as<Dict>().find(value) != nullptr;
    case Kind::range: {
      if (!value.is_whole()) break;
      const Range& range = container.as<Range>();
      const int64_t x = value.as_integer();
      const bool inside =
          range.step > 0 ? x >= range.start && x < range.stop : x <= range.start && x > range.stop;
      // Without a sign: the distance can be larger than a signed number holds.
      const auto up = [](int64_t a) { return static_cast<uint64_t>(a); };
      if (range.step > 0) return inside && (up(x) - up(range.start)) % up(range.step) == 0;
      return inside && (up(range.start) - up(x)) % (0 - up(range.step)) == 0;
    }
    default:
      break;
  }
  if (container.is(Kind::generator)) {  // what was walked in vain is gone
    Generator& generator = container.as<Generator>();
    while (generator.at < generator.items.size()) {
      HEARTH_TRY(const bool same, equal(generator.items[generator.at++], value));
      if (same) return true;
    }
    return false;
  }
  if (!container.is_sequence() && !container.is(Kind::view) && !container.is(Kind::range) &&
      !container.is_undefined()) {
    return wrong("argument of type '", type_name(container), "' is not iterable");
  }
  HEARTH_TRY(const std::vector<Value> items, walk(container));
  for (const Value& item : items) {
    HEARTH_TRY(const bool same, equal(item, value));
    if (same) return true;
  }
  return false;
}

Result<int64_t> Runtime::length(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return 0;
    case Kind::string:
      HEARTH_CHECK(step(value.text().size() >> 8));
      return static_cast<int64_t>(code_points(value.text()));
    case Kind::list:
    case Kind::tuple:
      return static_cast<int64_t>(value.items().size());
    case Kind::view:
      return static_cast<int64_t>(value.unwalked().size());
    case Kind::dict:
      return static_cast<int64_t>(value.as<Dict>().entries.size());
    case Kind::range:
      return value.as<Range>().size();
    default:
      return wrong("object of type '", type_name(value), "' has no len()");
  }
}

Result<std::vector<Value>> Runtime::walk(const Value& value) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::undefined:
      return items;
    case Kind::list:
    case Kind::tuple:
      items = value.items();
      break;
    case Kind::view:
      items = value.unwalked();
      break;
    case Kind::generator: {
      Generator& generator = value.as<Generator>();
      items.assign(generator.items.begin() + static_cast<std::ptrdiff_t>(generator.at),
                   generator.items.end());
      generator.at = generator.items.size();
      break;
    }
    case Kind::dict:
      for (const Entry& entry : value.as<Dict>().entries) items.push_back(entry.key);
      break;
    case Kind::range: {
      const Range& range = value.as<Range>();
      HEARTH_CHECK(room(static_cast<size_t>(range.size()) * sizeof(Value)));
      for (int64_t i = 0; i < range.size(); ++i) items.push_back(Value::integer(range.at(i)));
      break;
    }
    case Kind::string: {
      const std::string_view text = value.text();
      for (size_t at = 0; at < text.size();) {
        HEARTH_CHECK(step());
        const size_t length = utf8_length(static_cast<unsigned char>(text[at]));
        items.push_back(string(std::string(text.substr(at, length))));
        at += length;
      }
      break;
    }
    default:
      return wrong("'", type_name(value), "' object is not iterable");
  }
  HEARTH_CHECK(step(items.size()));
  return items;
}

Result<std::string> Runtime::str(const Value& value) {
  if (value.is(Kind::string)) {
    // New memory for a copy costs far more than walking over a text.
    HEARTH_CHECK(step(value.text().size() >> 4));
    return std::string(value.text());
  }
  if (value.is_undefined()) return std::string();
  return repr(value);
}

Result<std::string> Runtime::repr(const Value& value) {
  std::string out;
  HEARTH_CHECK(write_repr(out, value));
  return out;
}

Result<void> Runtime::write_items(std::string& out, const std::vector<Value>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ", ";
    HEARTH_CHECK(write_repr(out, items[i]));
  }
  return {};
}

Result<void> Runtime::write_dict(std::string& out, const Dict& dict) {
  out += '{';
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    if (i > 0) out += ", ";
    HEARTH_CHECK(write_repr(out, dict.entries[i].key));
    out += ": ";
    HEARTH_CHECK(write_repr(out, dict.entries[i].value));
  }
  out += '}';
  return {};
}

Result<void> Runtime::write_repr(std::string& out, const Value& value) {
  HEARTH_CHECK(step());
  HEARTH_CHECK(room(out.size()));
  switch (value.kind()) {
    case Kind::missing:
    case Kind::undefined:
      out += "Undefined";
      return {};
    case Kind::none:
      out += "None";
      return {};
    case Kind::boolean:
      out += value.as_bool() ? "True" : "False";
      return {};
    case Kind::integer:
      out += cat(value.as_integer());
      return {};
    case Kind::big:
      out += value.text();
      return {};
    case Kind::real:
      out += real_text(value.as_real());
      return {};
    case Kind::string:
      HEARTH_CHECK(step(value.text().size() >> 6));
      append_quoted(out, value.text());
      return {};
    case Kind::list:
      out += '[';
      HEARTH_CHECK(write_items(out, value.items()));
      out += ']';
      return {};
    case Kind::tuple:
      out += '(';
      HEARTH_CHECK(write_items(out, value.items()));
      out += value.items().size() == 1 ? ",)" : ")";
      return {};
    case Kind::dict:
      return write_dict(out, value.as<Dict>());
    case Kind::view:
      out += cat(value.as<View>().name, "([");
      HEARTH_CHECK(write_items(out, value.unwalked()));
      out += "])";
      return {};
    case Kind::range: {
      const Range& range = value.as<Range>();
      out += cat("range(", range.start, ", ", range.stop);
      out += range.step == 1 ? ")" : cat(", ", range.step, ")");
      return {};
    }
    case Kind::space:
      // A namespace can hold itself, so what is inside is not shown.
      out += "<Namespace>";
      return {};
    default:
      out += cat("<", type_name(value), ">");
      return {};
  }
}

// ---- arguments ----

Result<Bound> Bound::bind(std::string_view function, Args& args,
                          std::initializer_list<Parameter> parameters) {
  Bound bound;
  bound.function_ = function;
  bound.values_.resize(parameters.size());
  if (args.values.size() > parameters.size()) {
    return wrong(function, "() takes at most ", parameters.size(), " arguments (",
                 args.values.size(), " given)");
  }
  for (size_t i = 0; i < args.values.size(); ++i) bound.values_[i] = args.values[i];
  for (const auto& [name, value] : args.named) {
    const auto parameter = std::find_if(parameters.begin(), parameters.end(),
                                        [&](const Parameter& p) { return p.name == name; });
    if (parameter == parameters.end())
      return wrong(function, "() has no argument named '", printable(name, 60), "'");
    Value& place = bound.values_[static_cast<size_t>(parameter - parameters.begin())];
    if (!place.is(Kind::missing))
      return wrong(function, "() was given its argument '", name, "' twice");
    place = value;
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters.begin()[i];
    if (parameter.required && !bound.given(i))
      return wrong(function, "() needs its argument '", parameter.name, "'");
  }
  return bound;
}

Value Bound::value_or(size_t i, Value fallback) const { return given(i) ? values_[i] : fallback; }

bool Bound::truth_or(size_t i, bool fallback) const {
  return given(i) ? truth(values_[i]) : fallback;
}

Result<int64_t> Bound::integer_or(size_t i, int64_t fallback) const {
  return given(i) ? whole(values_[i], function_) : Result<int64_t>(fallback);
}

Result<std::string_view> Bound::text(size_t i) const {
  if (values_[i].is(Kind::string)) return values_[i].text();
  if (values_[i].is_undefined()) return wrong_undefined(values_[i]);
  return wrong(function_, "() needs a text, not '", type_name(values_[i]), "'");
}

tl::unexpected<Error> wrong_undefined(const Value& value) {
  return wrong(value.as<Nothing>().message);
}

Result<int64_t> whole(const Value& value, std::string_view what) {
  if (value.is_whole()) return value.as_integer();
  if (value.is_undefined()) return wrong_undefined(value);
  return wrong(what, " needs a whole number, not '", type_name(value), "'");
}

}  // namespace hearth::text::jinja
