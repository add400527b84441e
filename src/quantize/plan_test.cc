// Plans, and the files that are written by them.
#include "quantize/plan.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "engine/test_architectures.h"
#include "quantize/quantized_file.h"
#include "quantize/recipe.h"

namespace hearth::quantize {
namespace {

using engine::RandomArchitecture;

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class PlanTest : public testing::TestWithParam<std::string> {
 protected:
  ~PlanTest() override { std::filesystem::remove(path_); }

  void write(const gguf::File& file, const Plan& plan, size_t threads = 2) {
    ThreadPool pool(threads);
    Knowledge knowledge(nullptr, false, pool);
    const auto written = write_quantized(file, plan, knowledge, pool, {}, path_);
    ASSERT_TRUE(written) << written.error().message;
  }

  std::string path_ = cat(testing::TempDir(), "hearth-plan-", static_cast<int64_t>(::getpid()));
};

// Every mixture, of every architecture: the size is known beforehand, and what was written can be
// read, tensor by tensor.
TEST_P(PlanTest, FilesHaveTheSizeThatWasSaid) {
  const RandomArchitecture model(GetParam(), DType::F32);
  const gguf::File& file = model->file().gguf;
  for (const Recipe& recipe : recipes()) {
    const std::string_view name = recipe.name;
    const auto planned = plan_of(recipe, file, {});
    ASSERT_TRUE(planned) << planned.error().message;
    Plan plan = *planned;
    plan.notes["made_by"] = "a test";
    const auto bytes = file_bytes(file, plan);
    ASSERT_TRUE(bytes);
    write(file, plan);
    EXPECT_EQ(*bytes, std::filesystem::file_size(path_)) << name;
    const auto loaded = engine::LoadedModel::load(path_);
    ASSERT_TRUE(loaded) << name << ": " << loaded.error().message;
    const gguf::File& made = (*loaded)->file().gguf;
    ASSERT_EQ(made.tensors.size(), file.tensors.size());
    for (size_t t = 0; t < file.tensors.size(); ++t) {
      EXPECT_EQ(made.tensors[t].name, file.tensors[t].name);
      EXPECT_EQ(made.tensors[t].dims, file.tensors[t].dims);
      EXPECT_EQ(made.tensors[t].type, plan.types[t]) << made.tensors[t].name;
      EXPECT_TRUE(quantizable(file.tensors[t]) || plan.types[t] == file.tensors[t].type);
    }
    const std::string first = content(path_);
    write(file, plan, 1);
    EXPECT_TRUE(content(path_) == first) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Some, PlanTest, testing::Values("llama", "qwen3moe", "gpt-oss", "qwen35"),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           std::erase(name, '-');
                           return name;
                         });

gguf::TensorInfo named(std::string_view name, uint64_t columns, uint64_t rows) {
  gguf::TensorInfo tensor;
  tensor.name = name;
  tensor.type = DType::F32;
  tensor.n_dims = rows == 1 ? 1 : 2;
  tensor.dims = {columns, rows, 1, 1};
  return tensor;
}

TEST(PlanTest, WhatIsQuantized) {
  for (const char* name : {"token_embd.weight", "output.weight", "blk.3.attn_q.weight",
                           "blk.3.ffn_down_exps.weight", "blk.0.ssm_out.weight"})
    EXPECT_TRUE(quantizable(named(name, 256, 64))) << name;
  for (const char* name : {"blk.3.attn_norm.weight", "blk.3.ffn_gate_inp.weight",
                           "position_embd.weight", "blk.0.ssm_conv1d.weight", "blk.0.attn_q.bias"})
    EXPECT_FALSE(quantizable(named(name, 256, 64))) << name;
  EXPECT_FALSE(quantizable(named("blk.3.attn_q.weight", 256, 1)));
}

// What blocks of 256 do not divide gets a format of about as many bits.
TEST(PlanTest, RowsThatAreNoWholeBlocks) {
  for (const Recipe* recipe : {find_recipe("q4_k_m"), find_recipe("Q2_K"), find_recipe("IQ4_XS")}) {
    ASSERT_NE(recipe, nullptr);
    EXPECT_EQ(fitting(recipe->base, named("x.weight", 512, 2)), recipe->base);
    const DType other = fitting(recipe->base, named("x.weight", 96, 2));
    EXPECT_EQ(traits(other).block_weights, 32u);
    EXPECT_EQ(fitting(recipe->base, named("x.weight", 100, 2)), DType::F16);
  }
  EXPECT_EQ(find_recipe("Q4_K_X"), nullptr);
  EXPECT_EQ(find_recipe(""), nullptr);
}

}  // namespace
}  // namespace hearth::quantize
