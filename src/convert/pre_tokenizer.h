// Which of the named pre-tokenizers of GGUF a tokenizer.json describes.
#pragma once

#include <string>
#include <vector>

#include "convert/json.h"

namespace hearth::convert {

// The name for tokenizer.ggml.pre, found by the expressions that the file splits with; where these
// are not known, that of other models of the family, with a warning; else an error that says how to
// name one. `wanted` counts more than both, where it is not empty.
[[nodiscard]] Result<std::string> pre_tokenizer_name(const Json& tokenizer,
                                                     const std::string& architecture,
                                                     const std::string& wanted,
                                                     std::vector<std::string>& warnings);

}  // namespace hearth::convert
