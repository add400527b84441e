// The named mixtures that people know from llama.cpp ("Q4_K_M"): which format each tensor gets, by
// rules that were found by hand (recipe_rules.h), and what of it a person wants otherwise.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "quantize/name_pattern.h"
#include "quantize/plan.h"
#include "quantize/recipe_rules.h"

namespace hearth::quantize {

struct Recipe {
  Mixture mixture = Mixture::F32;
  std::string_view name;
  uint32_t file_type = 0;   // general.file_type
  DType base = DType::F32;  // its main format
  double bits = 0;          // for each weight of a model of 8 billion
  std::string_view remark;  // when to take it; may be empty
};

// From the largest to the smallest.
[[nodiscard]] std::span<const Recipe> recipes();
// Upper or lower case, also short as "Q4_K"; null for a name that is none.
[[nodiscard]] const Recipe* find_recipe(std::string_view name);

// general.file_type of files that are mostly in this format; 0 where there is none.
[[nodiscard]] uint32_t file_type_for(DType type);

// A format for all tensors of some names.
struct NamedType {
  NamePattern names;
  DType type = DType::F32;
};

struct RecipeOptions {
  bool importance = false;  // it is known which inputs matter
  bool pure = false;        // each matrix gets the base format
  bool leave_output = false;
  std::optional<DType> output = std::nullopt;
  std::optional<DType> token_embedding = std::nullopt;
  std::vector<NamedType> named = {};  // the first that fits decides, before all rules
};

// Errors name a key of the file that the rules need, or a pattern that fits no matrix.
[[nodiscard]] Result<Plan> plan_of(const Recipe& recipe, const gguf::File& file,
                                   const RecipeOptions& options);

// Whether the plan has formats of so few bits that without an importance matrix, or products of
// inputs, little is left of the model.
[[nodiscard]] bool needs_importance(const Recipe& recipe, const gguf::File& file, const Plan& plan);

}  // namespace hearth::quantize
