// JSON from strangers, within limits that keep reading it cheap.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace hearth::protocol {

// Keeps the order of members: the order of properties in a schema is that of the answer.
using Json = nlohmann::ordered_json;

inline constexpr size_t kMaxJsonDepth = 128;     // lists and objects in each other
inline constexpr size_t kMaxJsonMembers = 4096;  // of one object: they are searched one by one

// bad_file: no JSON, with the place; too_large: beyond these limits. `most_depth`: at most
// kMaxJsonDepth.
[[nodiscard]] Result<Json> parse_json(std::string_view text, size_t most_depth = kMaxJsonDepth);

}  // namespace hearth::protocol
