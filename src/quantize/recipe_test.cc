#include "quantize/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

namespace hearth::quantize {
namespace {

using testing::HasSubstr;

struct Shape {
  std::string_view architecture = "llama";
  uint32_t layers = 32, heads = 32, kv_heads = 32, experts = 0;
  uint64_t width = 4096, feed_forward = 14336, kv_width = 1024, tokens = 128256;
  bool tied = false;
};

// The head of a file: names and shapes, no weights.
class Head {
 public:
  explicit Head(const Shape& shape) {
    add_text("general.architecture", shape.architecture);
    add("block_count", shape.layers);
    add("attention.head_count", shape.heads);
    add("attention.head_count_kv", shape.kv_heads);
    if (shape.experts > 0) add("expert_count", shape.experts);
    add_tensor("token_embd.weight", {shape.width, shape.tokens});
    add_tensor("output_norm.weight", {shape.width});
    if (!shape.tied) add_tensor("output.weight", {shape.width, shape.tokens});
    const uint64_t experts = std::max(shape.experts, 1U);
    const std::string_view suffix = shape.experts > 0 ? "_exps.weight" : ".weight";
    for (uint32_t i = 0; i < shape.layers; ++i) {
      const std::string blk = cat("blk.", i, ".");
      add_tensor(blk + "attn_norm.weight", {shape.width});
      add_tensor(blk + "ffn_norm.weight", {shape.width});
      add_tensor(blk + "attn_q.weight", {shape.width, shape.width});
      add_tensor(blk + "attn_k.weight", {shape.width, shape.kv_width});
      add_tensor(blk + "attn_v.weight", {shape.width, shape.kv_width});
      add_tensor(blk + "attn_output.weight", {shape.width, shape.width});
      if (shape.experts > 0) add_tensor(blk + "ffn_gate_inp.weight", {shape.width, experts});
      add_tensor(cat(blk, "ffn_gate", suffix), {shape.width, shape.feed_forward, experts});
      add_tensor(cat(blk, "ffn_up", suffix), {shape.width, shape.feed_forward, experts});
      add_tensor(cat(blk, "ffn_down", suffix), {shape.feed_forward, shape.width, experts});
    }
  }

  void add_text(std::string_view key, std::string_view text) {
    gguf::Value value;
    value.type = gguf::ValueType::string;
    value.text = text;
    architecture_ = text;
    file_.metadata.add(key, value);
  }
  void add(std::string_view key, uint32_t number) {
    gguf::Value value;
    value.type = gguf::ValueType::u32;
    value.bits = number;
    file_.metadata.add(keep(cat(architecture_, ".", key)), value);
  }
  void add_tensor(const std::string& name, const std::vector<uint64_t>& dims,
                  DType type = DType::F16) {
    gguf::TensorInfo tensor;
    tensor.name = keep(name);
    tensor.type = type;
    tensor.n_dims = static_cast<uint32_t>(dims.size());
    std::copy(dims.begin(), dims.end(), tensor.dims.begin());
    file_.tensors.push_back(tensor);
  }

  [[nodiscard]] gguf::File& file() { return file_; }

  // Types by name.
  [[nodiscard]] std::map<std::string, DType> types(std::string_view recipe,
                                                   const RecipeOptions& options = {}) const {
    const auto plan = plan_of(*find_recipe(recipe), file_, options);
    EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
    std::map<std::string, DType> types;
    for (size_t t = 0; plan && t < file_.tensors.size(); ++t)
      types.emplace(file_.tensors[t].name, plan->types[t]);
    return types;
  }
  // Of one tensor in all layers.
  [[nodiscard]] std::vector<DType> in_layers(std::string_view part, std::string_view recipe,
                                             const RecipeOptions& options = {}) const {
    const auto all = types(recipe, options);
    std::vector<DType> of_layers;
    for (uint32_t i = 0;; ++i) {
      const auto found = all.find(cat("blk.", i, ".", part, ".weight"));
      if (found == all.end()) return of_layers;
      of_layers.push_back(found->second);
    }
  }

 private:
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }

