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

  [[nodiscard]] bool given() const {
    return leave_output || pure || !tensor_types.empty() || !output_type.empty() ||
           !token_embedding_type.empty();
  }
};

void add_recipe_flags(CLI::App& command, RecipeFlags& flags);

// What there is to choose, for --help.
[[nodiscard]] std::string recipe_help();

// `importance`: something is known of the inputs that weights meet. Says so where the plan needs
// that and there is nothing.
[[nodiscard]] Result<quantize::Plan> plan_by_name(const std::string& type, const RecipeFlags& flags,
                                                  bool importance, const gguf::File& file);

}  // namespace hearth::cli
