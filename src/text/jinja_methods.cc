// The methods of lists, dicts and cyclers, and the functions that every template knows.
#include <algorithm>
#include <span>

#include "text/jinja_globals.h"

namespace hearth::text::jinja {
namespace {

// ---- dict ----

Result<Value> dict_get(Runtime&, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("get", args, {{"key", true}, {"default"}}));
  if (!is_key(bound[0])) return wrong("unhashable type: '", type_name(bound[0]), "'");
  const Value* found = self.as<Dict>().find(bound[0]);
  return found != nullptr ? *found : bound.value_or(1, Value::none());
}

Result<Value> dict_keys(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("keys", args, {}));
  std::vector<Value> keys;
  for (const Entry& entry : self.as<Dict>().entries) keys.push_back(entry.key);
  HEARTH_CHECK(runtime.step(keys.size()));
  return runtime.view("dict_keys", std::move(keys));
}

Result<Value> dict_values(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("values", args, {}));
  std::vector<Value> values;
  for (const Entry& entry : self.as<Dict>().entries) values.push_back(entry.value);
  HEARTH_CHECK(runtime.step(values.size()));
  return runtime.view("dict_values", std::move(values));
}

Result<Value> dict_items(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("items", args, {}));
  std::vector<Value> items;
  for (const Entry& entry : self.as<Dict>().entries) {
    HEARTH_TRY(Value pair, runtime.tuple({entry.key, entry.value}));
    items.push_back(std::move(pair));
  }
  return runtime.view("dict_items", std::move(items));
}

// No value changes, so a copy is the value itself.
Result<Value> copy(Runtime&, const Value& self, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("copy", args, {}));
  return self;
}

// ---- list, tuple, range ----

Result<Value> sequence_index(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("index", args, {{"value", true}, {"start"}, {"stop"}}));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(self));
  const auto size = static_cast<int64_t>(items.size());
  HEARTH_TRY(int64_t start, bound.integer_or(1, 0));
  HEARTH_TRY(int64_t stop, bound.integer_or(2, size));
  if (start < 0) start = std::max<int64_t>(start + size, 0);
  if (stop < 0) stop += size;
  for (int64_t i = start; i < std::min(stop, size); ++i) {
    HEARTH_TRY(const bool same, runtime.equal(items[static_cast<size_t>(i)], bound[0]));
    if (same) return Value::integer(i);
  }
  return wrong("the value is not in the list");
}

Result<Value> sequence_count(Runtime& runtime, const Value& self, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("count", args, {{"value", true}}));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(self));
  int64_t count = 0;
  for (const Value& item : items) {
    HEARTH_TRY(const bool same, runtime.equal(item, bound[0]));
    if (same) ++count;
  }
  return Value::integer(count);
}

// ---- cycler ----

Result<Value> cycler_next(Runtime&, const Value& self, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("next", args, {}));
  Cycler& cycler = self.as<Cycler>();
  Value item = cycler.items[cycler.at];
  cycler.at = (cycler.at + 1) % cycler.items.size();
  return item;
}

Result<Value> cycler_reset(Runtime&, const Value& self, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("reset", args, {}));
  self.as<Cycler>().at = 0;
  return Value::none();
}

constexpr NamedMethod kDict[] = {{"get", dict_get},
                                 {"keys", dict_keys},
                                 {"values", dict_values},
                                 {"items", dict_items},
                                 {"copy", copy}};
constexpr NamedMethod kList[] = {
    {"index", sequence_index}, {"count", sequence_count}, {"copy", copy}};
constexpr NamedMethod kTuple[] = {{"index", sequence_index}, {"count", sequence_count}};
constexpr NamedMethod kCycler[] = {{"next", cycler_next}, {"reset", cycler_reset}};

Method find_in(std::span<const NamedMethod> methods, std::string_view name) {
  for (const NamedMethod& method : methods)
    if (method.name == name) return method.method;
  return nullptr;
}

}  // namespace

Method find_method(const Value& value, std::string_view name) {
  switch (value.kind()) {
    case Kind::string:
      return find_text_method(name);
    case Kind::dict:
      return find_in(kDict, name);
    case Kind::list:
      return find_in(kList, name);
    case Kind::tuple:
    case Kind::range:
      return find_in(kTuple, name);
    case Kind::cycler:
      return find_in(kCycler, name);
    default:
      return nullptr;
  }
}

