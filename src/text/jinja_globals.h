// Names that every template knows, and the methods of values.
#pragma once

#include "text/jinja_runtime.h"

namespace hearth::text::jinja {

// range, dict, namespace, joiner, cycler, raise_exception, strftime_now; missing for other names.
[[nodiscard]] Value global(Runtime& runtime, std::string_view name);

using Method = Result<Value> (*)(Runtime& runtime, const Value& self, Args& args);
struct NamedMethod {
  std::string_view name;
  Method method;
};

// The method of a value; nullptr when it has none of that name.
[[nodiscard]] Method find_method(const Value& value, std::string_view name);
[[nodiscard]] Method find_text_method(std::string_view name);

// Whether a method of that name would change the value, which templates may not.
[[nodiscard]] bool changes_value(const Value& value, std::string_view name);

// value[start:stop:step]; each of the three an integer, none or missing.
[[nodiscard]] Result<Value> slice_of(Runtime& runtime, const Value& value, const Value& start,
                                     const Value& stop, const Value& step);

// a op b for the operators of arithmetic, with all that Python does to texts and lists.
[[nodiscard]] Result<Value> operate(Runtime& runtime, std::string_view op, const Value& a,
                                    const Value& b);

// ---- formatting (jinja_format.cc) ----

// format % values
[[nodiscard]] Result<Value> percent_format(Runtime& runtime, std::string_view format,
                                           const Value& values);
// format.format(args)
[[nodiscard]] Result<Value> brace_format(Runtime& runtime, std::string_view format,
                                         const Args& args);
// format(value, spec)
[[nodiscard]] Result<std::string> format_value(Runtime& runtime, const Value& value,
                                               std::string_view spec);

// strftime of C, in the C locale.
[[nodiscard]] Result<std::string> time_text(const CivilTime& time, std::string_view format);

}  // namespace hearth::text::jinja
