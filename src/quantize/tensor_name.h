// What the names of tensors say: "blk.12.ffn_down.weight" is of layer 12.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth::quantize {

// nullopt for a tensor of no layer.
[[nodiscard]] std::optional<uint64_t> layer_of(std::string_view name);

// What tensors of all layers have in common: "ffn_down.weight"; the whole name where there is no
// layer.
[[nodiscard]] std::string_view name_in_layer(std::string_view name);

}  // namespace hearth::quantize
