// The float operations of every level against the reference; bounds are derived at each comparison.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "tensor/kernels.h"
#include "tensor/reference.h"

namespace hearth {
namespace {

constexpr double kUnit = 0x1p-24;

double gap(float a, float b) { return std::fabs(static_cast<double>(a) - static_cast<double>(b)); }

std::vector<float> random_values(size_t n, double width, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>((rng.uniform() - 0.5) * width);
  return values;
}

class VectorOpsTest : public testing::TestWithParam<IsaLevel> {
 protected:
  const Kernels& kernels() const { return kernels_for(GetParam()); }
};

constexpr size_t kLengths[] = {1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 172, 256, 1000};

TEST_P(VectorOpsTest, QuantizeEqualsTheReferenceBitForBit) {
  for (const size_t n : kLengths) {
    std::vector<float> x = random_values(n, 10, n);
    x[0] = n % 3 == 0 ? 0.0f : 1e-42f;  // blocks whose largest value is zero or subnormal, at n = 1
    if (n > 40) x[40] = 3e38f;
    const size_t padded = Activations::padded(n);
    std::vector<int8_t> got(padded, 9), want(padded, 9);
    std::vector<float> got_scales(padded / 32, 9), want_scales(padded / 32, 9);
    kernels().quantize(x.data(), n, got.data(), got_scales.data());
    reference::quantize(x.data(), n, want.data(), want_scales.data());
    ASSERT_EQ(got, want) << n;
    ASSERT_EQ(got_scales, want_scales) << n;
  }
}

// Damaged weights give NaN; it must reach the logits, where it becomes a clear error.
TEST_P(VectorOpsTest, WhatIsNoNumberStaysNone) {
  for (const float bad : {static_cast<float>(NAN), INFINITY, -INFINITY}) {
    for (const size_t at : {size_t{0}, size_t{5}, size_t{31}, size_t{37}}) {
      std::vector<float> x(40, 1.0f);
      x[at] = bad;
      std::vector<int8_t> quants(64);
      std::vector<float> scales(2);
      kernels().quantize(x.data(), x.size(), quants.data(), scales.data());
      EXPECT_TRUE(std::isnan(scales[at / 32])) << bad << " at " << at;
      EXPECT_EQ(scales[1 - at / 32], 1.0f / 127.0f);
    }
  }
  std::vector<float> gate(9, NAN);
  const std::vector<float> up(9, 1.0f);
  kernels().silu_mul(gate.data(), up.data(), gate.size());
  for (const float value : gate) EXPECT_TRUE(std::isnan(value));
}

// Half a step of a block's scale is the most that a value may move.
TEST_P(VectorOpsTest, QuantizeKeepsValuesWithinHalfAStep) {
  const size_t n = 256;
  const std::vector<float> x = random_values(n, 8, 3);
  std::vector<int8_t> quants(n);
  std::vector<float> scales(n / 32);
  kernels().quantize(x.data(), n, quants.data(), scales.data());
  for (size_t i = 0; i < n; ++i) {
    const double value = static_cast<double>(scales[i / 32]) * quants[i];
    ASSERT_LE(std::fabs(value - static_cast<double>(x[i])),
              0.5001 * static_cast<double>(scales[i / 32]));
  }
}

TEST_P(VectorOpsTest, RmsNorm) {
  for (const size_t n : kLengths) {
    const std::vector<float> x = random_values(n, 6, n + 1), weight = random_values(n, 2, n + 2);
    std::vector<float> got(n), want(n);
    kernels().rms_norm(x.data(), weight.data(), 1e-5f, n, got.data());
    reference::rms_norm(x.data(), weight.data(), 1e-5f, n, want.data());
    // n squares added in float, halved by the root, and four more roundings.
    const double relative = (0.5 * static_cast<double>(n) + 6) * kUnit;
    for (size_t i = 0; i < n; ++i)
      ASSERT_LE(gap(got[i], want[i]), relative * std::fabs(static_cast<double>(want[i])) + 1e-38)
          << n;
  }
}

TEST_P(VectorOpsTest, SiluMulOverTheWholeRange) {
  for (double gate = -95; gate <= 95; gate += 0.37) {
    std::vector<float> got(5, static_cast<float>(gate)), want = got;
    const std::vector<float> up(5, 1.5f);
    kernels().silu_mul(got.data(), up.data(), 5);
    reference::silu_mul(want.data(), up.data(), 5);
    // exp within 2 ulp on both sides and five roundings; below e^-87 the vector code stays at
    // e^-87.
    for (size_t i = 0; i < 5; ++i)
      ASSERT_LE(gap(got[i], want[i]), 12 * kUnit * std::fabs(static_cast<double>(want[i])) + 3e-36)
          << gate;
  }
}

TEST_P(VectorOpsTest, AddIsExact) {
  for (const size_t n : kLengths) {
    std::vector<float> got = random_values(n, 1e5, n), want = got;
    const std::vector<float> y = random_values(n, 1e5, n + 9);
    kernels().add(got.data(), y.data(), n);
    reference::add(want.data(), y.data(), n);
    ASSERT_EQ(got, want);
  }
}

INSTANTIATE_TEST_SUITE_P(All, VectorOpsTest, testing::ValuesIn(available_levels()),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

}  // namespace
}  // namespace hearth
