#include "base/rng.h"

#include <gtest/gtest.h>

#include <vector>

namespace hearth {
namespace {

// Computed with a separate program from the published definitions of SplitMix64 and xoshiro256**.
TEST(Rng, GivesThePublishedSequence) {
  struct Case {
    uint64_t seed;
    uint64_t numbers[4];
  };
  constexpr Case kCases[] = {
      {0, {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0, 0x6aa594f1262d2d2c}},
      {1, {0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514, 0x642e1c7bc266a3a7}},
      {42, {0x15780b2e0c2ec716, 0x6104d9866d113a7e, 0xae17533239e499a1, 0xecb8ad4703b360a1}},
      {UINT64_MAX,
       {0x8f5520d52a7ead08, 0xc476a018caa1802d, 0x81de31c0d260469e, 0xbf658d7e065f3c2f}},
  };
  for (const Case& c : kCases) {
    Rng rng(c.seed);
    for (const uint64_t number : c.numbers) EXPECT_EQ(rng.next(), number) << "seed " << c.seed;
  }
  Rng rng(42);
  uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) last = rng.next();
  EXPECT_EQ(last, 0x8de5848c61ab8968u);
}

TEST(Rng, UniformIsTheUpper53Bits) {
  Rng numbers(7);
  Rng fractions(7);
  for (int i = 0; i < 10'000; ++i) {
    const double fraction = fractions.uniform();
    EXPECT_EQ(fraction * 0x1p53, static_cast<double>(numbers.next() >> 11));
    EXPECT_GE(fraction, 0.0);
    EXPECT_LT(fraction, 1.0);
  }
}

TEST(Rng, BelowStaysBelowAndReachesEverything) {
  Rng rng(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) {
    const uint64_t number = rng.below(7);
    ASSERT_LT(number, 7u);
    ++counts[number];
  }
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(rng.below(1), 0u);
    EXPECT_LT(rng.below(uint64_t{1} << 32), uint64_t{1} << 32);
    EXPECT_LT(rng.below(UINT32_MAX), uint64_t{UINT32_MAX});
  }
}

}  // namespace
}  // namespace hearth
