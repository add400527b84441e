#include "quantize/divergence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "engine/perplexity.h"
#include "engine/test_architectures.h"

namespace hearth::quantize {
namespace {

using engine::Distribution;
using engine::RandomArchitecture;
using engine::RandomSizes;

std::vector<float> random_logits(size_t n, uint64_t seed, double width) {
  Rng rng(seed);
  std::vector<float> logits(n);
  for (float& logit : logits)
    logit = static_cast<float>(width * (static_cast<double>(rng.below(1 << 20)) / (1 << 19) - 1));
  return logits;
}

TEST(CompareTest, AsTheDefinitionSays) {
  const std::vector<float> p{0, 0};
  const std::vector<float> q{0, static_cast<float>(std::log(3.0))};
  const TokenDivergence token = compare(Distribution(p), Distribution(q), 1);
  EXPECT_NEAR(token.kl, 0.5 * std::log(2) + 0.5 * std::log(2.0 / 3), 1e-7);
  EXPECT_NEAR(token.reference, std::log(0.5), 1e-12);
  EXPECT_NEAR(token.candidate, std::log(0.75), 1e-7);
  EXPECT_FALSE(token.same_top);
}

TEST(CompareTest, SmallAndLargeDivergences) {
  for (const double change : {1e-4, 1e-2, 1.0}) {
    const std::vector<float> p = random_logits(5000, 1, 8);
    std::vector<float> q = random_logits(5000, 2, change);
    for (size_t i = 0; i < q.size(); ++i) q[i] += p[i];
    long double sum_p = 0, sum_q = 0, want = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      sum_p += std::exp(static_cast<long double>(p[i]));
      sum_q += std::exp(static_cast<long double>(q[i]));
    }
    for (size_t i = 0; i < p.size(); ++i) {
      const auto a = static_cast<long double>(p[i]) - std::log(sum_p);
      const auto b = static_cast<long double>(q[i]) - std::log(sum_q);
      want += std::exp(a) * (a - b);
    }
    const auto kl = static_cast<double>(want);
    EXPECT_NEAR(compare(Distribution(p), Distribution(q), 0).kl, kl, 1e-9 * kl + 1e-13) << change;
  }
}

TEST(CompareTest, NothingIsFartherFromItselfThanZero) {
  const std::vector<float> p = random_logits(1000, 3, 30);
  const TokenDivergence token = compare(Distribution(p), Distribution(p), 7);
  EXPECT_GE(token.kl, 0);
  EXPECT_LT(token.kl, 1e-12);
  EXPECT_TRUE(token.same_top);
  // A shift of all logits is the same distribution.
  std::vector<float> shifted = p;
  for (float& logit : shifted) logit += 16;
  EXPECT_LT(compare(Distribution(p), Distribution(shifted), 7).kl, 1e-6);
}

TEST(SummarizeTest, OfAFewTokens) {
  std::vector<TokenDivergence> tokens;
  for (int i = 4; i >= 0; --i)
    tokens.push_back({static_cast<double>(i), std::log(0.5), std::log(0.25), i != 0});
  const auto all = summarize(tokens);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->tokens, 5u);
  EXPECT_DOUBLE_EQ(all->kl.value, 2);
  EXPECT_DOUBLE_EQ(all->kl.error, std::sqrt(2.0 / 4));
  EXPECT_DOUBLE_EQ(all->kl_median, 2);
  EXPECT_NEAR(all->kl_90, 3.6, 1e-12);
  EXPECT_NEAR(all->kl_99, 3.96, 1e-12);
  EXPECT_NEAR(all->kl_999, 3.996, 1e-12);
  EXPECT_DOUBLE_EQ(all->kl_maximum, 4);
  EXPECT_DOUBLE_EQ(all->same_top.value, 0.8);
  EXPECT_NEAR(all->same_top.error, std::sqrt(0.8 * 0.2 / 4), 1e-12);
  EXPECT_NEAR(all->reference_perplexity.value, 2, 1e-12);
  EXPECT_NEAR(all->candidate_perplexity.value, 4, 1e-12);
  EXPECT_NEAR(all->perplexity_ratio.value, 2, 1e-12);
  EXPECT_NEAR(all->perplexity_ratio.error, 0, 1e-6);
  EXPECT_NEAR(all->rms_probability_difference, 0.25, 1e-12);
}

