#include "quantize/recipe.h"

#include <algorithm>
#include <cctype>

namespace hearth::quantize {
namespace {

constexpr Recipe kRecipes[] = {
    {"F32", 0, DType::F32},      {"F16", 1, DType::F16},        {"BF16", 32, DType::BF16},
    {"Q8_0", 7, DType::Q8_0},    {"Q6_K", 18, DType::Q6_K},     {"Q5_K_M", 17, DType::Q5_K},
    {"Q5_K_S", 16, DType::Q5_K}, {"Q5_1", 9, DType::Q5_1},      {"Q5_0", 8, DType::Q5_0},
    {"Q4_K_M", 15, DType::Q4_K}, {"Q4_K_S", 14, DType::Q4_K},   {"Q4_1", 3, DType::Q4_1},
    {"Q4_0", 2, DType::Q4_0},    {"IQ4_NL", 25, DType::IQ4_NL}, {"IQ4_XS", 30, DType::IQ4_XS},
    {"Q3_K_L", 13, DType::Q3_K}, {"Q3_K_M", 12, DType::Q3_K},   {"Q3_K_S", 11, DType::Q3_K},
    {"Q2_K", 10, DType::Q2_K},   {"Q2_K_S", 21, DType::Q2_K},
};

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::toupper(static_cast<unsigned char>(x)) ==
           std::toupper(static_cast<unsigned char>(y));
  });
}

}  // namespace

const Recipe* find_recipe(std::string_view name) {
  for (const Recipe& recipe : kRecipes) {
    if (same_name(recipe.name, name)) return &recipe;
  }
  return nullptr;
}

std::vector<std::string_view> recipe_names() {
  std::vector<std::string_view> names;
  for (const Recipe& recipe : kRecipes) names.push_back(recipe.name);
  return names;
}

uint32_t file_type_for(DType type) {
  for (const Recipe& recipe : kRecipes) {
    if (recipe.base == type) return recipe.file_type;
  }
  return 0;
}

Plan plan_of(const Recipe& recipe, const gguf::File& file, bool) {
  Plan plan;
  plan.file_type = recipe.file_type;
  for (const gguf::TensorInfo& tensor : file.tensors)
    plan.types.push_back(quantizable(tensor) ? fitting(recipe.base, tensor) : tensor.type);
  return plan;
}

}  // namespace hearth::quantize
