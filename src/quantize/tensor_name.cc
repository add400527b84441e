#include "quantize/tensor_name.h"

#include <charconv>

#include "base/text.h"

namespace hearth::quantize {
namespace {

constexpr std::string_view kLayer = "blk.";

}  // namespace

std::optional<uint64_t> layer_of(std::string_view name) {
  if (!starts_with(name, kLayer)) return std::nullopt;
  uint64_t layer = 0;
  const char* const end = name.data() + name.size();
  const auto read = std::from_chars(name.data() + kLayer.size(), end, layer);
  if (read.ec != std::errc() || read.ptr == end || *read.ptr != '.') return std::nullopt;
  return layer;
}

std::string_view name_in_layer(std::string_view name) {
  return layer_of(name) ? name.substr(name.find('.', kLayer.size()) + 1) : name;
}

}  // namespace hearth::quantize
