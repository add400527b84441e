#include "sample/chances.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hearth::sample {
namespace {

TEST(ChanceTableTest, AllChancesTogetherAreOne) {
  const std::vector<float> logits = {0.5f, -3, 100.25f, 99, -INFINITY, 7};
  const ChanceTable table(logits, logits.size());
  double total = 0;
  for (const Chance& each : table.best())
    total += std::exp(static_cast<double>(each.log_probability));
  EXPECT_NEAR(total, 1, 1e-5);
}

TEST(ChanceTableTest, BestComeFirstAndEqualOnesByTheirIds) {
  std::vector<float> logits = {1, 2, 2, 0};
  const ChanceTable table(logits, 3);
  logits[3] = 50;
  ASSERT_EQ(table.best().size(), 3u);
  EXPECT_EQ(table.best()[0].token, 1);
  EXPECT_EQ(table.best()[1].token, 2);
  EXPECT_EQ(table.best()[2].token, 0);
  const double total = std::exp(1.0) + 2 * std::exp(2.0) + 1;
  EXPECT_NEAR(static_cast<double>(table.of_token(3).log_probability), -std::log(total), 1e-5);
}

}  // namespace
}  // namespace hearth::sample
