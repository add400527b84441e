#include "engine/float_weights.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/session.h"
#include "engine/test_architectures.h"
#include "engine/test_model.h"

namespace hearth::engine {
namespace {

std::vector<float> logits_of(const LoadedModel& model, const SessionOptions& options) {
  const std::vector<text::Token> tokens{1, 7, 3, 9, 20, 11, 5, 4, 60, 2, 33};
  auto session = Session::open(model, options);
  EXPECT_TRUE(session) << (session ? "" : session.error().message);
  std::vector<float> all;
  const auto done = (*session)->advance_with_logits(
      tokens, [&](size_t, size_t, std::span<const float> rows) -> Result<void> {
        all.insert(all.end(), rows.begin(), rows.end());
        return {};
      });
  EXPECT_TRUE(done);
  return all;
}

double relative_error(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    error += std::pow(static_cast<double>(a[i] - b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(error / size);
}

// Exact products sum the same floats in another order.
TEST(FloatWeightsTest, ComputesWhatExactProductsDo) {
  ThreadPool pool(2);
  for (const auto& [name, fill] : random_architectures()) {
    std::vector<float> want, got;
    SessionOptions options{.context = 32, .kv_type = DType::F32};
    {
      const RandomArchitecture quantized(name, DType::Q8_0);
      const auto expanded = with_float_weights(*quantized, pool);
      ASSERT_TRUE(expanded) << name << ": " << expanded.error().message;
      EXPECT_EQ((*expanded)->config().n_embd, quantized->config().n_embd);
      EXPECT_GT(float_weights_bytes(*quantized), 0u);
      EXPECT_EQ(float_weights_bytes(**expanded), 0u);
      got = logits_of(**expanded, options);
      options.precision = model::Precision::exact;
      want = logits_of(*quantized, options);
    }
    EXPECT_LT(relative_error(got, want), 1e-5) << name;
  }
}

TEST(LoadedModelTest, WithTensorsOutlivesTheOriginalAndItsReplacements) {
  auto original = std::make_unique<TestModel>("q8_0");
  const SessionOptions options{.context = 32};
  const std::vector<float> before = logits_of(**original, options);
  const gguf::TensorInfo* up = (*original)->file().gguf.find("blk.0.ffn_up.weight");
  ASSERT_NE(up, nullptr);
  gguf::TensorInfo zeros = *up;
  zeros.type = DType::F32;
  auto values = std::make_shared<std::vector<float>>(up->weights());
  zeros.data = std::as_bytes(std::span(*values));
  auto changed = (*original)->with_tensors({&zeros, 1}, std::move(values));
  ASSERT_TRUE(changed) << changed.error().message;
  auto twice = (*changed)->with_tensors({});
  ASSERT_TRUE(twice);
  EXPECT_EQ(logits_of(**original, options), before);
  changed->reset();
  original.reset();
  const std::vector<float> after = logits_of(**twice, options);
  EXPECT_GT(relative_error(after, before), 1e-3);
}

TEST(LoadedModelTest, WithTensorsRefusesAnotherShapeOrName) {
  const TestModel original("q8_0");
  const gguf::TensorInfo up = *original->file().gguf.find("blk.0.ffn_up.weight");
  gguf::TensorInfo other = up;
  other.name = "nothing";
  EXPECT_FALSE(original->with_tensors({&other, 1}));
  other = up;
  other.dims[0] += 32;
  EXPECT_FALSE(original->with_tensors({&other, 1}));
  other = up;
  other.type = DType::F32;  // and still the bytes of the other type
  EXPECT_FALSE(original->with_tensors({&other, 1}));
}

}  // namespace
}  // namespace hearth::engine
