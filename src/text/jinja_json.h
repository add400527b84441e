// JSON text as values of the template language.
#pragma once

#include <string_view>

#include "text/jinja_runtime.h"

namespace hearth::text::jinja {

// bad_file for what is no JSON; too_large when it lies too deep in itself. The runtime allows the
// template more steps and memory, as the text is longer.
[[nodiscard]] Result<Value> read_json(Runtime& runtime, std::string_view text);

}  // namespace hearth::text::jinja
