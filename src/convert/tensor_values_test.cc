#include "convert/tensor_values.h"

#include <gtest/gtest.h>

#include <rapidcheck.h>
#include <cmath>

#include "base/rng.h"
#include "convert/conversion.h"
#include "convert/test_files.h"
#include "tensor/blocks.h"
#include "tensor/float16.h"
#include "tensor/reference.h"

namespace hearth::convert {
namespace {

std::vector<float> counted(size_t n) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = static_cast<float>(i);
  return values;
}

std::vector<float> random_values(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(rng.uniform() * 2 - 1);
  return values;
}

// All rows of a plan, as floats.
std::vector<float> made(const TensorPlan& plan) {
  std::vector<std::byte> bytes(*row_bytes(plan.type, plan.dims[0]) * plan.output_rows());
  (void)make_rows(plan, 0, plan.output_rows(), bytes.data());
  std::vector<float> values(plan.weights());
  reference::dequantize(plan.type, bytes.data(), values.size(), values.data());
  return values;
}

TensorPlan plan_of(const SourceTensor& tensor) {
  TensorPlan plan;
  plan.name = "x.weight";
  plan.sources = {Source{&tensor, nullptr, 0, 0}};
  plan.dims.assign(tensor.shape.rbegin(), tensor.shape.rend());
  return plan;
}

TEST(TensorValues, SixteenBitsStayWhatTheyAre) {
  std::vector<uint16_t> all;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if (std::isfinite(f16_to_f32(half)) && std::isfinite(bf16_to_f32(half))) all.push_back(half);
  }
  for (const auto& [source, type] :
       {std::pair{SourceType::F16, DType::F16}, std::pair{SourceType::BF16, DType::BF16}}) {
    const Stored<uint16_t> stored("x", source, {all.size()}, all);
    std::vector<float> values(all.size());
    read_values(stored.tensor, 0, all.size(), values.data());
    std::vector<uint16_t> back(all.size());
    const Oddities odd =
        store_values(type, values.data(), values.size(), reinterpret_cast<std::byte*>(back.data()));
    EXPECT_EQ(odd.not_finite + odd.too_large, 0u);
    EXPECT_EQ(back, all);
  }
}

// Half a step of a block's scale, which is rounded to 11 bits itself.
TEST(TensorValues, Q8_0IsAsNearAsItsStepAllows) {
  rc::check("bound", [] {
    const auto seed = *rc::gen::inRange<uint64_t>(0, 1000000);
    const float size = *rc::gen::element(1e-4f, 1.0f, 300.0f);
    std::vector<float> values = random_values(64, seed);
    for (float& value : values) value *= size;
    std::byte bytes[2 * sizeof(BlockQ8_0)];
    (void)store_values(DType::Q8_0, values.data(), 64, bytes);
    float back[64];
    reference::dequantize(DType::Q8_0, bytes, 64, back);
    for (size_t block = 0; block < 2; ++block) {
      float largest = 0;
      for (size_t i = 0; i < 32; ++i) {
        largest = std::fmax(largest, std::fabs(values[block * 32 + i]));
      }
      const float bound = largest / 127 * (0.5f + 127 * 0x1p-11f) + 0x1p-24f * 127;
      for (size_t i = block * 32; i < block * 32 + 32; ++i) {
        RC_ASSERT(std::fabs(back[i] - values[i]) <= bound);
      }
    }
  });
}

TEST(TensorValues, Q8_0OfZerosAndTinyValues) {
  for (const float value : {0.0f, 1e-42f, -1e-42f}) {
    const std::vector<float> values(32, value);
    std::byte bytes[sizeof(BlockQ8_0)];
    const Oddities odd = store_values(DType::Q8_0, values.data(), 32, bytes);
    EXPECT_EQ(odd.not_finite + odd.too_large, 0u);
    float back[32];
    reference::dequantize(DType::Q8_0, bytes, 32, back);
    for (const float each : back) EXPECT_NEAR(each, 0, 1e-30);
  }
}

TEST(TensorValues, CountsWhatIsOdd) {
  std::vector<float> values(32, 1.0f);
  values[3] = NAN;
  values[5] = -INFINITY;
  values[7] = 1e5f;
  std::byte bytes[32 * sizeof(float)];
  for (const DType type : {DType::F32, DType::F16, DType::BF16, DType::Q8_0}) {
    const Oddities odd = store_values(type, values.data(), 32, bytes);
    EXPECT_EQ(odd.not_finite, 2u) << name_of(type);
    // A block of Q8_0 with infinite values has no scale.
    const bool exceeds = type == DType::F16 || type == DType::Q8_0;
    EXPECT_EQ(odd.too_large, exceeds ? 1u : 0u) << name_of(type);
  }
  values.assign(32, 1e8f);
  EXPECT_EQ(store_values(DType::Q8_0, values.data(), 32, bytes).too_large, 1u);
}

