// Rounding with feedback against rounding each weight for itself, by the error of what rows compute:
// (w - q)^T G (w - q).
#include "tensor/feedback.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/buffer.h"
#include "tensor/test_blocks.h"

namespace hearth {
namespace {

constexpr size_t kColumns = 256;

// G = (I + F) D (I + F)^T of mean products of inputs, as quantize::prepare() makes it.
struct Inputs {
  std::vector<float> products, feedback, remaining;
  [[nodiscard]] InputProducts view() const {
    return {remaining.size(), products.data(), feedback.data(), remaining.data()};
  }
};

Inputs inputs_of(std::vector<double> g, size_t n) {
  Inputs inputs;
  inputs.products.assign(g.begin(), g.end());
  inputs.feedback.resize(n * n);
  inputs.remaining.resize(n);
  for (size_t j = n; j-- > 0;) {
    const double d = g[j * n + j];
    inputs.remaining[j] = static_cast<float>(d);
    for (size_t i = 0; i < j; ++i) inputs.feedback[i * n + j] = static_cast<float>(g[i * n + j] / d);
    for (size_t i = 0; i < j; ++i) {
      for (size_t k = 0; k < j; ++k) g[i * n + k] -= g[i * n + j] * g[k * n + j] / d;
    }
  }
  return inputs;
}

// Inputs of `rank` causes and a little noise of their own.
Inputs correlated(size_t n, size_t rank, double noise, uint64_t seed) {
  Rng rng(seed);
  std::vector<double> causes(n * rank), g(n * n);
  for (double& value : causes) value = normal(rng);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t r = 0; r < rank; ++r)
        g[i * n + j] += causes[i * rank + r] * causes[j * rank + r] / static_cast<double>(rank);
    }
    g[i * n + i] += noise;
  }
  return inputs_of(g, n);
}

Inputs independent(size_t n) {
  std::vector<double> g(n * n);
  for (size_t i = 0; i < n; ++i) g[i * n + i] = 1;
  return inputs_of(g, n);
}

std::vector<float> random_rows(size_t rows, size_t columns, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> weights(rows * columns);
  for (float& weight : weights) weight = static_cast<float>(0.02 * normal(rng));
  return weights;
}

double product_error(const Inputs& inputs, const std::vector<float>& want,
                     const std::vector<float>& got) {
  const size_t n = inputs.remaining.size();
  double sum = 0;
  for (size_t first = 0; first < want.size(); first += n) {
    for (size_t i = 0; i < n; ++i) {
      const auto lost = static_cast<double>(want[first + i] - got[first + i]);
      for (size_t j = 0; j < n; ++j) {
        sum += lost * static_cast<double>(inputs.products[i * n + j]) *
               static_cast<double>(want[first + j] - got[first + j]);
      }
    }
  }
  return sum;
}

class FeedbackTest : public testing::TestWithParam<DType> {
 protected:
  [[nodiscard]] std::vector<BlockParts> rounded(const std::vector<float>& rows, const Inputs& inputs,
                                                int sweeps = 3,
                                                IsaLevel level = available_levels().back()) const {
    const size_t columns = inputs.remaining.size();
    const size_t blocks = columns / static_cast<size_t>(format_.block());
    Buffer<float> scratch(feedback_scratch(columns));
    FeedbackArgs args{rows.data(), rows.size() / columns, inputs.view(), sweeps, scratch.data(), {}};
    std::vector<BlockParts> parts(args.n_rows * blocks);
    args.out = parts.data();
    const Fitter& fitter = fitter_for(level);
    fitter.round_with_feedback(format_, fitter, args);
    return parts;
  }
  // Each block by itself, with the same weights for errors as feedback gives them.
  [[nodiscard]] std::vector<BlockParts> fitted(const std::vector<float>& rows,
                                               const Inputs& inputs) const {
    std::vector<float> importance;
    while (importance.size() < rows.size()) {
      for (size_t c = 0; c < kColumns; ++c)
        importance.push_back(inputs.products[c * kColumns + c]);
    }
    std::vector<BlockParts> parts(rows.size() / static_cast<size_t>(format_.block()));
    best_fitter().fit(format_, {rows.data(), importance.data(), parts.size(), parts.data()});
    return parts;
  }
  [[nodiscard]] double error(const Inputs& inputs, const std::vector<float>& rows,
                             const std::vector<BlockParts>& parts) const {
    return product_error(inputs, rows, expand(format_, parts));
  }

  const GroupFormat& format_ = *group_format(GetParam());
};

TEST_P(FeedbackTest, IndependentInputs) {
  const Inputs inputs = independent(kColumns);
  const std::vector<float> rows = random_rows(16, kColumns, 1);
  const double f = error(inputs, rows, rounded(rows, inputs)), p = error(inputs, rows, fitted(rows, inputs));
  printf("IND %s %.4f sweeps0 %.4f\n", std::string(name_of(format_.type)).c_str(), f / p, error(inputs, rows, rounded(rows, inputs, 0)) / p);
}

TEST_P(FeedbackTest, InputsThatMoveTogether) {
  double least = 9, most = 0, all = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Inputs inputs = correlated(kColumns, 8 + 4 * (seed % 5), 0.02, seed);
    const std::vector<float> rows = random_rows(16, kColumns, seed + 100);
    const double f = error(inputs, rows, rounded(rows, inputs)), p = error(inputs, rows, fitted(rows, inputs));
    least = std::min(least, f / p); most = std::max(most, f / p); all += f / p / 20;
  }
  printf("COR %s %.4f %.4f %.4f\n", std::string(name_of(format_.type)).c_str(), least, all, most);
}

INSTANTIATE_TEST_SUITE_P(All, FeedbackTest, testing::ValuesIn(kFittedTypes),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

}  // namespace
}  // namespace hearth
