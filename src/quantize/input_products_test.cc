#include "quantize/input_products.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "base/rng.h"
#include "engine/test_architectures.h"
#include "quantize/plan.h"

namespace hearth::quantize {
namespace {

using engine::RandomArchitecture;
using engine::RandomSizes;

ProductSums sums_of(std::vector<float> products, size_t columns, size_t tokens) {
  ProductSums sums;
  sums.columns = columns;
  sums.tokens = tokens;
  sums.products = Buffer<float>(products.size());
  std::copy(products.begin(), products.end(), sums.products.data());
  return sums;
}

// X^T X of random inputs, of which some are mixtures of others.
ProductSums random_sums(size_t columns, size_t tokens, uint64_t seed) {
  Rng rng(seed);
  std::vector<double> inputs(tokens * columns);
  std::vector<float> products(columns * columns);
  for (size_t i = 0; i < inputs.size(); ++i)
    inputs[i] = i % 3 == 0 && i > 2 ? inputs[i - 1] + inputs[i - 2] : rng.uniform() - 0.5;
  for (size_t i = 0; i < columns; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (size_t t = 0; t < tokens; ++t) sum += inputs[t * columns + i] * inputs[t * columns + j];
      products[i * columns + j] = static_cast<float>(sum);
    }
  }
  return sums_of(products, columns, tokens);
}

double mean_of_diagonal(const ProductSums& sums) {
  double mean = 0;
  for (size_t i = 0; i < sums.columns; ++i)
    mean += static_cast<double>(sums.products[i * (sums.columns + 1)]);
  return mean / static_cast<double>(sums.columns * sums.tokens);
}

// The largest difference between the products and (I + F) D (I + F)^T.
double worst_difference(const PreparedProducts& prepared) {
  const size_t n = prepared.remaining.size();
  const auto factor = [&](size_t i, size_t k) {
    return i == k ? 1.0 : static_cast<double>(prepared.feedback[i * n + k]);
  };
  double worst = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t k = std::max(i, j); k < n; ++k)
        sum += factor(i, k) * static_cast<double>(prepared.remaining[k]) * factor(j, k);
      worst = std::max(worst, std::fabs(sum - static_cast<double>(prepared.products[i * n + j])));
    }
  }
  return worst;
}

TEST(PrepareTest, FactorsGiveTheProducts) {
  ThreadPool pool(2);
  for (const size_t columns : {1u, 2u, 63u, 64u, 65u, 200u}) {
    const ProductSums sums = random_sums(columns, 50, columns);
    const double mean = mean_of_diagonal(sums);
    const auto prepared = prepare(sums, 0.01, 0.5, pool);
    ASSERT_TRUE(prepared) << prepared.error().message;
    EXPECT_LE(worst_difference(*prepared), 1e-5 * mean) << columns;
    for (size_t i = 0; i < columns; ++i) {
      EXPECT_GT(prepared->remaining[i], 0.0f);
      EXPECT_LE(prepared->remaining[i], prepared->products[i * columns + i] * 1.0001f);
      for (size_t j = 0; j < columns; ++j) {
        const double given = static_cast<double>(sums.products[i * columns + j]) / 50;
        EXPECT_NEAR(static_cast<double>(prepared->products[i * columns + j]),
                    given + (i == j ? 0.51 * mean : 0), 1e-6 * mean + 1e-6 * std::fabs(given));
        if (j <= i) EXPECT_EQ(prepared->feedback[i * columns + j], 0.0f);
      }
    }
  }
}

