#include "quantize/recipe.h"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "base/text.h"
#include "quantize/tensor_name.h"

namespace hearth::quantize {
namespace {

constexpr Recipe kRecipes[] = {
    {Mixture::F32, "F32", 0, DType::F32, 32.00, "floats: to make other files of"},
    {Mixture::F16, "F16", 1, DType::F16, 16.00, "floats of half the size: hardly a difference"},
    {Mixture::BF16, "BF16", 32, DType::BF16, 16.00, "floats as most models are trained"},
    {Mixture::Q8_0, "Q8_0", 7, DType::Q8_0, 8.50, "hardly to be told from the original"},
    {Mixture::Q6_K, "Q6_K", 18, DType::Q6_K, 6.56, "nearly as good, a quarter smaller"},
    {Mixture::Q5_K_M, "Q5_K_M", 17, DType::Q5_K, 5.70, "small losses"},
    {Mixture::Q5_K_S, "Q5_K_S", 16, DType::Q5_K, 5.57, ""},
    {Mixture::Q5_1, "Q5_1", 9, DType::Q5_1, 6.04, "older: Q5_K_M is smaller and better"},
    {Mixture::Q5_0, "Q5_0", 8, DType::Q5_0, 5.57, "older: Q5_K_S is better"},
    {Mixture::Q4_K_M, "Q4_K_M", 15, DType::Q4_K, 4.89, "the usual choice"},
    {Mixture::Q4_K_S, "Q4_K_S", 14, DType::Q4_K, 4.67, ""},
    {Mixture::Q4_1, "Q4_1", 3, DType::Q4_1, 5.10, "older: Q4_K_M is smaller and better"},
    {Mixture::Q4_0, "Q4_0", 2, DType::Q4_0, 4.64, "older: Q4_K_S is better"},
    {Mixture::IQ4_NL, "IQ4_NL", 25, DType::IQ4_NL, 4.68, ""},
    {Mixture::IQ4_XS, "IQ4_XS", 30, DType::IQ4_XS, 4.46, "when Q4_K_S is just too large"},
    {Mixture::Q3_K_L, "Q3_K_L", 13, DType::Q3_K, 4.30, ""},
    {Mixture::Q3_K_M, "Q3_K_M", 12, DType::Q3_K, 4.00, "when 4 bits do not fit: losses show"},
    {Mixture::Q3_K_S, "Q3_K_S", 11, DType::Q3_K, 3.64, ""},
    {Mixture::IQ3_M, "IQ3_M", 27, DType::IQ3_S, 3.76, "as Q3_K_M and smaller, with --imatrix"},
    {Mixture::IQ3_S, "IQ3_S", 26, DType::IQ3_S, 3.66, ""},
    {Mixture::IQ3_XS, "IQ3_XS", 22, DType::IQ3_S, 3.50, ""},
    {Mixture::IQ3_XXS, "IQ3_XXS", 23, DType::IQ3_XXS, 3.37, ""},
    {Mixture::Q2_K, "Q2_K", 10, DType::Q2_K, 3.16, "much is lost"},
    {Mixture::Q2_K_S, "Q2_K_S", 21, DType::Q2_K, 2.97, ""},
    {Mixture::IQ2_M, "IQ2_M", 29, DType::IQ2_S, 2.93,
     "the last resort; only with --imatrix, as all IQ2 and IQ1"},
    {Mixture::IQ2_S, "IQ2_S", 28, DType::IQ2_XS, 2.74, ""},
    {Mixture::IQ2_XS, "IQ2_XS", 20, DType::IQ2_XS, 2.59, ""},
    {Mixture::IQ2_XXS, "IQ2_XXS", 19, DType::IQ2_XXS, 2.38, ""},
    {Mixture::IQ1_M, "IQ1_M", 31, DType::IQ1_M, 2.15, ""},
    {Mixture::IQ1_S, "IQ1_S", 24, DType::IQ1_S, 2.00, ""},
    {Mixture::TQ1_0, "TQ1_0", 36, DType::TQ1_0, 2.19,
     "for models trained to three values, as is TQ2_0"},
    {Mixture::TQ2_0, "TQ2_0", 37, DType::TQ2_0, 2.52, ""},
    {Mixture::Q2_0, "Q2_0", 41, DType::Q2_0, 2.68, "for models trained to four values"},
    {Mixture::Q1_0, "Q1_0", 40, DType::Q1_0, 1.48, "for models trained to two values"},
    {Mixture::MXFP4_MOE, "MXFP4_MOE", 38, DType::MXFP4, 8.50,
     "experts in MXFP4 (4.25 bits), the rest in Q8_0"},
};

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::toupper(static_cast<unsigned char>(x)) ==
           std::toupper(static_cast<unsigned char>(y));
  });
}

bool is_float(DType type) {
  return type == DType::F32 || type == DType::F16 || type == DType::BF16;
}

