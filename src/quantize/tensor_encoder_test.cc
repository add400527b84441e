#include "quantize/tensor_encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "quantize/input_products.h"
#include "quantize/knowledge.h"

namespace hearth::quantize {
namespace {

constexpr size_t kColumns = 256;

gguf::TensorInfo tensor_of(const std::vector<float>& values, uint64_t rows, uint64_t matrices = 1) {
  gguf::TensorInfo tensor;
  tensor.name = "blk.0.x.weight";
  tensor.n_dims = 3;
  tensor.type = DType::F32;
  tensor.dims = {kColumns, rows, matrices, 1};
  tensor.data = std::as_bytes(std::span(values));
  return tensor;
}

std::vector<float> random_floats(size_t n, uint64_t seed, double least, double most) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(least + (most - least) * rng.uniform());
  return values;
}

PreparedProducts random_products(ThreadPool& pool) {
  const std::vector<float> causes = random_floats(20 * kColumns, 9, -1, 1);
  ProductSums sums;
  sums.columns = kColumns;
  sums.tokens = 20;
  sums.products = Buffer<float>(kColumns * kColumns);
  for (size_t i = 0; i < kColumns * kColumns; ++i) {
    for (size_t t = 0; t < 20; ++t)
      sums.products[i] += causes[t * kColumns + i / kColumns] * causes[t * kColumns + i % kColumns];
  }
  return *prepare(sums, 0.01, 0, pool);
}

class TensorEncoderTest : public testing::TestWithParam<DType> {
 protected:
  [[nodiscard]] std::vector<std::byte> encoded(const gguf::TensorInfo& tensor,
                                               const InputKnowledge& known, size_t threads,
                                               size_t together) const {
    ThreadPool pool(threads);
    TensorEncoder encoder(pool);
    const size_t row = *row_bytes(GetParam(), kColumns);
    std::vector<std::byte> bytes(tensor.rows() * row);
    for (size_t first = 0; first < tensor.rows(); first += together) {
      const size_t count = std::min(together, tensor.rows() - first);
      EXPECT_TRUE(encoder.encode(tensor, GetParam(), known, first, count, &bytes[first * row]));
    }
    return bytes;
  }
};

TEST_P(TensorEncoderTest, AnyCutAndAnyThreadsGiveTheSameBytes) {
  ThreadPool pool(1);
  const std::vector<float> weights = random_floats(75 * kColumns, 1, -1, 1);
  const TensorImportance importance{kColumns, random_floats(3 * kColumns, 2, 0, 4), {1, 0, 2}};
  const PreparedProducts prepared = random_products(pool);
  const InputProducts products = prepared.view();
  const gguf::TensorInfo experts = tensor_of(weights, 25, 3), one = tensor_of(weights, 75);
  for (const auto& [tensor, known] : {std::pair{&one, InputKnowledge{}},
                                      {&experts, InputKnowledge{&importance, nullptr}},
                                      {&one, InputKnowledge{nullptr, &products}}}) {
    const std::vector<std::byte> want = encoded(*tensor, known, 1, 75);
    for (const size_t threads : {1u, 2u, 3u}) {
      for (const size_t together : {16u, 32u, 48u, 80u})
        EXPECT_EQ(encoded(*tensor, known, threads, together), want) << together;
    }
  }
  // And what is known makes a difference to what is fitted.
  if (!takes_feedback(GetParam())) return;
  EXPECT_NE(encoded(one, {}, 1, 75), encoded(experts, {&importance, nullptr}, 1, 75));
  EXPECT_NE(encoded(one, {}, 1, 75), encoded(one, {nullptr, &products}, 1, 75));
}

TEST_P(TensorEncoderTest, NamesTheFirstWeightThatIsNoNumber) {
  for (const size_t threads : {1u, 3u}) {
    ThreadPool pool(threads);
    TensorEncoder encoder(pool);
    std::vector<float> weights = random_floats(75 * kColumns, 3, -1, 1);
    std::vector<std::byte> bytes(75 * *row_bytes(GetParam(), kColumns));
    const auto said = [&](const gguf::TensorInfo& tensor) {
      const auto done = encoder.encode(tensor, GetParam(), {}, 0, 75, bytes.data());
      return done ? std::string() : done.error().message;
    };
    weights[70 * kColumns + 3] = NAN;
    weights[37 * kColumns + 255] = -INFINITY;
    const std::string infinite = said(tensor_of(weights, 25, 3));
    EXPECT_NE(infinite.find("'blk.0.x.weight' has an infinite weight in row 37, column 255"),
              std::string::npos)
        << infinite;
    weights[37 * kColumns + 7] = NAN;
    const std::string nan = said(tensor_of(weights, 75));
    EXPECT_NE(nan.find("NaN"), std::string::npos) << nan;
    EXPECT_NE(nan.find("row 37, column 7:"), std::string::npos) << nan;
    weights[37 * kColumns + 7] = weights[37 * kColumns + 255] = weights[70 * kColumns + 3] = 0;
    EXPECT_EQ(said(tensor_of(weights, 75)), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Some, TensorEncoderTest,
                         testing::Values(DType::F32, DType::F16, DType::BF16, DType::Q8_0,
                                         DType::Q4_0, DType::Q4_1, DType::IQ4_XS, DType::Q2_K,
                                         DType::Q4_K, DType::Q6_K),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

TEST(KnowledgeTest, FindsWhatIsKnownOfATensor) {
  ThreadPool pool(1);
  const std::vector<float> weights = random_floats(4 * kColumns, 4, -1, 1);
  const gguf::TensorInfo tensor = tensor_of(weights, 4);
  ImportanceMatrix matrix;
  matrix.tensors[std::string(tensor.name)] = {kColumns, random_floats(kColumns, 5, 0, 1), {1}};
  Knowledge nothing(nullptr, false, pool), known(&matrix, false, pool);
  const auto none = nothing.of(tensor), some = known.of(tensor);
  ASSERT_TRUE(none && some);
  EXPECT_EQ(none->importance, nullptr);
  EXPECT_EQ(none->products, nullptr);
  EXPECT_EQ(some->importance, matrix.find(tensor.name));
  gguf::TensorInfo other = tensor;
  other.name = "blk.1.x.weight";
  const auto unknown = known.of(other);
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->importance, nullptr);
}

TEST(KnowledgeTest, AMatrixOfAnotherModelIsAnError) {
  ThreadPool pool(1);
  const std::vector<float> weights = random_floats(4 * kColumns, 6, -1, 1);
  for (const TensorImportance& wrong :
       {TensorImportance{128, std::vector<float>(128, 1.0f), {1}},
        TensorImportance{kColumns, std::vector<float>(2 * kColumns, 1.0f), {1, 1}}}) {
    ImportanceMatrix matrix;
    matrix.tensors["blk.0.x.weight"] = wrong;
    Knowledge knowledge(&matrix, false, pool);
    const auto known = knowledge.of(tensor_of(weights, 4));
    ASSERT_FALSE(known);
    EXPECT_NE(known.error().message.find("'blk.0.x.weight'"), std::string::npos);
    EXPECT_NE(known.error().message.find("another model"), std::string::npos);
  }
}

TEST(KnowledgeTest, MatricesAreCutAsTheFileHasThem) {
  const std::vector<float> weights = random_floats(6 * kColumns, 7, -1, 1);
  gguf::File file;
  file.tensors.push_back(tensor_of(weights, 2, 3));
  // As older programs write it: the sums of three experts in one row, under one count.
  ImportanceMatrix matrix;
  matrix.tensors["blk.0.x.weight"] = {3 * kColumns, random_floats(3 * kColumns, 8, 0, 1), {5}};
  const std::vector<float> sums = matrix.tensors["blk.0.x.weight"].sums;
  ASSERT_TRUE(adapt(matrix, file));
  ThreadPool pool(1);
  Knowledge knowledge(&matrix, false, pool);
  const auto known = knowledge.of(file.tensors[0]);
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_EQ(known->importance->matrices(), 3u);
  EXPECT_EQ(known->importance->sums, sums);
  matrix.tensors["blk.0.x.weight"] = {kColumns, random_floats(kColumns, 8, 0, 1), {5}};
  EXPECT_NE(adapt(matrix, file).error().message.find("'blk.0.x.weight'"), std::string::npos);
  ImportanceMatrix other;
  other.tensors["bla.0.x.weight"] = {kColumns, random_floats(kColumns, 8, 0, 1), {5}};
  EXPECT_NE(adapt(other, file).error().message.find("another model"), std::string::npos);
}

TEST(KnowledgeTest, TheOutputMatrixReadsWhatTheLastFeedForwardPartReads) {
  const std::vector<float> weights = random_floats(2 * kColumns, 7, -1, 1);
  const std::vector<float> theirs(kColumns, 0.5f), own(kColumns, 1.5f);
  for (const char* const name : {"output.weight", "token_embd.weight"}) {
    gguf::File file;
    const auto add = [&](const char* tensor, const std::vector<float>& values) {
      file.tensors.push_back(tensor_of(values, values.size() / kColumns));
      file.tensors.back().name = tensor;
    };
    add(name, weights);
    add("blk.0.ffn_norm.weight", own);
    add("blk.1.ffn_norm.weight", theirs);
    add("output_norm.weight", own);
    ImportanceMatrix matrix;
    matrix.tensors["blk.0.ffn_up.weight"] = {kColumns, std::vector<float>(kColumns, 7.0f), {5}};
    matrix.tensors["blk.1.ffn_up.weight"] = {kColumns, std::vector<float>(kColumns, 2.0f), {5}};
    file.tensors.push_back(tensor_of(weights, 2));
    file.tensors.back().name = "blk.1.ffn_up.weight";
    ASSERT_TRUE(adapt(matrix, file));
    ASSERT_NE(matrix.find(name), nullptr);
    EXPECT_EQ(matrix.find(name)->sums, std::vector<float>(kColumns, 18.0f));
    EXPECT_EQ(matrix.find(name)->counts, std::vector<float>{5});
    // What was collected counts.
    matrix.tensors[name].sums[0] = 1;
    ASSERT_TRUE(adapt(matrix, file));
    EXPECT_EQ(matrix.find(name)->sums[0], 1.0f);
  }
}

}  // namespace
}  // namespace hearth::quantize