  std::deque<std::string> kept_;
  std::string_view architecture_;
  gguf::File file_;
};

std::vector<size_t> places_of(DType type, const std::vector<DType>& types) {
  std::vector<size_t> places;
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] == type) places.push_back(i);
  }
  return places;
}

std::vector<DType> all(DType type, size_t n) { return std::vector<DType>(n, type); }

NamedType named(std::string_view pattern, DType type) {
  return {*NamePattern::parse(pattern), type};
}

TEST(RecipeTest, Names) {
  std::set<Mixture> mixtures;
  std::set<uint32_t> file_types;
  for (const Recipe& recipe : recipes()) {
    EXPECT_EQ(find_recipe(recipe.name), &recipe);
    mixtures.insert(recipe.mixture);
    file_types.insert(recipe.file_type);
  }
  EXPECT_EQ(mixtures.size(), recipes().size());
  EXPECT_EQ(file_types.size(), recipes().size());
  EXPECT_EQ(find_recipe("q4_k_m")->name, "Q4_K_M");
  EXPECT_EQ(find_recipe("Q4_K")->name, "Q4_K_M");
  EXPECT_EQ(find_recipe("q3_k")->name, "Q3_K_M");
  EXPECT_EQ(find_recipe("Q6_K_M"), nullptr);
  EXPECT_EQ(find_recipe(""), nullptr);
}

TEST(RecipeTest, BitsPerWeightAreThoseOfLlama8B) {
  Head head({.heads = 32, .kv_heads = 8});
  for (const Recipe& recipe : recipes()) {
    const auto plan = plan_of(recipe, head.file(), {});
    ASSERT_TRUE(plan);
    double bytes = 0, weights = 0;
    for (size_t t = 0; t < plan->types.size(); ++t) {
      const gguf::TensorInfo& tensor = head.file().tensors[t];
      bytes += static_cast<double>(*row_bytes(plan->types[t], tensor.dims[0]) * tensor.rows());
      weights += static_cast<double>(tensor.weights());
    }
    // Norms stay in F16 here, and are F32 in such files.
    EXPECT_NEAR(8 * bytes / weights, recipe.bits, 0.0075) << recipe.name;
  }
}

TEST(RecipeTest, TheUsualOne) {
  const Head head({.layers = 32, .heads = 32, .kv_heads = 8});
  const std::vector<size_t> more{0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31};
  for (const std::string_view part : {"attn_v", "ffn_down"}) {
    const auto types = head.in_layers(part, "Q4_K_M");
    EXPECT_EQ(places_of(DType::Q6_K, types), more) << part;
    EXPECT_EQ(places_of(DType::Q4_K, types).size(), 32 - more.size()) << part;
  }
  for (const std::string_view part : {"attn_q", "attn_k", "attn_output", "ffn_up", "ffn_gate"})
    EXPECT_EQ(head.in_layers(part, "Q4_K_M"), all(DType::Q4_K, 32)) << part;
  EXPECT_EQ(head.in_layers("attn_norm", "Q4_K_M"), all(DType::F16, 32));
  EXPECT_EQ(head.types("Q4_K_M").at("output.weight"), DType::Q6_K);
  EXPECT_EQ(head.types("Q4_K_M").at("token_embd.weight"), DType::Q4_K);
}

TEST(RecipeTest, TablesThatAreTheOutputToo) {
  const Head tied({.tied = true});
  EXPECT_EQ(tied.types("Q4_K_M").at("token_embd.weight"), DType::Q6_K);
  EXPECT_EQ(tied.types("IQ2_XS").at("token_embd.weight"), DType::Q5_K);
  EXPECT_EQ(tied.types("Q8_0").at("token_embd.weight"), DType::Q8_0);
  EXPECT_EQ(Head({}).types("IQ2_XS").at("token_embd.weight"), DType::Q2_K);
}