TEST(PrepareTest, SameBitsForAnyNumberOfThreads) {
  const ProductSums sums = random_sums(300, 100, 1);
  ThreadPool one(1), three(3);
  const auto a = prepare(sums, 0.01, 0, one), b = prepare(sums, 0.01, 0, three);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(std::memcmp(a->feedback.data(), b->feedback.data(), 300 * 300 * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(a->remaining.data(), b->remaining.data(), 300 * sizeof(float)), 0);
}

// Sums in floats can be a little indefinite, and an input may never fire: more damping helps.
TEST(PrepareTest, IndefiniteAndIdleInputs) {
  ThreadPool pool(1);
  for (const float across : {1.0f, 1.001f, 2.0f, 50.0f}) {
    const auto prepared =
        prepare(sums_of({1, across, 0, across, 1, 0, 0, 0, 0}, 3, 1), 0.01, 0, pool);
    ASSERT_TRUE(prepared) << across;
    for (size_t i = 0; i < 3; ++i) EXPECT_GT(prepared->remaining[i], 0.0f) << across;
    EXPECT_LE(worst_difference(*prepared), 1e-5 * static_cast<double>(prepared->products[0]));
  }
}

TEST(PrepareTest, WhatIsNoSumOfProducts) {
  ThreadPool pool(1);
  const auto said = [&](std::vector<float> products) {
    const auto prepared = prepare(sums_of(std::move(products), 2, 5), 0.01, 0, pool);
    return prepared ? std::string() : prepared.error().message;
  };
  EXPECT_NE(said({0, 0, 0, 0}).find("all zero"), std::string::npos);
  EXPECT_NE(said({1, 0, 0, NAN}).find("not numbers"), std::string::npos);
  EXPECT_NE(said({INFINITY, 0, 0, 1}).find("not numbers"), std::string::npos);
  EXPECT_NE(said({1, NAN, NAN, 1}).find("not numbers"), std::string::npos);
  EXPECT_NE(said({1, 1e30f, 1e30f, 1}).find("not numbers"), std::string::npos);
  EXPECT_EQ(said({1, 0, 0, 1}), "");
}

std::vector<text::Token> tokens_of(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<text::Token> tokens(n);
  for (text::Token& token : tokens)
    token = static_cast<text::Token>(rng.below(RandomSizes::kVocab));
  return tokens;
}

std::vector<const gguf::TensorInfo*> matrices_of(const engine::LoadedModel& model) {
  std::vector<const gguf::TensorInfo*> tensors;
  for (const gguf::TensorInfo& tensor : model.file().gguf.tensors) {
    if (quantizable(tensor) && tensor.dims[2] == 1) tensors.push_back(&tensor);
  }
  return tensors;
}

class ProductsCollectorTest : public testing::TestWithParam<std::string> {};

// Everything that each matrix is multiplied with, seen by an observer as plain as can be.
TEST_P(ProductsCollectorTest, SumsAreThoseOfAllInputs) {
  const RandomArchitecture model(GetParam(), DType::F32);
  auto session = *engine::Session::open(*model, {.context = 64, .threads = 2, .prompt_chunk = 16});
  const auto first = tokens_of(40, 1), second = tokens_of(33, 2);
  std::map<const std::byte*, std::vector<float>> seen;
  session->runtime()->forward().set_observer(
      [&](const model::Matrix& weight, const float* inputs, size_t columns) {
        auto& values = seen[weight.data];
        values.insert(values.end(), inputs, inputs + columns * weight.columns);
      });
  const auto ignore = [](size_t, size_t, std::span<const float>) -> Result<void> { return {}; };
  for (const auto& tokens : {first, second}) {
    session->rewind(0);
    ASSERT_TRUE(session->advance_with_logits(tokens, ignore));
  }
  const auto tensors = matrices_of(*model);
  ProductsCollector collector(*session, tensors);
  ASSERT_TRUE(collector.add(first));
  ASSERT_TRUE(collector.add(second));
  size_t found = 0;
  for (const gguf::TensorInfo* tensor : tensors) {
    const ProductSums* sums = collector.find(*tensor);
    const auto inputs = seen.find(tensor->data.data());
    ASSERT_EQ(sums != nullptr, inputs != seen.end()) << tensor->name;
    if (sums == nullptr) continue;
    ++found;
    const size_t n = tensor->dims[0];
    ASSERT_EQ(sums->columns, n) << tensor->name;
    ASSERT_EQ(sums->tokens * n, inputs->second.size()) << tensor->name;
    std::vector<double> want(n * n);
    for (size_t t = 0; t < sums->tokens; ++t) {
      const float* x = inputs->second.data() + t * n;
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < n; ++j)
          want[i * n + j] += static_cast<double>(x[i]) * static_cast<double>(x[j]);
      }
    }
    double worst = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        const double size = std::sqrt(want[i * n + i] * want[j * n + j]) + 1e-30;
        worst = std::max(
            worst,
            std::fabs(static_cast<double>(sums->products[i * n + j]) - want[i * n + j]) / size);
      }
    }
    EXPECT_LE(worst, 1e-5) << tensor->name;
  }
  EXPECT_GE(found, 4u);
}

TEST_P(ProductsCollectorTest, SameBitsForAnyNumberOfThreads) {
  const RandomArchitecture model(GetParam(), DType::Q8_0);
  const auto tensors = matrices_of(*model);
  const auto text = tokens_of(50, 3);
  auto alone = *engine::Session::open(*model, {.context = 64, .threads = 1});
  auto many = *engine::Session::open(*model, {.context = 64, .threads = 3});
  ProductsCollector a(*alone, tensors), b(*many, tensors);
  ASSERT_TRUE(a.add(text) && b.add(text));
  for (const gguf::TensorInfo* tensor : tensors) {
    const ProductSums *one = a.find(*tensor), *other = b.find(*tensor);
    ASSERT_EQ(one == nullptr, other == nullptr);
    if (one == nullptr) continue;
    const size_t bytes = one->columns * one->columns * sizeof(float);
    EXPECT_EQ(std::memcmp(one->products.data(), other->products.data(), bytes), 0) << tensor->name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ProductsCollectorTest,
    [] {
      std::vector<std::string> names;
      for (const auto& [name, fill] : engine::random_architectures()) names.push_back(name);
      return testing::ValuesIn(names);
    }(),
    [](const auto& tested) {
      std::string name = tested.param;
      for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
      return name;
    });

TEST(ProductsCollectorTest, SameInputsAreSummedOnce) {
  const RandomArchitecture model("llama", DType::F32);
  const auto tensors = matrices_of(*model);
  auto session = *engine::Session::open(*model, {.context = 64, .prompt_chunk = 7});
  ProductsCollector collector(*session, tensors);
  ASSERT_TRUE(collector.add(tokens_of(40, 4)));
  const auto sums = [&](const char* name) {
    return collector.find(*model->file().gguf.find(name));
  };
  EXPECT_EQ(sums("blk.0.attn_q.weight"), sums("blk.0.attn_k.weight"));
  EXPECT_EQ(sums("blk.0.attn_q.weight"), sums("blk.0.attn_v.weight"));
  EXPECT_EQ(sums("blk.0.ffn_gate.weight"), sums("blk.0.ffn_up.weight"));
  EXPECT_NE(sums("blk.0.attn_q.weight"), sums("blk.0.attn_output.weight"));
  EXPECT_NE(sums("blk.0.attn_q.weight"), sums("blk.1.attn_q.weight"));
  EXPECT_EQ(sums("blk.0.attn_q.weight")->tokens, 40u);
}

}  // namespace
}  // namespace hearth::quantize
