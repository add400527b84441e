#include "engine/work.h"

#include "engine/measure.h"
#include "engine/test_model.h"

namespace hearth::engine {
namespace {

// The shape "tiny": 2 layers, width 256, 4 heads and 2 KV heads of 64, feed-forward 512, 512 tokens
// in the vocabulary, an output matrix of its own.
constexpr double kLayerWeights = 2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 512;
constexpr double kHeadWeights = 256 * 512;

TEST(WorkTest, CountsAPrompt) {
  const TestModel model("Q8_0");
  const Work work = prefill_work(model->model(), DType::F16, 3, 10);
  // Queries and values of 256 meet 11, 12 and 13 positions in each of two layers.
  EXPECT_EQ(work.multiply_adds,
            2 * kLayerWeights * 3 + kHeadWeights + 2.0 * 2 * 256 * (11 + 12 + 13));
  EXPECT_EQ(work.tokens, 3);
}

TEST(WorkTest, CountsDecoding) {
  const TestModel model("Q8_0");
  EXPECT_EQ(kv_bytes_per_position(model->config(), DType::F16), 2u * 2 * 128 * 2);
  const uint64_t weights = bytes_per_token(model->model());
  EXPECT_EQ(static_cast<double>(weights), (2 * kLayerWeights + kHeadWeights + 256) * 34 / 32);
  const Work one = decode_work(model->model(), DType::F16, 2, 5, 1);
  EXPECT_EQ(one.bytes, 2.0 * static_cast<double>(weights) + 1024.0 * (6 + 7));
  const Work four = decode_work(model->model(), DType::F16, 2, 5, 4);
  EXPECT_EQ(four.tokens, 8);
  EXPECT_EQ(four.bytes, 2.0 * static_cast<double>(weights) + 4 * 1024.0 * (6 + 7));
  EXPECT_EQ(four.multiply_adds, 4 * one.multiply_adds);
}

TEST(WorkTest, TheSlowerLimitBinds) {
  const Work work{.multiply_adds = 100, .bytes = 10, .tokens = 2};
  EXPECT_EQ(bound_of(work, {.read = 10, .multiply_adds = 1000}).rate, 2);
  EXPECT_TRUE(bound_of(work, {.read = 10, .multiply_adds = 1000}).by_memory);
  EXPECT_EQ(bound_of(work, {.read = 1000, .multiply_adds = 100}).rate, 2);
  EXPECT_FALSE(bound_of(work, {.read = 1000, .multiply_adds = 100}).by_memory);
  EXPECT_EQ(bound_of(work, {.read = 5, .multiply_adds = 0}).rate, 1) << "arithmetic is not known";
}

TEST(WorkTest, ArithmeticFollowsTheWeights) {
  EXPECT_EQ(arithmetic_of(TestModel("Q4_K_M")->model(), best_kernels().level), Arithmetic::int8);
  const bool pairs = best_kernels().packed_form(DType::F16) == PackedForm::halves;
  EXPECT_EQ(arithmetic_of(TestModel("F16")->model(), best_kernels().level),
            pairs ? Arithmetic::bf16 : Arithmetic::f32);
  EXPECT_EQ(arithmetic_of(TestModel("BF16")->model(), IsaLevel::reference), Arithmetic::f32);
}

TEST(LimitsTest, AreThere) {
  ThreadPool pool(2);
  auto meter = LimitsMeter::create(best_kernels().level, Arithmetic::int8);
  ASSERT_TRUE(meter);
  meter->sample(pool);
  EXPECT_GT(meter->limits().read, 0);
  EXPECT_EQ(meter->limits().multiply_adds > 0, best_kernels().level != IsaLevel::reference);
}

TEST(MeasureTest, KeepsWhatAnEarlierRowComputed) {
  const TestModel model("Q8_0");
  const auto session = Session::open(*model, {.context = 64, .threads = 1});
  ASSERT_TRUE(session);
  ASSERT_TRUE(measure_prefill(**session, 8, 20));
  EXPECT_EQ((*session)->tokens().size(), 28u);
  ASSERT_TRUE(measure_decode(**session, 4, 24));
  const std::vector<text::Token> held((*session)->tokens().begin(), (*session)->tokens().end());
  EXPECT_EQ(held.size(), 28u);
  ASSERT_TRUE(fill_to_depth(**session, 20));
  EXPECT_TRUE(std::equal(held.begin(), held.begin() + 20, (*session)->tokens().begin()));
  EXPECT_FALSE(measure_decode(**session, 4, 64)) << "no room";
}

TEST(MeasureTest, ABatchIsRewound) {
  const TestModel model("Q8_0");
  const auto runtime = Runtime::create(*model, {.context = 32, .threads = 1});
  ASSERT_TRUE(runtime);
  const auto a = Session::open(*runtime);
  const auto b = Session::open(*runtime);
  ASSERT_TRUE(fill_to_depth(**a, 5));
  Session* const together[] = {a->get(), b->get()};
  const auto rate = measure_batched_decode(together, 7);
  ASSERT_TRUE(rate);
  EXPECT_GT(*rate, 0);
  EXPECT_EQ((*a)->tokens().size(), 5u);
  EXPECT_EQ((*b)->tokens().size(), 0u);
}

}  // namespace
}  // namespace hearth::engine
