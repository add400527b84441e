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
  kernels().activate(Activation::silu, gate.data(), up.data(), gate.size());
  for (const float value : gate) EXPECT_TRUE(std::isnan(value));
  kernels().soft_cap(gate.data(), 30, gate.size());
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

TEST_P(VectorOpsTest, LayerNorm) {
  for (const size_t n : kLengths) {
    std::vector<float> x = random_values(n, 6, n + 1), weight = random_values(n, 2, n + 2);
    const std::vector<float> bias = random_values(n, 2, n + 3);
    for (float& value : x) value += 10;
    std::vector<float> got(n), want(n);
    for (const float* added : {bias.data(), static_cast<const float*>(nullptr)}) {
      kernels().layer_norm(x.data(), weight.data(), added, 1e-5f, n, got.data());
      reference::layer_norm(x.data(), weight.data(), added, 1e-5f, n, want.data());
      // The mean of values up to 13 is off by n roundings at most; so is what remains of each.
      // Divided by a spread of 1.7 (that of one value is 0: sqrt(eps)), times weights up to 1.
      const double spread = n == 1 ? 0.003 : 1.0;
      const double bound = 26 * (static_cast<double>(n) + 4) * kUnit / spread + 16 * kUnit;
      for (size_t i = 0; i < n; ++i) ASSERT_LE(gap(got[i], want[i]), bound) << n;
    }
  }
}

TEST_P(VectorOpsTest, ActivationsOverTheWholeRange) {
  const std::vector<float> up(5, 1.5f);
  for (const Activation activation :
       {Activation::silu, Activation::gelu, Activation::sigmoid, Activation::clipped_silu}) {
    for (double gate = -95; gate <= 95; gate += 0.37) {
      for (const float* factor : {up.data(), static_cast<const float*>(nullptr)}) {
        std::vector<float> got(5, static_cast<float>(gate)), want = got;
        kernels().activate(activation, got.data(), factor, 5);
        reference::activate(activation, want.data(), factor, 5);
        // exp within 2 ulp on both sides and five roundings. Its argument has three, which e^x
        // magnifies by |x|, at most 87: below e^-87 the vector code stays at e^-87.
        const double relative = (12 + 3 * std::min(87.0, 1.7 * std::fabs(gate))) * kUnit;
        const double bound = (activation == Activation::gelu ? 87 * 6 * kUnit : 0) + relative;
        for (size_t i = 0; i < 5; ++i)
          ASSERT_LE(gap(got[i], want[i]), bound * std::fabs(static_cast<double>(want[i])) + 3e-36)
              << gate;
      }
    }
  }
}

TEST_P(VectorOpsTest, GeluByTheErrorFunction) {
  for (double x = -95; x <= 95; x += 0.037) {
    std::vector<float> got(5, static_cast<float>(x)), want = got;
    kernels().activate(Activation::gelu_erf, got.data(), nullptr, 5);
    reference::activate(Activation::gelu_erf, want.data(), nullptr, 5);
    // The error function is off by 4e-7 (vector_ops.h), times |x| / 2 where it is not 1 yet.
    const double bound = 2 * kUnit * std::fabs(x) + 2e-7 * std::min(std::fabs(x), 4.0);
    for (size_t i = 0; i < 5; ++i) ASSERT_LE(gap(got[i], want[i]), bound) << x;
  }
}

TEST_P(VectorOpsTest, SoftCap) {
  for (const size_t n : kLengths) {
    std::vector<float> got = random_values(n, 400, n), want = got;
    kernels().soft_cap(got.data(), 30, n);
    reference::soft_cap(want.data(), 30, n);
    // (e - 1) / (e + 1) with e within 3 units: two differences from 1 of at most 4 units each.
    for (size_t i = 0; i < n; ++i) ASSERT_LE(gap(got[i], want[i]), 30 * 10 * kUnit) << n;
  }
}

TEST_P(VectorOpsTest, DeltaStep) {
  for (const size_t dim : {1u, 7u, 16u, 40u, 128u}) {
    const std::vector<float> query = random_values(dim, 2, 1), key = random_values(dim, 2, 2);
    std::vector<float> got = random_values(dim * dim, 2, 3), want = got;
    std::vector<float> got_out(dim), want_out(dim);
    for (int token = 0; token < 5; ++token) {
      const std::vector<float> value = random_values(dim, 2, 10 + static_cast<uint64_t>(token));
      DeltaStep step{dim, query.data(), key.data(), value.data(), 0.9f, 0.6f, 1e-6f};
      step.memory = got.data();
      step.out = got_out.data();
      kernels().delta_step(step);
      step.memory = want.data();
      step.out = want_out.data();
      reference::delta_step(step);
    }
    // A step adds at most dim + 8 roundings of products with a unit vector, of values below dim,
    // and keeps 0.9 of what was off before.
    const double n = static_cast<double>(dim);
    const double bound = 5 * 3 * (n + 8) * kUnit * std::sqrt(n);
    for (size_t i = 0; i < got.size(); ++i) ASSERT_LE(gap(got[i], want[i]), bound) << dim;
    for (size_t i = 0; i < dim; ++i) ASSERT_LE(gap(got_out[i], want_out[i]), bound) << dim;
  }
}

TEST_P(VectorOpsTest, AddColumns) {
  for (const size_t n : kLengths) {
    const std::vector<float> y = random_values(3 * (n + 2), 2, n + 9);
    std::vector<float> got = random_values(3 * (n + 5), 2, n), want = got;
    kernels().add_columns(got.data(), n + 5, y.data(), n + 2, n, 3, 0.22f);
    reference::add_columns(want.data(), n + 5, y.data(), n + 2, n, 3, 0.22f);
    for (size_t i = 0; i < got.size(); ++i) ASSERT_LE(gap(got[i], want[i]), 2 * kUnit) << n;
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
