#include "sample/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace hearth::sample {
namespace {

SamplingParams plain() {
  SamplingParams params;
  params.temperature = 1;
  params.top_k = 0;
  params.top_p = 1;
  params.min_p = 0;
  params.seed = 5;
  return params;
}

text::Token one(const SamplingParams& params, std::vector<float> logits,
                std::vector<text::Token> history = {}) {
  Sampler sampler(params, logits.size());
  return sampler.sample(logits, history).value_or(-1);
}

// How often each token comes in `draws` draws.
std::map<text::Token, int> frequencies(const SamplingParams& params,
                                       const std::vector<float>& logits, int draws) {
  Sampler sampler(params, logits.size());
  std::map<text::Token, int> counts;
  for (int i = 0; i < draws; ++i) {
    std::vector<float> copy = logits;
    ++counts[sampler.sample(copy, {}).value_or(-1)];
  }
  return counts;
}

TEST(SamplerTest, GreedyTakesTheLargestAndTheFirstOfEquals) {
  SamplingParams greedy = plain();
  greedy.temperature = 0;
  EXPECT_EQ(one(greedy, {1, 3, 2}), 1);
  EXPECT_EQ(one(greedy, {1, 3, 3}), 1);
  EXPECT_EQ(one(greedy, {NAN, -5, -INFINITY}), 1);
}

// As a grammar leaves them: fewer than top-k, and however flat the rest is made.
TEST(SamplerTest, WhatIsImpossibleNeverComes) {
  SamplingParams params = plain();
  params.temperature = 100;
  params.top_k = 3;
  const auto counts =
      frequencies(params, {-INFINITY, -90, -INFINITY, 1, -INFINITY, NAN, -INFINITY}, 2000);
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_GT(counts.at(1), 0);
  EXPECT_GT(counts.at(3), 0);
}

TEST(SamplerTest, LogitsThatAreNoNumbersAreAnError) {
  for (const float bad : {static_cast<float>(NAN), -INFINITY, INFINITY}) {
    Sampler sampler(plain(), 3);
    std::vector<float> logits(3, bad);
    const auto token = sampler.sample(logits, {});
    ASSERT_FALSE(token);
    EXPECT_NE(token.error().message.find("not numbers"), std::string::npos);
  }
}

TEST(SamplerTest, DrawsFollowTheProbabilities) {
  const std::vector<float> logits{std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  const auto counts = frequencies(plain(), logits, 20000);
  // Three standard deviations of a binomial are below 213 of 20,000.
  EXPECT_NEAR(counts.at(0), 10000, 213);
  EXPECT_NEAR(counts.at(1), 6000, 213);
  EXPECT_NEAR(counts.at(2), 4000, 213);
}

TEST(SamplerTest, TemperatureSharpensAndFlattens) {
  SamplingParams params = plain();
  params.temperature = 0.5f;
  const std::vector<float> logits{std::log(0.6f), std::log(0.4f)};
  EXPECT_NEAR(frequencies(params, logits, 20000).at(0), 20000 * 0.36 / 0.52, 250);
}

TEST(SamplerTest, TopKTopPAndMinPCutTheTail) {
  const std::vector<float> logits{std::log(0.1f), std::log(0.4f), std::log(0.3f), std::log(0.2f)};
  SamplingParams k = plain();
  k.top_k = 2;
  EXPECT_EQ(frequencies(k, logits, 2000).size(), 2u);
  SamplingParams p = plain();
  p.top_p = 0.75f;  // 0.4 + 0.3 is not enough, with 0.2 it is
  const auto kept = frequencies(p, logits, 2000);
  EXPECT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept.count(0), 0u);
  SamplingParams m = plain();
  m.min_p = 0.6f;  // at least 0.24
  EXPECT_EQ(frequencies(m, logits, 2000).size(), 2u);
  SamplingParams none = plain();
  none.top_p = 0;  // the best always stays
  EXPECT_EQ(frequencies(none, logits, 100).size(), 1u);
}

TEST(SamplerTest, PenaltiesLowerWhatWasSeen) {
  SamplingParams params = plain();
  params.temperature = 0;
  params.repeat_penalty = 2;
  EXPECT_EQ(one(params, {3.0f, 2.0f}, {0}), 1);    // 3 / 2 < 2
  EXPECT_EQ(one(params, {-1.0f, -1.5f}, {0}), 1);  // -1 * 2 < -1.5
  EXPECT_EQ(one(params, {3.0f, 2.0f}, {1, 1}), 0);
  params.repeat_penalty = 1;
  params.presence_penalty = 0.5f;
  EXPECT_EQ(one(params, {3.0f, 2.6f}, {0, 0, 0}), 1);
  params.presence_penalty = 0;
  params.frequency_penalty = 0.3f;
  EXPECT_EQ(one(params, {3.0f, 2.6f}, {0}), 0);
  EXPECT_EQ(one(params, {3.0f, 2.6f}, {0, 0}), 1);
  params.penalty_window = 1;
  EXPECT_EQ(one(params, {3.0f, 2.6f}, {0, 0}), 0);
  params.penalty_window = -1;
  EXPECT_EQ(one(params, {3.0f, 2.6f}, {0, 0}), 1);
  params.penalty_window = 0;
  EXPECT_EQ(one(params, {3.0f, 2.6f}, {0, 0}), 0);
}

TEST(SamplerTest, TheSameSeedDrawsTheSame) {
  std::vector<float> logits(100);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = std::sin(static_cast<float>(i));
  SamplingParams params = plain();
  const auto sequence = [&](uint64_t seed) {
    params.seed = seed;
    Sampler sampler(params, logits.size());
    std::vector<text::Token> tokens;
    for (int i = 0; i < 50; ++i) {
      std::vector<float> copy = logits;
      tokens.push_back(sampler.sample(copy, tokens).value_or(-1));
    }
    return tokens;
  };
  EXPECT_EQ(sequence(1), sequence(1));
  EXPECT_NE(sequence(1), sequence(2));
}

TEST(SamplerTest, CheckNamesTheFlag) {
  SamplingParams params;
  EXPECT_TRUE(check(params));
  const auto fails = [](SamplingParams bad, std::string_view flag) {
    const auto result = check(bad);
    return !result && result.error().code == ErrorCode::bad_usage &&
           result.error().message.find(flag) != std::string::npos;
  };
  params.temperature = static_cast<float>(NAN);
  EXPECT_TRUE(fails(params, "--temp"));
  params = {};
  params.top_p = 1.5f;
  EXPECT_TRUE(fails(params, "--top-p"));
  params = {};
  params.top_k = -1;
  EXPECT_TRUE(fails(params, "--top-k"));
  params = {};
  params.repeat_penalty = 0;
  EXPECT_TRUE(fails(params, "--repeat-penalty"));
}

}  // namespace
}  // namespace hearth::sample