TEST(RecipeTest, WhatTheModelChanges) {
  const Head alone({}), shared({.heads = 32, .kv_heads = 8});
  EXPECT_EQ(alone.in_layers("attn_v", "IQ4_XS"), all(DType::IQ4_XS, 32));
  EXPECT_EQ(shared.in_layers("attn_v", "IQ4_XS"), all(DType::Q5_K, 32));
  const Head eight({.kv_heads = 8, .experts = 8}), many({.kv_heads = 8, .experts = 128});
  EXPECT_EQ(eight.in_layers("attn_v", "Q4_K_M"), all(DType::Q8_0, 32));
  EXPECT_EQ(eight.in_layers("attn_output", "Q4_K_M"), all(DType::Q5_K, 32));
  EXPECT_EQ(many.in_layers("attn_output", "Q4_K_M"), all(DType::Q4_K, 32));
  EXPECT_EQ(eight.in_layers("ffn_gate_inp", "Q4_K_M"), all(DType::F16, 32));
  EXPECT_EQ(eight.in_layers("ffn_up_exps", "MXFP4_MOE"), all(DType::MXFP4, 32));
  EXPECT_EQ(eight.in_layers("attn_q", "MXFP4_MOE"), all(DType::Q8_0, 32));
  const Head deep({.layers = 80, .heads = 64, .kv_heads = 8});
  EXPECT_EQ(deep.in_layers("attn_v", "Q3_K_S"), all(DType::Q5_K, 80));
  const Head other({.architecture = "qwen3", .layers = 80, .heads = 64, .kv_heads = 8});
  EXPECT_EQ(other.in_layers("attn_v", "Q3_K_S"), all(DType::Q3_K, 80));
}

TEST(RecipeTest, WhatAnImportanceMatrixChanges) {
  const Head head({.layers = 32});
  const RecipeOptions known{.importance = true};
  EXPECT_EQ(head.in_layers("ffn_down", "Q4_0"), all(DType::Q4_0, 32));
  EXPECT_EQ(places_of(DType::Q4_1, head.in_layers("ffn_down", "Q4_0", known)),
            (std::vector<size_t>{0, 1, 2, 3}));
  EXPECT_EQ(head.in_layers("attn_v", "IQ3_XXS"), all(DType::IQ3_S, 32));
  EXPECT_EQ(head.in_layers("attn_v", "IQ3_XXS", known), all(DType::IQ3_XXS, 32));
}

TEST(RecipeTest, WhatNeedsOne) {
  Head head({});
  const auto needs = [&](std::string_view name) {
    const Recipe& recipe = *find_recipe(name);
    return needs_importance(recipe, head.file(), *plan_of(recipe, head.file(), {}));
  };
  for (const std::string_view name : {"IQ1_S", "IQ2_M", "IQ3_XXS", "IQ3_XS", "Q2_K_S"})
    EXPECT_TRUE(needs(name)) << name;
  for (const std::string_view name : {"Q2_K", "IQ3_S", "Q3_K_M", "IQ4_XS", "F16", "TQ1_0"})
    EXPECT_FALSE(needs(name)) << name;
}

TEST(RecipeTest, TheOrderInTheFileMeansNothing) {
  Head head({.layers = 12});
  const auto before = head.types("Q4_K_M");
  std::reverse(head.file().tensors.begin(), head.file().tensors.end());
  EXPECT_EQ(head.types("Q4_K_M"), before);
}

TEST(RecipeTest, RowsThatBlocksDoNotDivide) {
  Head head({.layers = 1, .width = 320, .feed_forward = 96});
  EXPECT_EQ(head.in_layers("attn_q", "Q4_K_M")[0], DType::Q5_0);
  EXPECT_EQ(head.in_layers("attn_q", "IQ2_XS")[0], DType::IQ4_NL);
  EXPECT_EQ(head.in_layers("attn_q", "Q2_0")[0], DType::Q2_0);
  EXPECT_EQ(head.in_layers("ffn_down", "Q2_0")[0], DType::Q4_0);
  EXPECT_EQ(head.types("Q4_K_M").at("output.weight"), DType::Q8_0);
  Head odd({.layers = 1, .width = 100, .feed_forward = 100});
  for (const std::string_view name : {"Q4_K_M", "Q8_0", "TQ1_0", "Q1_0", "MXFP4_MOE"})
    EXPECT_EQ(odd.in_layers("attn_q", name)[0], DType::F16) << name;
}