TEST(SummarizeTest, WhatIsNoNumberIsAnError) {
  EXPECT_FALSE(summarize({}));
  std::vector<TokenDivergence> tokens(3);
  tokens[1].kl = std::nan("");
  EXPECT_FALSE(summarize(tokens));
  tokens[1].kl = HUGE_VAL;
  EXPECT_FALSE(summarize(tokens));
}

class ReferenceTest : public testing::Test {
 protected:
  static constexpr size_t kWindow = 24;

  ReferenceTest() {
    Rng rng(3);
    for (size_t i = 0; i < 5 * kWindow; ++i)
      tokens_.push_back(static_cast<text::Token>(rng.below(RandomSizes::kVocab)));
  }
  [[nodiscard]] engine::TextWindows windows() const {
    return *engine::TextWindows::cut(*model_, tokens_, kWindow, SIZE_MAX,
                                     engine::WindowScoring::second_half);
  }
  [[nodiscard]] std::unique_ptr<engine::Session> open(const engine::LoadedModel& model,
                                                      size_t threads = 2) const {
    return *engine::Session::open(model,
                                  {.context = kWindow, .threads = threads, .kv_type = DType::F32});
  }

  RandomArchitecture model_{"llama", DType::F32};
  RandomArchitecture other_{"llama", DType::Q8_0};
  std::vector<text::Token> tokens_;
};

TEST_F(ReferenceTest, ItIsNoOtherThanItself) {
  const auto session = open(*model_);
  const auto truth = ReferenceDistributions::compute(*session, windows(), UINT64_MAX);
  ASSERT_TRUE(truth) << truth.error().message;
  const auto again = open(*model_);
  const auto found = truth->compare(*again);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->tokens, 5 * (kWindow / 2 - 1));
  EXPECT_LT(found->kl_maximum, 1e-12);
  EXPECT_EQ(found->same_top.value, 1);
  EXPECT_DOUBLE_EQ(found->perplexity_ratio.value, 1);
  const auto perplexity =
      engine::perplexity(*again, tokens_, kWindow, SIZE_MAX, engine::WindowScoring::second_half);
  ASSERT_TRUE(perplexity);
  EXPECT_NEAR(found->candidate_perplexity.value, perplexity->perplexity,
              1e-9 * perplexity->perplexity);
  EXPECT_NEAR(found->candidate_perplexity.error, perplexity->standard_error,
              1e-6 * perplexity->standard_error);
}

// Neither threads nor what there is memory for changes a bit.
TEST_F(ReferenceTest, MemoryAndThreadsChangeNothing) {
  const auto session = open(*model_);
  const auto candidate = open(*other_, 1);
  const auto all = ReferenceDistributions::compute(*session, windows(), UINT64_MAX);
  ASSERT_TRUE(all);
  const auto want = all->tokens(*candidate);
  ASSERT_TRUE(want);
  EXPECT_GT(summarize(*want)->kl.value, 1e-9);
  const uint64_t whole = all->bytes();
  EXPECT_EQ(whole, 5 * (kWindow / 2 - 1) * RandomSizes::kVocab * sizeof(float));
  for (const uint64_t limit : {uint64_t{0}, whole / 2, whole}) {
    const auto part = ReferenceDistributions::compute(*session, windows(), limit);
    ASSERT_TRUE(part);
    EXPECT_LE(part->bytes(), limit);
    const auto other = open(*other_, 3);
    const auto got = part->tokens(*other);
    ASSERT_TRUE(got);
    ASSERT_EQ(got->size(), want->size());
    for (size_t i = 0; i < want->size(); ++i) {
      EXPECT_EQ((*got)[i].kl, (*want)[i].kl);
      EXPECT_EQ((*got)[i].candidate, (*want)[i].candidate);
      EXPECT_EQ((*got)[i].reference, (*want)[i].reference);
    }
    EXPECT_EQ(part->tokens(*other, 2)->size(), 2 * (kWindow / 2 - 1));
  }
}

TEST_F(ReferenceTest, AContextThatIsTooSmallIsAnError) {
  const auto session = open(*model_);
  const auto truth = ReferenceDistributions::compute(*session, windows(), UINT64_MAX);
  ASSERT_TRUE(truth);
  const auto small = *engine::Session::open(*other_, {.context = kWindow / 2});
  EXPECT_FALSE(truth->compare(*small));
}

}  // namespace
}  // namespace hearth::quantize
