// Embeddings on their way from the worker to a client.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/problem.h"

namespace hearth::server {

// One of Embedded::vectors as floats. With `dimensions` only so many, brought back to the length
// of 1; a problem of the field "dimensions" when there are fewer.
[[nodiscard]] Answerable<std::vector<float>> floats_of(
    std::string_view base64_vector, std::optional<uint64_t> dimensions = std::nullopt);

// And back.
[[nodiscard]] std::string base64_of(const std::vector<float>& vector);

}  // namespace hearth::server
