// Blocks that encoding makes, against what any block of the format could be: the same on every
// instruction set, no worse than plain rounding, exact where a block says the weights exactly.
#include "tensor/encode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"
#include "tensor/reference.h"

namespace hearth {
namespace {

constexpr size_t kColumns = 768;  // three super-blocks: also what is left over from pairs

constexpr DType kFitted[] = {DType::IQ1_S, DType::IQ1_M,   DType::IQ2_XXS, DType::IQ2_XS,
                             DType::IQ2_S, DType::IQ3_XXS, DType::IQ3_S,   DType::TQ1_0,
                             DType::TQ2_0, DType::Q1_0,    DType::Q2_0,    DType::MXFP4,
                             DType::NVFP4};

float normal(Rng& rng) {
  float sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<float>(rng.below(65536)) / 65536.0f;
  return sum;
}

// Weights as models have them, of another size in each block.
std::vector<float> some_weights(uint64_t seed) {
  Rng rng(seed);
  std::vector<float> weights(kColumns);
  for (size_t i = 0; i < kColumns; ++i)
    weights[i] = 0.03f * normal(rng) * static_cast<float>(1 + i / 256);
  return weights;
}

std::vector<float> some_importance(uint64_t seed) {
  Rng rng(seed);
  std::vector<float> importance(kColumns);
  for (float& value : importance) value = std::exp(normal(rng));
  return importance;
}

std::vector<std::byte> encode(DType type, const std::vector<float>& weights,
                              const float* importance, const Fitter& fitter) {
  std::vector<std::byte> bytes(*row_bytes(type, weights.size()));
  RowEncoder encoder(type, weights.size(), fitter);
  if (importance != nullptr) encoder.set_importance({importance, weights.size()});
  encoder.encode(weights.data(), bytes.data());
  return bytes;
}

std::vector<float> decode(DType type, const std::vector<std::byte>& bytes) {
  std::vector<float> weights(kColumns);
  reference::dequantize(type, bytes.data(), kColumns, weights.data());
  return weights;
}

std::vector<float> round_trip(DType type, const std::vector<float>& weights,
                              const float* importance = nullptr) {
  return decode(type, encode(type, weights, importance, best_fitter()));
}

double error(const std::vector<float>& wanted, const std::vector<float>& got,
             const float* importance = nullptr) {
  double sum = 0;
  for (size_t i = 0; i < kColumns; ++i) {
    const double rest = static_cast<double>(wanted[i]) - static_cast<double>(got[i]);
    sum += rest * rest * (importance != nullptr ? static_cast<double>(importance[i]) : 1.0);
  }
  return sum;
}

class EncodeTest : public testing::TestWithParam<DType> {};

TEST_P(EncodeTest, EveryInstructionSetWritesTheSameBytes) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const std::vector<float> weights = some_weights(seed);
    const std::vector<float> importance = some_importance(seed);
    const auto want =
        encode(GetParam(), weights, importance.data(), fitter_for(IsaLevel::reference));
    for (const IsaLevel level : available_levels()) {
      EXPECT_EQ(encode(GetParam(), weights, importance.data(), fitter_for(level)), want)
          << name_of(level);
    }
  }
}

// What a block says is encoded as a block that says the same.
TEST_P(EncodeTest, BlocksAreReproduced) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const std::vector<float> weights = round_trip(GetParam(), some_weights(seed));
    EXPECT_LE(error(weights, round_trip(GetParam(), weights)),
              1e-12 * error(weights, std::vector<float>(kColumns)))
        << "seed " << seed;
  }
}

TEST_P(EncodeTest, ZerosStayZeros) {
  const std::vector<float> zeros(kColumns);
  for (const float weight : round_trip(GetParam(), zeros)) EXPECT_EQ(weight, 0.0f);
}

// What counts most is met best: a weight of a run that counts a million times as much as the others
// has a smaller share of the error than it has where all count the same.
TEST_P(EncodeTest, ImportanceMoves) {
  const std::vector<float> weights = some_weights(9);
  std::vector<float> importance(kColumns, 1e-6f);
  for (size_t i = 0; i < kColumns; i += 128) importance[i] = 1;
  EXPECT_LT(error(weights, round_trip(GetParam(), weights, importance.data()), importance.data()),
            error(weights, round_trip(GetParam(), weights), importance.data()));
}

