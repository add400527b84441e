// The built-in filters and tests.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "text/jinja_runtime.h"

namespace hearth::text::jinja {

// value|name(args)
using FilterFunction = Result<Value> (*)(Runtime& runtime, const Value& value, Args& args);
// value is name(args)
using TestFunction = Result<bool> (*)(Runtime& runtime, const Value& value, Args& args);

// nullptr when there is none of that name.
[[nodiscard]] FilterFunction find_filter(std::string_view name);
[[nodiscard]] TestFunction find_test(std::string_view name);

struct NamedFilter {
  std::string_view name;
  FilterFunction function;
};
struct NamedTest {
  std::string_view name;
  TestFunction function;
};

// The parts of the library, each in a file of its own.
[[nodiscard]] std::span<const NamedFilter> text_filters();
[[nodiscard]] std::span<const NamedFilter> list_filters();
[[nodiscard]] std::span<const NamedFilter> choosing_filters();
[[nodiscard]] std::span<const NamedFilter> value_filters();

// What sort, map(attribute=...) and others look up: "a.0.b" in each item. `fallback` stands for
// what is not there, unless it is missing or none.
[[nodiscard]] Result<Value> look_up(Runtime& runtime, const Value& item, const Value& path,
                                    const Value& fallback);

// A text for a filter that takes any value, as str() gives it.
[[nodiscard]] Result<std::string> text_of(Runtime& runtime, const Value& value);

// json.dumps of Python: separators ", " and ": ", or "," and ": " with an indent.
struct JsonStyle {
  bool ascii = false;
  bool sort_keys = false;
  bool indented = false;
  std::string indent;
  std::string between_items = ", ";
  std::string behind_key = ": ";
};
[[nodiscard]] Result<std::string> json_text(Runtime& runtime, const Value& value,
                                            const JsonStyle& style);

}  // namespace hearth::text::jinja
