#include "tensor/float16.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hearth {
namespace {

// The value of a binary16, by its definition: sign, 5 bits of exponent, 10 of mantissa.
double defined_value(uint16_t half) {
  const double sign = (half & 0x8000) != 0 ? -1.0 : 1.0;
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  if (exponent == 31) return mantissa == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(Float16Test, EveryHalfHasItsValueAndComesBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const double want = defined_value(half);
    const float got = f16_to_f32(half);
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(got)) << bits;
      ASSERT_TRUE(std::isnan(f16_to_f32(f32_to_f16(got)))) << bits;
      continue;
    }
    ASSERT_EQ(static_cast<double>(got), want) << bits;
    ASSERT_EQ(std::signbit(got), (half & 0x8000) != 0) << bits;
    ASSERT_EQ(f32_to_f16(got), half) << bits;
  }
}

// Between two neighbouring halves, the nearer one must come out, and the even one in the middle.
TEST(Float16Test, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7C00; ++bits) {
    const auto low = static_cast<uint16_t>(bits);
    const auto high = static_cast<uint16_t>(bits + 1);
    // The step behind the largest half counts as if one more half followed it.
    const double above = high == 0x7C00 ? 65536.0 : defined_value(high);
    const auto middle = static_cast<float>((defined_value(low) + above) / 2);
    const uint16_t even = (low & 1) == 0 ? low : high;
    for (const float sign : {1.0f, -1.0f}) {
      const uint16_t bit = sign < 0 ? 0x8000 : 0;
      ASSERT_EQ(f32_to_f16(sign * middle), even | bit) << bits;
      ASSERT_EQ(f32_to_f16(sign * std::nextafter(middle, 0.0f)), low | bit) << bits;
      ASSERT_EQ(f32_to_f16(sign * std::nextafter(middle, INFINITY)), high | bit) << bits;
    }
  }
  EXPECT_EQ(f32_to_f16(1e30f), 0x7C00);
  EXPECT_EQ(f32_to_f16(-INFINITY), 0xFC00);
}

TEST(Float16Test, BrainFloatsRoundToNearestEven) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto brain = static_cast<uint16_t>(bits);
    const float value = bf16_to_f32(brain);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(value))));
    } else {
      ASSERT_EQ(f32_to_bf16(value), brain);
    }
  }
  EXPECT_EQ(f32_to_bf16(bits_float(0x3F808000)), 0x3F80);  // a tie goes to the even neighbour
  EXPECT_EQ(f32_to_bf16(bits_float(0x3F818000)), 0x3F82);
  EXPECT_EQ(f32_to_bf16(bits_float(0x3F808001)), 0x3F81);
}

}  // namespace
}  // namespace hearth
