// Bytes as text of 64 letters (RFC 4648 section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth {

[[nodiscard]] std::string base64(std::string_view bytes);

// nullopt when it is none: another character, or a length that cannot be. The padding may be
// missing.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace hearth
