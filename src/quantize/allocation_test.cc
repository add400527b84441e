#include "quantize/allocation.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "base/rng.h"

namespace hearth::quantize {
namespace {

using Tensors = std::vector<std::vector<FormatOption>>;

struct Total {
  uint64_t bytes = 0;
  double damage = 0;
};

Total total_of(const Tensors& tensors, const std::vector<size_t>& choice) {
  Total total;
  for (size_t t = 0; t < tensors.size(); ++t) {
    total.bytes += tensors[t][choice[t]].bytes;
    total.damage += tensors[t][choice[t]].damage;
  }
  return total;
}

// The least damage of all choices; infinite when none is small enough.
double least_damage(const Tensors& tensors, uint64_t budget) {
  std::vector<size_t> choice(tensors.size());
  double least = HUGE_VAL;
  while (true) {
    const Total total = total_of(tensors, choice);
    if (total.bytes <= budget) least = std::min(least, total.damage);
    size_t t = 0;
    while (t < tensors.size() && ++choice[t] == tensors[t].size()) choice[t++] = 0;
    if (t == tensors.size()) return least;
  }
}

// Tensors of many sizes; damage falls to a fifth with each bit, differently for each.
Tensors random_tensors(Rng& rng, size_t count, size_t formats) {
  Tensors tensors(count);
  for (auto& options : tensors) {
    const uint64_t weights = 1000 + rng.below(100'000);
    const double hurt = std::exp(6 * rng.uniform());
    for (size_t i = 0; i < formats; ++i) {
      const double bits = 2 + 6 * rng.uniform();
      const auto bytes = static_cast<uint64_t>(bits * static_cast<double>(weights) / 8);
      options.push_back({bytes, hurt * std::pow(5, -bits) * (0.8 + 0.4 * rng.uniform())});
    }
  }
  return tensors;
}

Total ends_of(const Tensors& tensors) {
  Total least_and_most;  // bytes of the smallest options, and of the largest as "damage"
  for (const auto& options : tensors) {
    uint64_t least = UINT64_MAX, most = 0;
    for (const FormatOption& option : options) {
      least = std::min(least, option.bytes);
      most = std::max(most, option.bytes);
    }
    least_and_most.bytes += least;
    least_and_most.damage += static_cast<double>(most);
  }
  return least_and_most;
}

TEST(AllocationTest, NearTheBestOfAllChoices) {
  double worst = 1, sum = 0;
  constexpr uint64_t kSeeds = 200;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Rng rng(seed);
    const Tensors tensors = random_tensors(rng, 6, 4);
    const Total ends = ends_of(tensors);
    const auto budget =
        static_cast<uint64_t>(static_cast<double>(ends.bytes) +
                              rng.uniform() * (ends.damage - static_cast<double>(ends.bytes)));
    const auto choice = allocate(tensors, budget);
    ASSERT_TRUE(choice);
    const Total got = total_of(tensors, *choice);
    EXPECT_LE(got.bytes, budget);
    const double ratio = got.damage / least_damage(tensors, budget);
    worst = std::max(worst, ratio);
    sum += ratio;
  }
  // Six tensors leave few ways to fill the last bytes; models have hundreds (below).
  EXPECT_LE(worst, 3);
  EXPECT_LE(sum / kSeeds, 1.08);
}

// As many as real models have: within a hundredth of a bound that no choice can pass.
TEST(AllocationTest, ManyTensorsFillTheBudget) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed + 1000);
    const Tensors tensors = random_tensors(rng, 300, 8);
    const Total ends = ends_of(tensors);
    const auto budget =
        static_cast<uint64_t>(0.7 * static_cast<double>(ends.bytes) + 0.3 * ends.damage);
    const auto choice = allocate(tensors, budget);
    ASSERT_TRUE(choice);
    const Total got = total_of(tensors, *choice);
    EXPECT_LE(got.bytes, budget);
    EXPECT_GE(static_cast<double>(got.bytes), 0.999 * static_cast<double>(budget));
    // Lagrange's: at any price for a byte, what is best without a budget, less the budget's worth.
    double bound = 0;
    for (double price = 1e-12; price < 1; price *= 1.05) {
      double at_price = -price * static_cast<double>(budget);
      for (const auto& options : tensors) {
        double least = HUGE_VAL;
        for (const FormatOption& o : options)
          least = std::min(least, o.damage + price * static_cast<double>(o.bytes));
        at_price += least;
      }
      bound = std::max(bound, at_price);
    }
    EXPECT_LE(got.damage, 1.01 * bound) << seed;
  }
}

TEST(AllocationTest, NeverAboveTheBudgetAndAlwaysTheSame) {
  EXPECT_TRUE(rc::check([](uint64_t seed) {
    Rng rng(seed);
    Tensors tensors(rng.below(6));
    for (auto& options : tensors) {
      options.resize(1 + rng.below(4));
      // Few different numbers, so that many are equal; some options are bad in every way.
      for (FormatOption& option : options)
        option = {rng.below(5) * 100, static_cast<double>(rng.below(4))};
    }
    const uint64_t budget = rng.below(1500);
    const auto choice = allocate(tensors, budget);
    const double least = least_damage(tensors, budget);
    RC_ASSERT(choice.has_value() == std::isfinite(least));
    if (!choice) return;
    RC_ASSERT(choice->size() == tensors.size());
    RC_ASSERT(total_of(tensors, *choice).bytes <= budget);
    RC_ASSERT(allocate(tensors, budget) == choice);
  }));
}

TEST(AllocationTest, Corners) {
  EXPECT_EQ(allocate({}, 0), std::vector<size_t>{});
  const Tensors one{{{100, 1.0}}};
  EXPECT_EQ(allocate(one, 100), std::vector<size_t>{0});
  EXPECT_EQ(allocate(one, 99), std::nullopt);
  const Tensors two{{{100, 1.0}, {200, 0.5}, {300, 0.1}}, {{50, 9.0}, {60, 0.0}}};
  EXPECT_EQ(allocate(two, UINT64_MAX), (std::vector<size_t>{2, 1}));
  EXPECT_EQ(allocate(two, 150), (std::vector<size_t>{0, 0}));
  EXPECT_EQ(allocate(two, 160), (std::vector<size_t>{0, 1}));
  EXPECT_EQ(allocate(two, 149), std::nullopt);
  // No damage anywhere: nothing to gain, still within the budget.
  const Tensors free{{{300, 0.0}, {100, 0.0}}, {{300, 0.0}, {100, 0.0}}};
  const auto choice = allocate(free, 250);
  ASSERT_TRUE(choice);
  EXPECT_LE(total_of(free, *choice).bytes, 250u);
}

}  // namespace
}  // namespace hearth::quantize
