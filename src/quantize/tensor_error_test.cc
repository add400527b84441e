#include "quantize/tensor_error.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace hearth::quantize {
namespace {

gguf::TensorInfo tensor_of(const std::vector<float>& values, uint64_t columns, uint64_t rows,
                           uint64_t matrices = 1) {
  gguf::TensorInfo tensor;
  tensor.name = "x";
  tensor.n_dims = 3;
  tensor.dims = {columns, rows, matrices, 1};
  tensor.data = std::as_bytes(std::span(values));
  return tensor;
}

class TensorErrorTest : public testing::Test {
 protected:
  ThreadPool pool_{2};
  std::vector<float> want_{1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<float> got_{1, 2, 3, 4, 5, 6, 7, 10};
};

TEST_F(TensorErrorTest, RelativeToTheWeights) {
  const auto error = relative_error(tensor_of(want_, 4, 2), tensor_of(got_, 4, 2), nullptr, pool_);
  ASSERT_TRUE(error && *error);
  EXPECT_DOUBLE_EQ(**error, std::sqrt(4.0 / 204));
  EXPECT_DOUBLE_EQ(**relative_error(tensor_of(want_, 4, 2), tensor_of(want_, 4, 2), nullptr, pool_),
                   0);
}

TEST_F(TensorErrorTest, WeighedByTheInputs) {
  const TensorImportance importance{2, {8, 2, 0, 0, 6, 3, 4, 4}, {2, 0, 3, 4}};
  const auto error =
      relative_error(tensor_of(want_, 2, 1, 4), tensor_of(got_, 2, 1, 4), &importance, pool_);
  ASSERT_TRUE(error && *error);
  // Mean squares: 4 1, 1 1 (an idle expert), 2 1, 1 1.
  const double all = 4 * 1 + 4 + 9 + 16 + 2 * 25 + 36 + 49 + 64;
  EXPECT_DOUBLE_EQ(**error, std::sqrt(4.0 / all));
  EXPECT_FALSE(relative_error(tensor_of(want_, 4, 2), tensor_of(got_, 4, 2), &importance, pool_));
}

TEST_F(TensorErrorTest, ManyRowsInAnyNumberOfThreads) {
  std::vector<float> want(4 * 1000), got(want.size());
  double errors = 0, squares = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    want[i] = static_cast<float>(i % 17) - 8;
    got[i] = want[i] + static_cast<float>(i % 5) / 16;
    errors += std::pow(static_cast<double>(got[i] - want[i]), 2);
    squares += std::pow(static_cast<double>(want[i]), 2);
  }
  ThreadPool one(1);
  const auto a = tensor_of(want, 4, 1000), b = tensor_of(got, 4, 1000);
  EXPECT_EQ(**relative_error(a, b, nullptr, one), **relative_error(a, b, nullptr, pool_));
  EXPECT_NEAR(**relative_error(a, b, nullptr, one), std::sqrt(errors / squares), 1e-12);
}

TEST_F(TensorErrorTest, WhatCannotBeCompared) {
  EXPECT_FALSE(relative_error(tensor_of(want_, 4, 2), tensor_of(got_, 2, 4), nullptr, pool_));
  const std::vector<float> zeros(8);
  const auto nothing =
      relative_error(tensor_of(zeros, 4, 2), tensor_of(got_, 4, 2), nullptr, pool_);
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
  gguf::TensorInfo numbers = tensor_of(want_, 4, 2);
  numbers.type = DType::I32;
  const auto whole = relative_error(numbers, tensor_of(got_, 4, 2), nullptr, pool_);
  ASSERT_TRUE(whole);
  EXPECT_FALSE(*whole);
}

}  // namespace
}  // namespace hearth::quantize