// Any finite weights give finite ones, as large as the format allows.
TEST_P(EncodeTest, ExtremesStayFinite) {
  for (const float size : {1e-40f, 1e-30f, 1e-9f, 6e-8f, 1e3f, 1e7f, 1e15f, 1e30f, 3e38f}) {
    std::vector<float> weights = some_weights(5);
    for (float& weight : weights) weight *= size / 0.5f;
    for (float& weight : weights) weight = std::clamp(weight, -3e38f, 3e38f);
    for (const float got : round_trip(GetParam(), weights)) ASSERT_TRUE(std::isfinite(got)) << size;
    std::vector<float> outlier(kColumns, 0.001f);
    outlier[300] = size;
    for (const float got : round_trip(GetParam(), outlier)) ASSERT_TRUE(std::isfinite(got)) << size;
  }
}

TEST_P(EncodeTest, ImportanceMayBeZero) {
  const std::vector<float> weights = some_weights(6);
  std::vector<float> importance(kColumns, 0.0f);
  for (const float got : round_trip(GetParam(), weights, importance.data()))
    ASSERT_TRUE(std::isfinite(got));
  for (size_t i = 0; i < kColumns; i += 3) importance[i] = 1;
  EXPECT_LT(error(weights, round_trip(GetParam(), weights, importance.data()), importance.data()),
            error(weights, std::vector<float>(kColumns), importance.data()));
}

// How much of the squares of a row is lost when the result may still be scaled.
double lost_direction(const std::vector<float>& wanted, const std::vector<float>& got) {
  double ww = 0, wg = 0, gg = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto w = static_cast<double>(wanted[i]);
    const auto g = static_cast<double>(got[i]);
    ww += w * w;
    wg += w * g;
    gg += g * g;
  }
  return 1 - wg * wg / (ww * gg);
}

// Plain rounding with a scale of its own for each group of weights that needs not even be stored.
std::vector<float> round_plainly(const std::vector<float>& weights, size_t group,
                                 const std::vector<float>& values, bool powers_of_two = false) {
  std::vector<float> rounded(weights.size());
  for (size_t first = 0; first < weights.size(); first += group) {
    float peak = 0;
    for (size_t i = first; i < first + group; ++i) peak = std::max(peak, std::fabs(weights[i]));
    float scale = peak / values.back();
    if (powers_of_two) scale = std::exp2(std::ceil(std::log2(scale)));
    for (size_t i = first; i < first + group; ++i) {
      float best = values.front() * scale;
      for (const float value : values) {
        if (std::fabs(value * scale - weights[i]) < std::fabs(best - weights[i]))
          best = value * scale;
      }
      rounded[i] = best;
    }
  }
  return rounded;
}

TEST_P(EncodeTest, IsBetterThanPlainRounding) {
  const std::vector<float> three = {-1, 0, 1};
  const std::vector<float> fp4 = {-6, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6};
  const std::vector<float> weights = some_weights(11);
  std::vector<float> plain;
  switch (GetParam()) {
    case DType::MXFP4:
      plain = round_plainly(weights, 32, fp4, true);
      break;
    case DType::NVFP4:
      plain = round_plainly(weights, 16, fp4);
      break;
    case DType::Q1_0:
      plain = round_plainly(weights, 128, {-1, 1});
      break;
    case DType::IQ3_XXS:
    case DType::IQ3_S:
      plain = round_plainly(weights, 32, {-3, -2, -1, 0, 1, 2, 3});
      break;
    case DType::Q2_0:
      plain = round_plainly(weights, 64, {-1, 0, 1, 2});
      break;
    case DType::IQ2_XS:
    case DType::IQ2_S:
      plain = round_plainly(weights, 16, {-3, -1, 1, 3});
      break;
    default:
      plain = round_plainly(weights, 32, three);
  }
  EXPECT_LE(lost_direction(weights, round_trip(GetParam(), weights)),
            lost_direction(weights, plain));
}

INSTANTIATE_TEST_SUITE_P(Formats, EncodeTest, testing::ValuesIn(kFitted),
                         [](const auto& type) { return std::string(name_of(type.param)); });

}  // namespace
}  // namespace hearth