bool is_table(std::string_view name) {
  return name == "token_embd.weight" || name == "per_layer_token_embd.weight";
}

Role role_of(std::string_view name) {
  struct Part {
    std::string_view part;
    Role role;
  };
  constexpr Part kParts[] = {
      {"attn_qkv.weight", kAttentionV},
      {"attn_kv_b.weight", kAttentionV},
      {"attn_v.weight", kAttentionV},
      {"attn_k.weight", kAttentionK},
      {"attn_q.weight", kAttentionQ},
      {"attn_output.weight", kAttentionOutput},
      {"ffn_up", kFfnUp},
      {"ffn_gate", kFfnGate},
      {"ffn_down", kFfnDown},
  };
  if (name == "output.weight") return kOutput;
  if (is_table(name)) return kTokenEmbedding;
  for (const Part& part : kParts) {
    if (name.find(part.part) != std::string_view::npos) return part.role;
  }
  return kOtherRole;
}

// The first layer's, where the file has one for each.
Result<uint64_t> first_of(const gguf::Metadata& metadata, std::string_view key, uint64_t fallback) {
  const gguf::Value* value = metadata.find(key);
  if (value == nullptr || value->type != gguf::ValueType::array)
    return metadata.u64_or(key, fallback);
  HEARTH_TRY(const gguf::Array* array, metadata.array(key, gguf::ValueType::i32));
  return array->count == 0 ? fallback
                           : static_cast<uint64_t>(std::max<int64_t>(0, array->integer(0)));
}

// What the rules ask about a model.
struct ModelFacts {
  uint64_t layers = 0;
  bool experts = false;
  Facts facts = kAlways;
};

Result<ModelFacts> facts_of(const gguf::Metadata& metadata) {
  HEARTH_TRY(const std::string_view name, metadata.text("general.architecture"));
  ModelFacts model;
  HEARTH_TRY(model.layers, metadata.u64(cat(name, ".block_count")));
  HEARTH_TRY(const uint64_t heads, first_of(metadata, cat(name, ".attention.head_count"), 0));
  HEARTH_TRY(const uint64_t kv_heads,
             first_of(metadata, cat(name, ".attention.head_count_kv"), heads));
  HEARTH_TRY(const uint64_t experts, metadata.u64_or(cat(name, ".expert_count"), 0));
  model.experts = experts > 1;
  const bool shared = heads != kv_heads || name == "qwen2";
  if (kv_heads != 0 && heads / kv_heads >= 4) model.facts |= kGrouped;
  if (experts >= 4) model.facts |= kExperts4;
  if (experts == 8) model.facts |= kExperts8;
  if (model.layers == 80 && shared && (name == "llama" || name == "qwen2"))
    model.facts |= kSeventyB;
  return model;
}

// Of the layer `i` of `n`.
Facts place_facts(uint64_t i, uint64_t n) {
  const uint64_t eighth = n / 8, last = 7 * n / 8;
  Facts facts = kAlways;
  if (i < 2) facts |= kFirst2;
  if (i < 4) facts |= kFirst4;
  if (i < n / 16) facts |= kFirstSixteenth;
  if (i < eighth) facts |= kFirstEighth;
  if (i < eighth || i >= last || (i - eighth) % 3 == 2) facts |= kMoreBits;
  if (i >= eighth && i < last) facts |= kMiddle;
  return facts;
}

class Planner {
 public:
  Planner(const Recipe& recipe, const gguf::File& file, const RecipeOptions& options,
          const ModelFacts& model)
      : recipe_(recipe), options_(options), model_(model) {
    for (const gguf::TensorInfo& tensor : file.tensors) {
      const Role role = role_of(tensor.name);
      if (role == kOutput) tied_ = false;
      if (role == kAttentionV) ++value_matrices_;
    }
  }

  [[nodiscard]] DType type_of(const gguf::TensorInfo& tensor) {
    if (!quantizable(tensor)) return tensor.type;
    const Role role = role_of(tensor.name);
    if (role == kOutput && options_.leave_output) return tensor.type;
    const NamedType* named = named_type(tensor.name);
    // A table for each layer is large, so its own name counts more than the wish for all tables.
    const bool own_name = named != nullptr && tensor.name != "token_embd.weight";
    if (role == kTokenEmbedding && options_.token_embedding && !own_name)
      return fitting(*options_.token_embedding, tensor);
    if (role == kOutput && options_.output) return fitting(*options_.output, tensor);
    if (named != nullptr) return fitting(named->type, tensor);
    if (options_.pure || is_float(recipe_.base)) return fitting(recipe_.base, tensor);
    return fitting(by_rule(tensor, role), tensor);
  }

 private:
  const NamedType* named_type(std::string_view name) const {
    for (const NamedType& named : options_.named) {
      if (named.names.found_in(name)) return &named;
    }
    return nullptr;
  }

