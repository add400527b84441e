// The named mixtures that people know from llama.cpp ("Q4_K_M"): which format each tensor gets, by
// rules that were found by hand.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "quantize/plan.h"

namespace hearth::quantize {

struct Recipe {
  std::string_view name;
  uint32_t file_type = 0;  // general.file_type
  DType base = DType::F32;
};

// Upper or lower case; null for a name that is none.
[[nodiscard]] const Recipe* find_recipe(std::string_view name);
[[nodiscard]] std::vector<std::string_view> recipe_names();

// general.file_type of files that are mostly in this format; 0 where there is none.
[[nodiscard]] uint32_t file_type_for(DType type);

// `pure`: each matrix gets the base format.
[[nodiscard]] Plan plan_of(const Recipe& recipe, const gguf::File& file, bool pure);

}  // namespace hearth::quantize
