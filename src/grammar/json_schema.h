// JSON Schema (2020-12, and draft 7 where it is written otherwise) as grammars of the JSON texts
// that it allows.
//
// What is generated is always valid; not every valid text can be generated: keys come in the order
// in which the schema lists them, objects with `properties` have no others unless
// additionalProperties asks for them, numbers have at most 18 digits. `oneOf` is taken as `anyOf`,
// `format` for formats that are not known as the note that it is. What cannot be kept is an error,
// never left out.
#pragma once

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "grammar/expression.h"

namespace hearth::grammar {

inline constexpr size_t kMaxSchemaBytes = size_t{1} << 20;

// bad_usage: names the place in the schema, and what is wrong or cannot be kept there.
[[nodiscard]] Result<Rules> rules_of_schema(const nlohmann::ordered_json& schema);

// The same from text.
[[nodiscard]] Result<Rules> parse_json_schema(std::string_view text);

// Any JSON object: what "JSON mode" asks for.
[[nodiscard]] Rules any_json_object();

}  // namespace hearth::grammar