  [[nodiscard]] DType by_rule(const gguf::TensorInfo& tensor, Role role) {
    if (role == kTokenEmbedding && tied_) role = kOutput;
    if (role == kOutput && options_.output) return *options_.output;
    Facts facts = model_.facts | (options_.importance ? kImportance : kNoImportance);
    if (tensor.dims[2] > 1) facts |= kStacked;
    if (!row_bytes(recipe_.base, tensor.dims[0])) facts |= kUnfitting;
    facts |= place_of(tensor, role);
    for (const Rule& rule : recipe_rules()) {
      if (applies(rule, recipe_.mixture, role, facts)) return rule.type;
    }
    return recipe_.base;
  }

  // Some layers lack a tensor (attention beside recurrence), so tensors of a role are counted; a
  // layer of experts has several of them, so there its number is taken.
  [[nodiscard]] Facts place_of(const gguf::TensorInfo& tensor, Role role) {
    if (role == kAttentionV) return place_facts(values_seen_++, value_matrices_);
    uint64_t* seen = role == kFfnDown   ? &downs_seen_
                     : role == kFfnGate ? &gates_seen_
                     : role == kFfnUp   ? &ups_seen_
                                        : nullptr;
    if (seen == nullptr) return kAlways;
    const uint64_t counted = (*seen)++;
    const uint64_t layer = model_.experts ? layer_of(tensor.name).value_or(counted) : counted;
    const Facts facts = place_facts(layer, model_.layers);
    return counted < model_.layers / 8 ? facts | kFirstEighthCounted : facts;
  }

  const Recipe& recipe_;
  const RecipeOptions& options_;
  const ModelFacts& model_;
  bool tied_ = true;
  uint64_t value_matrices_ = 0;
  uint64_t values_seen_ = 0, downs_seen_ = 0, gates_seen_ = 0, ups_seen_ = 0;
};

// From the first layer to the last, whatever the order in the file; in a layer by name.
std::vector<size_t> in_order_of_layers(const gguf::File& file) {
  std::vector<size_t> order(file.tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const std::string_view x = file.tensors[a].name, y = file.tensors[b].name;
    const auto layer_x = layer_of(x), layer_y = layer_of(y);
    return layer_x != layer_y ? layer_x < layer_y : x < y;
  });
  return order;
}

Result<void> check_names(const gguf::File& file, const std::vector<NamedType>& named) {
  for (const NamedType& each : named) {
    const bool found =
        std::any_of(file.tensors.begin(), file.tensors.end(), [&](const gguf::TensorInfo& tensor) {
          return quantizable(tensor) && each.names.found_in(tensor.name);
        });
    if (!found) {
      return fail(ErrorCode::bad_usage, "no matrix of this model has a name with '",
                  printable(each.names.text()), "' ('hearth show --tensors' lists them)");
    }
  }
  return {};
}

// Formats that are worth little without knowing which inputs matter.
bool relies_on_importance(const Recipe& recipe, DType type) {
  constexpr DType kTypes[] = {DType::IQ3_XXS, DType::IQ2_XXS, DType::IQ2_XS,
                              DType::IQ2_S,   DType::IQ1_M,   DType::IQ1_S};
  const bool listed = std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
  return listed || (type == DType::Q2_K && recipe.mixture == Mixture::Q2_K_S);
}

}  // namespace

std::span<const Recipe> recipes() { return kRecipes; }

const Recipe* find_recipe(std::string_view name) {
  // "Q4_K" is short for the middle one.
  for (const char* const of_three : {"Q3_K", "Q4_K", "Q5_K"}) {
    if (same_name(name, of_three)) return find_recipe(cat(of_three, "_M"));
  }
  for (const Recipe& recipe : kRecipes) {
    if (same_name(recipe.name, name)) return &recipe;
  }
  return nullptr;
}

uint32_t file_type_for(DType type) {
  for (const Recipe& recipe : kRecipes) {
    if (recipe.base == type) return recipe.file_type;
  }
  return 0;
}

Result<Plan> plan_of(const Recipe& recipe, const gguf::File& file, const RecipeOptions& options) {
  HEARTH_CHECK(check_names(file, options.named));
  HEARTH_TRY(const ModelFacts model, facts_of(file.metadata));
  Plan plan;
  plan.file_type = recipe.file_type;
  plan.types.resize(file.tensors.size());
  Planner planner(recipe, file, options, model);
  for (const size_t t : in_order_of_layers(file)) plan.types[t] = planner.type_of(file.tensors[t]);
  return plan;
}

bool needs_importance(const Recipe& recipe, const gguf::File& file, const Plan& plan) {
  for (size_t t = 0; t < file.tensors.size(); ++t) {
    const gguf::TensorInfo& tensor = file.tensors[t];
    const bool ends = tensor.name == "output.weight" || is_table(tensor.name);
    if (!ends && plan.types[t] != tensor.type && relies_on_importance(recipe, plan.types[t]))
      return true;
  }
  return false;
}

}  // namespace hearth::quantize