TEST(RecipeTest, WhatPeopleWantOtherwise) {
  Head head({.layers = 2});
  head.add_tensor("per_layer_token_embd.weight", {512, 64});
  EXPECT_EQ(head.in_layers("ffn_down", "Q4_K_M", {.pure = true}), all(DType::Q4_K, 2));
  EXPECT_EQ(head.types("Q4_K_M", {.pure = true}).at("output.weight"), DType::Q4_K);
  EXPECT_EQ(head.types("Q4_K_M", {.leave_output = true}).at("output.weight"), DType::F16);
  EXPECT_EQ(head.types("Q4_K_M", {.output = DType::Q5_K}).at("output.weight"), DType::Q5_K);
  RecipeOptions options{.token_embedding = DType::Q8_0};
  EXPECT_EQ(head.types("Q2_K", options).at("token_embd.weight"), DType::Q8_0);
  EXPECT_EQ(head.types("Q2_K", options).at("per_layer_token_embd.weight"), DType::Q8_0);
  options.named = {named("blk.1.*attn", DType::Q5_1), named("attn_v", DType::F16),
                   named("token_embd", DType::Q4_0)};
  const auto types = head.types("Q2_K", options);
  EXPECT_EQ(types.at("blk.0.attn_v.weight"), DType::F16);
  EXPECT_EQ(types.at("blk.1.attn_v.weight"), DType::Q5_1);
  EXPECT_EQ(types.at("blk.1.attn_norm.weight"), DType::F16);
  EXPECT_EQ(types.at("blk.0.attn_q.weight"), DType::Q2_K);
  EXPECT_EQ(types.at("token_embd.weight"), DType::Q8_0);
  EXPECT_EQ(types.at("per_layer_token_embd.weight"), DType::Q4_0);
}

TEST(RecipeTest, AnOutputThatIsTheTable) {
  const Head head({.layers = 2, .tied = true});
  EXPECT_EQ(head.types("Q4_K_M", {.output = DType::Q8_0}).at("token_embd.weight"), DType::Q8_0);
}

TEST(RecipeTest, Errors) {
  Head head({.layers = 2});
  const RecipeOptions norms{.named = {named("attn_norm", DType::Q8_0)}};
  const auto none = plan_of(*find_recipe("Q4_K_M"), head.file(), norms);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("'attn_norm'"));
  gguf::File bare;
  bare.tensors = head.file().tensors;
  const auto unknown = plan_of(*find_recipe("Q4_K_M"), bare, {});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("general.architecture"));
}

TEST(PlanTest, WhatIsQuantized) {
  const auto tensor = [](std::string_view name, DType type = DType::F32, uint64_t rows = 8) {
    gguf::TensorInfo info;
    info.name = name;
    info.type = type;
    info.n_dims = 2;
    info.dims = {256, rows, 1, 1};
    return info;
  };
  for (const std::string_view name : {"output.weight", "token_embd.weight", "blk.0.ffn_down.weight",
                                      "per_layer_token_embd.weight"})
    EXPECT_TRUE(quantizable(tensor(name))) << name;
  for (const std::string_view name :
       {"output_norm.weight", "blk.0.ffn_gate_inp.weight", "blk.0.attn_q.bias",
        "token_types.weight", "position_embd.weight", "per_layer_model_proj.weight",
        "blk.0.ssm_conv1d.weight", "blk.0.shortconv.conv.weight"})
    EXPECT_FALSE(quantizable(tensor(name))) << name;
  EXPECT_FALSE(quantizable(tensor("x.weight", DType::F32, 1)));
  EXPECT_FALSE(quantizable(tensor("x.weight", DType::I32)));
  EXPECT_TRUE(quantizable(tensor("x.weight", DType::Q8_0)));
}

TEST(PlanTest, FormatsThatNobodyCanMake) {
  Head head({.layers = 1});
  Plan plan = *plan_of(*find_recipe("Q8_0"), head.file(), {});
  EXPECT_TRUE(check_encodable(head.file(), plan));
  plan.types[0] = DType::Q8_K;
  const auto checked = check_encodable(head.file(), plan);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("Q8_K"));
  EXPECT_THAT(checked.error().message, HasSubstr("token_embd.weight"));
  head.file().tensors[0].type = DType::Q8_K;  // which is only copied
  EXPECT_TRUE(check_encodable(head.file(), plan));
}

}  // namespace
}  // namespace hearth::quantize
