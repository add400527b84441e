// Strings and numbers of JSON schemas.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "grammar/expression.h"

namespace hearth::grammar {

// An error that names the place in a schema, as a JSON pointer.
template <class... Pieces>
[[nodiscard]] tl::unexpected<Error> wrong(const std::string& at, const Pieces&... pieces) {
  return fail(ErrorCode::bad_usage, "the schema at ", printable(at, 200), ": ", pieces...);
}

// A whole number from 0 to 100,000 that a schema may give as `key`.
[[nodiscard]] Result<uint32_t> count_of(const nlohmann::ordered_json& schema, const char* key,
                                        uint32_t otherwise, const std::string& at);

// minLength, maxLength, pattern and format; any_char is a character between the quotes.
[[nodiscard]] Result<Expression> string_of(const nlohmann::ordered_json& schema,
                                           const Expression& any_char, const std::string& at);

// minimum, maximum, exclusiveMinimum, exclusiveMaximum.
[[nodiscard]] Result<Expression> number_of(const nlohmann::ordered_json& schema, bool whole,
                                           const std::string& at);

}  // namespace hearth::grammar
