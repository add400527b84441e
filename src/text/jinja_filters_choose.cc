// Filters that apply other filters and tests to each item.
#include "text/jinja_filters.h"

namespace hearth::text::jinja {
namespace {

// What stands behind the first `skip` arguments.
Args rest_of(const Args& args, size_t skip) {
  Args rest;
  rest.values.assign(
      args.values.begin() + static_cast<std::ptrdiff_t>(std::min(skip, args.values.size())),
      args.values.end());
  rest.named = args.named;
  return rest;
}

Result<Value> map_attribute(Runtime& runtime, const std::vector<Value>& items, const Args& args) {
  Value path;
  Value fallback;
  for (const auto& [name, value] : args.named) {
    if (name == "attribute") {
      path = value;
    } else if (name == "default") {
      fallback = value;
    } else {
      return wrong("Unexpected keyword argument '", name, "'");
    }
  }
  std::vector<Value> out;
  for (const Value& item : items) {
    HEARTH_TRY(Value found, look_up(runtime, item, path, fallback));
    out.push_back(std::move(found));
  }
  return runtime.generator(std::move(out));
}

Result<Value> map(Runtime& runtime, const Value& value, Args& args) {
  if (!truth(value)) return runtime.generator({});
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  bool by_attribute = false;
  for (const auto& [name, given] : args.named) by_attribute = by_attribute || name == "attribute";
  if (args.values.empty() && by_attribute) return map_attribute(runtime, items, args);
  if (args.values.empty()) return wrong("map requires a filter argument");
  const FilterFunction filter =
      args.values[0].is(Kind::string) ? find_filter(args.values[0].text()) : nullptr;
  if (filter == nullptr && !items.empty()) {
    HEARTH_TRY(const std::string name, runtime.str(args.values[0]));
    return wrong("there is no filter '", name, "'");
  }
  std::vector<Value> out;
  for (const Value& item : items) {
    Args rest = rest_of(args, 1);
    HEARTH_TRY(Value made, filter(runtime, item, rest));
    out.push_back(std::move(made));
  }
  return runtime.generator(std::move(out));
}

template <bool keeps, bool by_attribute>
Result<Value> choose(Runtime& runtime, const Value& value, Args& args) {
  if (!truth(value)) return runtime.generator({});
  const size_t skip = by_attribute ? 1 : 0;
  if (args.values.size() < skip) return wrong("Missing parameter for attribute name");
  TestFunction test = nullptr;
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  if (args.values.size() > skip && !items.empty()) {
    const Value& name = args.values[skip];
    test = name.is(Kind::string) ? find_test(name.text()) : nullptr;
    if (test == nullptr) {
      HEARTH_TRY(const std::string text, runtime.str(name));
      return wrong("there is no test '", text, "'");
    }
  }
  std::vector<Value> out;
  for (const Value& item : items) {
    Value subject = item;
    if (by_attribute) {
      HEARTH_TRY(subject, look_up(runtime, item, args.values[0], {}));
    }
    bool holds = truth(subject);
    if (test != nullptr) {
      Args rest = rest_of(args, skip + 1);
      HEARTH_TRY(holds, test(runtime, subject, rest));
    }
    if (holds == keeps) out.push_back(item);
  }
  return runtime.generator(std::move(out));
}

constexpr NamedFilter kFilters[] = {{"map", map},
                                    {"reject", choose<false, false>},
                                    {"rejectattr", choose<false, true>},
                                    {"select", choose<true, false>},
                                    {"selectattr", choose<true, true>}};

}  // namespace

std::span<const NamedFilter> choosing_filters() { return kFilters; }

}  // namespace hearth::text::jinja
