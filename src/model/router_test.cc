#include "model/router.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hearth::model {
namespace {

using Gating = RouterConfig::Gating;

std::vector<Choice> choose(const RouterConfig& config, const std::vector<float>& logits,
                           const float* bias = nullptr) {
  std::vector<Choice> chosen(config.n_used);
  std::vector<float> work;
  choose_experts(config, logits, bias, chosen, work);
  return chosen;
}

RouterConfig config_of(size_t experts, size_t used, Gating gating) {
  RouterConfig config;
  config.n_experts = experts;
  config.n_used = used;
  config.gating = gating;
  return config;
}

TEST(RouterTest, SoftmaxOverAllKeepsItsShares) {
  const auto chosen = choose(config_of(4, 2, Gating::softmax), {1, 3, 2, -1});
  const double sum = std::exp(1) + std::exp(3) + std::exp(2) + std::exp(-1);
  ASSERT_EQ(chosen.size(), 2u);
  EXPECT_EQ(chosen[0].expert, 1u);
  EXPECT_EQ(chosen[1].expert, 2u);
  EXPECT_NEAR(static_cast<double>(chosen[0].weight), std::exp(3) / sum, 1e-6);
  EXPECT_NEAR(static_cast<double>(chosen[1].weight), std::exp(2) / sum, 1e-6);
}

TEST(RouterTest, NormalizedWeightsAddUpToTheScale) {
  RouterConfig config = config_of(4, 2, Gating::sigmoid);
  config.normalize = true;
  config.scale = 2.5f;
  const auto chosen = choose(config, {1, 3, 2, -1});
  const double a = 1 / (1 + std::exp(-3)), b = 1 / (1 + std::exp(-2));
  EXPECT_NEAR(static_cast<double>(chosen[0].weight), 2.5 * a / (a + b), 1e-6);
  EXPECT_NEAR(static_cast<double>(chosen[1].weight), 2.5 * b / (a + b), 1e-6);
}

TEST(RouterTest, TheBiasCountsForTheChoiceAlone) {
  const float bias[] = {5, 0, 0, 0};
  const auto chosen = choose(config_of(4, 1, Gating::sigmoid), {1, 3, 2, -1}, bias);
  EXPECT_EQ(chosen[0].expert, 0u);
  EXPECT_NEAR(static_cast<double>(chosen[0].weight), 1 / (1 + std::exp(-1)), 1e-6);
}

TEST(RouterTest, SoftmaxOfTheChosen) {
  const auto chosen = choose(config_of(4, 2, Gating::softmax_of_chosen), {1, 3, 2, -1});
  EXPECT_NEAR(static_cast<double>(chosen[0].weight), 1 / (1 + std::exp(-1)), 1e-6);
  EXPECT_NEAR(static_cast<double>(chosen[1].weight), 1 / (1 + std::exp(1)), 1e-6);
}

TEST(RouterTest, GroupsAreChosenByTheirTwoBest) {
  RouterConfig config = config_of(6, 2, Gating::sigmoid);
  config.n_groups = 3;
  config.n_groups_used = 1;
  // The best expert is in a group whose second is poor.
  const auto chosen = choose(config, {4, -9, 2, 2.5f, 1, 0});
  EXPECT_EQ(chosen[0].expert, 2u);
  EXPECT_EQ(chosen[1].expert, 3u);
}

TEST(RouterTest, OfEqualsTheFirstAndNothingBreaksOnWhatIsNoNumber) {
  EXPECT_EQ(choose(config_of(3, 1, Gating::softmax), {2, 2, 2})[0].expert, 0u);
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const Gating gating : {Gating::softmax, Gating::sigmoid, Gating::softmax_of_chosen}) {
      for (const Choice& choice : choose(config_of(3, 2, gating), {bad, bad, bad}))
        EXPECT_LT(choice.expert, 3u);
    }
  }
}

}  // namespace
}  // namespace hearth::model