bool changes_value(const Value& value, std::string_view name) {
  static constexpr std::string_view kOfDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  static constexpr std::string_view kOfList[] = {"append", "clear",  "extend",  "insert",
                                                 "pop",    "remove", "reverse", "sort"};
  if (value.is(Kind::dict))
    return std::find(std::begin(kOfDict), std::end(kOfDict), name) != std::end(kOfDict);
  if (value.is(Kind::list))
    return std::find(std::begin(kOfList), std::end(kOfList), name) != std::end(kOfList);
  return false;
}

// ---- functions ----

namespace {

constexpr int64_t kLongestRange = 100'000;

Result<Value> make_range(Runtime& runtime, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("range", args, {{"start", true}, {"stop"}, {"step"}}));
  HEARTH_TRY(const int64_t first, bound.integer_or(0, 0));
  HEARTH_TRY(const int64_t second, bound.integer_or(1, 0));
  HEARTH_TRY(const int64_t step, bound.integer_or(2, 1));
  if (step == 0) return wrong("range() arg 3 must not be zero");
  auto range = bound.given(1) ? std::make_unique<Range>(runtime.ledger(), first, second, step)
                              : std::make_unique<Range>(runtime.ledger(), 0, first, 1);
  if (range->size() > kLongestRange)
    return fail(ErrorCode::too_large, "a range may have at most ", kLongestRange, " numbers");
  return Value::object(Kind::range, std::move(range));
}

// The entries of dict(mapping or pairs, name=value).
Result<std::vector<Entry>> entries_of(Runtime& runtime, Args& args) {
  std::vector<Entry> entries;
  if (args.values.size() > 1) return wrong("dict expected at most 1 argument");
  if (!args.values.empty() && args.values[0].is(Kind::dict)) {
    entries = args.values[0].as<Dict>().entries;
  } else if (!args.values.empty()) {
    HEARTH_TRY(const std::vector<Value> pairs, runtime.walk(args.values[0]));
    for (const Value& pair : pairs) {
      HEARTH_TRY(std::vector<Value> parts, runtime.walk(pair));
      if (parts.size() != 2) return wrong("dict() needs pairs of a key and a value");
      entries.push_back({parts[0], parts[1]});
    }
  }
  for (auto& [name, value] : args.named) entries.push_back({runtime.string(name), value});
  return entries;
}

Result<Value> make_dict(Runtime& runtime, Args& args) {
  HEARTH_TRY(std::vector<Entry> entries, entries_of(runtime, args));
  return runtime.dict(std::move(entries));
}

Result<Value> make_space(Runtime& runtime, Args& args) {
  HEARTH_TRY(std::vector<Entry> entries, entries_of(runtime, args));
  return runtime.space(std::move(entries));
}

Result<Value> make_cycler(Runtime& runtime, Args& args) {
  if (!args.named.empty()) return wrong("cycler() takes no named arguments");
  if (args.values.empty()) return wrong("at least one item has to be provided");
  return runtime.cycler(std::move(args.values));
}

Result<Value> make_joiner(Runtime& runtime, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("joiner", args, {{"sep"}}));
  const Value separator = bound.value_or(0, runtime.string(", "));
  return runtime.function("joiner", separator.depth(),
                          [separator, used = false](Runtime& asked, Args&) mutable {
                            if (used) return Result<Value>(separator);
                            used = true;
                            return Result<Value>(asked.string(""));
                          });
}

Result<Value> raise_exception(Runtime& runtime, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("raise_exception", args, {{"message", true}}));
  HEARTH_TRY(const std::string message, runtime.str(bound[0]));
  return wrong(message);
}

Result<Value> strftime_now(Runtime& runtime, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("strftime_now", args, {{"format", true}}));
  HEARTH_TRY(const std::string_view format, bound.text(0));
  HEARTH_TRY(std::string text, time_text(runtime.now(), format));
  return runtime.string(std::move(text));
}

struct NamedFunction {
  std::string_view name;
  Result<Value> (*function)(Runtime& runtime, Args& args);
};
constexpr NamedFunction kFunctions[] = {
    {"range", make_range},         {"dict", make_dict},     {"namespace", make_space},
    {"cycler", make_cycler},       {"joiner", make_joiner}, {"raise_exception", raise_exception},
    {"strftime_now", strftime_now}};

}  // namespace

Value global(Runtime& runtime, std::string_view name) {
  for (const NamedFunction& function : kFunctions) {
    if (function.name != name) continue;
    return Value::object(Kind::function,
                         std::make_unique<Function>(runtime.ledger(), name, function.function));
  }
  return {};
}

}  // namespace hearth::text::jinja
