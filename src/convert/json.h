// JSON from a stranger's folder: whole documents as trees, with a limit on their nesting.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::convert {

using Json = nlohmann::json;

inline constexpr size_t kMaxJsonDepth = 64;

// Errors say where the text stops being JSON.
[[nodiscard]] Result<Json> parse_json(std::string_view text);

// The same for a file of at most `max_bytes`, whose path errors begin with.
[[nodiscard]] Result<Json> read_json(const std::string& path, uint64_t max_bytes);

// A member of an object, or nullptr when there is none, it is null, or `object` is no object.
[[nodiscard]] const Json* member(const Json& object, std::string_view name);

// The text of a member; "" when it is missing or no text.
[[nodiscard]] std::string text_of(const Json& object, std::string_view name);

}  // namespace hearth::convert
