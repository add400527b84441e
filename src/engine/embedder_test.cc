// Vectors of texts: they depend on nothing but the model and the text. Beside the definition in
// float64: tests/cli/embed_test.py.
#include "engine/embedder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "engine/session.h"
#include "engine/test_architectures.h"

namespace hearth::engine {
namespace {

using model::Pooling;
using Vectors = std::vector<std::vector<float>>;

// Uneven lengths, among them one of 1 and one that fills the context.
std::vector<EmbedInput> some_texts() {
  Rng rng(3);
  std::vector<EmbedInput> texts;
  for (const size_t n : {7u, 1u, 200u, 33u, 64u, 3u, 90u, 18u, 18u, 5u}) {
    EmbedInput text;
    for (size_t i = 0; i < n; ++i)
      text.tokens.push_back(static_cast<text::Token>(rng.below(RandomSizes::kVocab)));
    if (n % 2 == 0) text.second_from = n / 2;
    texts.push_back(std::move(text));
  }
  return texts;
}

Vectors vectors_of(const LoadedModel& model, std::span<const EmbedInput> texts,
                   const SessionOptions& options, Pooling pooling) {
  auto embedder = Embedder::open(model, options, pooling);
  EXPECT_TRUE(embedder) << (embedder ? "" : embedder.error().message);
  Vectors all;
  const auto done =
      (*embedder)->embed(texts, [&](size_t index, std::span<const float> vector) -> Result<void> {
        EXPECT_EQ(index, all.size());
        all.emplace_back(vector.begin(), vector.end());
        return {};
      });
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return all;
}

class EmbedderTest : public testing::TestWithParam<std::pair<const char*, DType>> {
 protected:
  RandomArchitecture model_{GetParam().first, GetParam().second};
  std::vector<EmbedInput> texts_ = some_texts();
};

TEST_P(EmbedderTest, NeighboursThreadsAndChunksDoNotChangeABit) {
  for (const IsaLevel level : available_levels()) {
    if (level == IsaLevel::reference) continue;
    for (const Pooling pooling : {Pooling::mean, Pooling::cls, Pooling::last, Pooling::none}) {
      SessionOptions options{.context = 200, .threads = 1, .kernels = &kernels_for(level)};
      const Vectors want = vectors_of(*model_, texts_, options, pooling);
      for (size_t i = 0; i < texts_.size(); ++i)
        EXPECT_EQ(vectors_of(*model_, {&texts_[i], 1}, options, pooling)[0], want[i]);
      options.threads = 3;
      options.prompt_chunk = 31;
      EXPECT_EQ(vectors_of(*model_, texts_, options, pooling), want) << name_of(pooling);
    }
  }
}

TEST_P(EmbedderTest, LevelsAgree) {
  const SessionOptions plain{
      .context = 200, .kv_type = DType::F32, .kernels = &kernels_for(IsaLevel::reference)};
  const Vectors want = vectors_of(*model_, texts_, plain, Pooling::mean);
  for (const IsaLevel level : available_levels()) {
    SessionOptions options = plain;
    options.kernels = &kernels_for(level);
    const Vectors got = vectors_of(*model_, texts_, options, Pooling::mean);
    double error = 0, size = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      for (size_t k = 0; k < got[i].size(); ++k) {
        error += std::pow(static_cast<double>(got[i][k]) - static_cast<double>(want[i][k]), 2);
        size += std::pow(static_cast<double>(want[i][k]), 2);
      }
    }
    EXPECT_LT(error / size, GetParam().second == DType::F32 ? 1e-10 : 3e-3) << name_of(level);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, EmbedderTest,
    testing::Values(std::pair{"bert", DType::F32}, std::pair{"bert", DType::Q8_0},
                    std::pair{"llama", DType::Q8_0}, std::pair{"lfm2", DType::F32}),
    [](const auto& tested) { return cat(tested.param.first, "_", name_of(tested.param.second)); });

TEST(EmbedderLimitsTest, WhatCannotBe) {
  const RandomArchitecture bert("bert", DType::F32);
  const auto nothing = [](size_t, std::span<const float>) -> Result<void> { return {}; };
  EXPECT_FALSE(Session::open(*bert, {.context = 10}));
  EXPECT_FALSE(Embedder::open(*bert, {.context = 201}));
  auto embedder = *Embedder::open(*bert, {});
  EXPECT_EQ(embedder->longest(), 200u);
  EXPECT_EQ(embedder->pooling(), Pooling::mean);
  for (const std::vector<text::Token>& bad : std::vector<std::vector<text::Token>>{
           {}, std::vector<text::Token>(201, 1), {-1}, {3, static_cast<text::Token>(96)}}) {
    const EmbedInput inputs[] = {{{1, 2}, SIZE_MAX}, {bad, SIZE_MAX}};
    EXPECT_FALSE(embedder->embed(inputs, nothing));
  }
  const auto refuse = [](size_t, std::span<const float>) -> Result<void> {
    return fail(ErrorCode::io, "full");
  };
  const EmbedInput fine[] = {{{1, 2}, SIZE_MAX}};
  EXPECT_EQ(embedder->embed(fine, refuse).error().message, "full");
  EXPECT_TRUE(embedder->embed(fine, nothing));
  EXPECT_TRUE(embedder->embed({}, nothing));
  const RandomArchitecture llama("llama", DType::F32);
  EXPECT_FALSE(Embedder::open(*llama, {}, Pooling::rank));
}

TEST(EmbedderRankTest, TheSecondTextOfAPairIsKnownAsSuch) {
  const RandomArchitecture bert("bert", DType::F32);
  const std::vector<text::Token> tokens{2, 9, 8, 3, 7, 3};
  const EmbedInput inputs[] = {{tokens, SIZE_MAX}, {tokens, 4}};
  const Vectors scores = vectors_of(*bert, inputs, {}, Pooling::rank);
  ASSERT_EQ(scores[0].size(), 1u);
  EXPECT_GT(std::fabs(scores[0][0] - scores[1][0]), 1e-3f);
}

TEST(NormalizeTest, LengthOne) {
  std::vector<float> vector{3, 0, -4};
  normalize(vector);
  EXPECT_FLOAT_EQ(vector[0], 0.6f);
  EXPECT_FLOAT_EQ(vector[2], -0.8f);
  std::vector<float> zero(3);
  normalize(zero);
  EXPECT_EQ(zero, std::vector<float>(3));
}

}  // namespace
}  // namespace hearth::engine
