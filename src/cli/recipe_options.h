// The flags that change a named mixture of formats, and the plan that they make.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "quantize/recipe.h"

namespace hearth::cli {

struct RecipeFlags {
  std::vector<std::string> tensor_types;  // NAME=TYPE
  std::string output_type;
  std::string token_embedding_type;
  bool leave_output = false;
  bool pure = false;
};

void add_recipe_flags(CLI::App& command, RecipeFlags& flags);

// What there is to choose, for --help.
[[nodiscard]] std::string recipe_help();

// `importance`: something is known of the inputs that weights meet.
[[nodiscard]] Result<quantize::Plan> plan_by_name(const std::string& type, const RecipeFlags& flags,
                                                  bool importance, const gguf::File& file);

}  // namespace hearth::cli