TEST(TensorValues, ChoosesRowsAndColumns) {
  const Stored<float> stored("x", SourceType::F32, {3, 4}, counted(12));
  TensorPlan plan = plan_of(stored.tensor);
  plan.rows = {2, 0};
  plan.columns = {3, 1};
  plan.dims = {2, 2};
  EXPECT_EQ(made(plan), (std::vector<float>{11, 9, 3, 1}));
  plan.change = Change::add_one;
  EXPECT_EQ(made(plan), (std::vector<float>{12, 10, 4, 2}));
}

TEST(TensorValues, StacksSources) {
  const Stored<float> one("a", SourceType::F32, {2, 2}, {0, 1, 2, 3});
  const Stored<float> two("b", SourceType::F32, {2, 2}, {4, 5, 6, 7});
  TensorPlan plan = plan_of(one.tensor);
  plan.sources.push_back(Source{&two.tensor, nullptr, 0, 0});
  plan.dims = {2, 2, 2};
  EXPECT_EQ(made(plan), counted(8));
  plan.rows = {3, 1};
  plan.dims = {2, 2};
  EXPECT_EQ(made(plan), (std::vector<float>{6, 7, 2, 3}));
}

TEST(TensorValues, TurnsEachMatrix) {
  const Stored<float> stored("x", SourceType::F32, {2, 2, 3}, counted(12));
  TensorPlan plan = plan_of(stored.tensor);
  plan.turned = 2;
  plan.dims = {2, 3, 2};
  EXPECT_EQ(made(plan), (std::vector<float>{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11}));
  EXPECT_EQ(rows_at_once(plan), 3u);
}

TEST(TensorValues, EightBitFloatsHaveScalesOfBlocks) {
  // 1.0, -1.75, the smallest, the largest.
  const Stored<uint8_t> stored("x", SourceType::F8_E4M3, {2, 2}, {0x38, 0xBE, 0x01, 0x7E});
  const Stored<float> scales("s", SourceType::F32, {2, 1}, {2.0f, 0.5f});
  TensorPlan plan = plan_of(stored.tensor);
  plan.sources[0] = Source{&stored.tensor, &scales.tensor, 1, 2};
  EXPECT_EQ(made(plan), (std::vector<float>{2.0f, -3.5f, 0x1p-10f, 224.0f}));
}

TEST(TensorValues, BlocksOfMxfp4ChangeTheirOrderOnly) {
  std::vector<uint8_t> pairs;
  Rng rng(3);
  for (int i = 0; i < 2 * 2 * 16; ++i) pairs.push_back(static_cast<uint8_t>(rng.below(256)));
  const Stored<uint8_t> blocks("b", SourceType::U8, {1, 2, 2, 16}, pairs);
  const Stored<uint8_t> scales("s", SourceType::U8, {1, 2, 2}, {127, 128, 126, 120});
  TensorPlan plan;
  plan.name = "x.weight";
  plan.type = DType::MXFP4;
  plan.sources = {Source{&blocks.tensor, &scales.tensor, 0, 0}};
  plan.rows = {1, 0};
  plan.dims = {64, 2, 1};
  const std::vector<float> values = made(plan);
  constexpr float kValues[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, 0, -0.5f, -1, -1.5f, -2, -3, -4, -6};
  for (size_t row = 0; row < 2; ++row) {
    for (size_t i = 0; i < 64; ++i) {
      const size_t from = (1 - row) * 64 + i;
      const uint8_t pair = pairs[from / 2];
      const uint8_t code = i % 2 == 0 ? pair & 15 : pair >> 4;
      const float scale = std::ldexp(1.0f, scales.values[from / 32] - 127);
      EXPECT_EQ(values[row * 64 + i], kValues[code] * scale) << row << " " << i;
    }
  }
}

TEST(TensorPlan, SwapsOrders) {
  const Stored<float> stored("x", SourceType::F32, {7, 1}, counted(7));
  TensorPlan plan = plan_of(stored.tensor);
  // [2][3] from the second on becomes [3][2].
  ASSERT_TRUE(swap_order(plan, chosen(plan.rows, 7), 1, 2, 3, 1));
  EXPECT_EQ(plan.rows, (std::vector<uint32_t>{0, 1, 4, 2, 5, 3, 6}));
  EXPECT_FALSE(swap_order(plan, plan.rows, 1, 2, 3, 2));
  EXPECT_FALSE(swap_order(plan, plan.rows, 0, 0, 3, 1));
}

TEST(TensorPlan, ChoosesRowsWithSteps) {
  const Stored<float> stored("x", SourceType::F32, {6, 1}, counted(6));
  TensorPlan plan = plan_of(stored.tensor);
  ASSERT_TRUE(choose_rows(plan, 1, 3, 2));
  EXPECT_EQ(plan.rows, (std::vector<uint32_t>{1, 3, 5}));
  ASSERT_TRUE(choose_rows(plan, 1, 2));
  EXPECT_EQ(plan.rows, (std::vector<uint32_t>{3, 5}));
  EXPECT_FALSE(choose_rows(plan, 1, 2));
  EXPECT_FALSE(choose_rows(plan, 0, 0));
}

}  // namespace
}  // namespace hearth::convert
