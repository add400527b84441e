// Rounding with feedback against rounding each weight for itself, by the error of what rows
// compute: (w - q)^T G (w - q).
#include "tensor/feedback.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <tuple>

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
    for (size_t i = 0; i < j; ++i)
      inputs.feedback[i * n + j] = static_cast<float>(g[i * n + j] / d);
    for (size_t i = 0; i < j; ++i) {
      for (size_t k = 0; k < j; ++k) g[i * n + k] -= g[i * n + j] * g[k * n + j] / d;
    }
  }
  return inputs;
}

// Inputs of `rank` causes and a little noise of their own. Made once: all formats meet the same.
const Inputs& correlated(size_t n, size_t rank, double noise, uint64_t seed) {
  static std::map<std::tuple<size_t, size_t, double, uint64_t>, Inputs> made;
  const std::tuple key{n, rank, noise, seed};
  if (const auto found = made.find(key); found != made.end()) return found->second;
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
  return made[key] = inputs_of(g, n);
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
  std::vector<double> lost(n);
  double sum = 0;
  for (size_t first = 0; first < want.size(); first += n) {
    for (size_t i = 0; i < n; ++i)
      lost[i] = static_cast<double>(want[first + i]) - static_cast<double>(got[first + i]);
    for (size_t i = 0; i < n; ++i) {
      const float* row = inputs.products.data() + i * n;
      double pull[4] = {};
      for (size_t j = 0; j < n; ++j) pull[j % 4] += static_cast<double>(row[j]) * lost[j];
      sum += lost[i] * (pull[0] + pull[1] + pull[2] + pull[3]);
    }
  }
  return sum;
}

// Whether `some` stand in `all` from `first` on.
bool same(const std::vector<BlockParts>& some, const std::vector<BlockParts>& all, size_t first) {
  return first + some.size() <= all.size() &&
         std::memcmp(some.data(), &all[first], some.size() * sizeof some[0]) == 0;
}

class FeedbackTest : public testing::TestWithParam<DType> {
 protected:
  [[nodiscard]] std::vector<BlockParts> rounded(const std::vector<float>& rows,
                                                const Inputs& inputs, int sweeps = 3,
                                                IsaLevel level = available_levels().back()) const {
    const size_t columns = inputs.remaining.size();
    const size_t blocks = columns / static_cast<size_t>(format_.block());
    Buffer<float> scratch(feedback_scratch(columns));
    FeedbackArgs args{rows.data(), rows.size() / columns, inputs.view(),
                      sweeps,      scratch.data(),        {}};
    std::vector<BlockParts> parts(args.n_rows * blocks);
    args.out = parts.data();
    const Fitter& fitter = fitter_for(level);
    fitter.round_with_feedback(format_, fitter, args);
    return parts;
  }
  // Each block by itself, with the diagonal of the products for importance.
  [[nodiscard]] std::vector<BlockParts> fitted(const std::vector<float>& rows,
                                               const Inputs& inputs) const {
    std::vector<float> importance;
    const size_t n = inputs.remaining.size();
    for (size_t i = 0; i < rows.size(); ++i) importance.push_back(inputs.products[i % n * (n + 1)]);
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

// Blocks are fitted with large weights counting more, which is of use where inputs are correlated
// (feedback_rows.h), and costs at most this where they are not.
constexpr double kCostOfSize = 1.03;

// Nothing can be made good by others: it is fitting, and sweeps find a little more.
TEST_P(FeedbackTest, IndependentInputs) {
  const Inputs inputs = independent(kColumns);
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const std::vector<float> rows = random_rows(16, kColumns, seed);
    const double got = error(inputs, rows, rounded(rows, inputs));
    EXPECT_LE(got, kCostOfSize * error(inputs, rows, fitted(rows, inputs)));
    std::vector<BlockParts> plain;
    for (size_t at = 0; at < rows.size(); at += static_cast<size_t>(format_.block()))
      plain.push_back(plain_fit(format_, rows.data() + at));
    EXPECT_LE(got, error(inputs, rows, plain));
  }
}

// 8 to 24 causes behind 256 inputs: a tenth of the error or less is left, since most directions in
// which weights can err move nothing.
TEST_P(FeedbackTest, InputsThatMoveTogether) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Inputs& inputs = correlated(kColumns, 8 + 4 * (seed % 5), 0.02, seed);
    const std::vector<float> rows = random_rows(16, kColumns, seed + 100);
    const double alone = error(inputs, rows, fitted(rows, inputs));
    EXPECT_LE(error(inputs, rows, rounded(rows, inputs)), 0.1 * alone) << seed;
  }
}

// Loosely bound inputs, down to almost independent ones: not worse than without.
TEST_P(FeedbackTest, NeverWorse) {
  for (const double noise : {0.1, 0.5, 2.0, 10.0}) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const Inputs& inputs = correlated(kColumns, 64, noise, seed);
      const std::vector<float> rows = random_rows(16, kColumns, seed + 200);
      const double alone = error(inputs, rows, fitted(rows, inputs));
      EXPECT_LE(error(inputs, rows, rounded(rows, inputs)), kCostOfSize * alone)
          << noise << ", " << seed;
    }
  }
}

// What the parts say is what was counted with: if the two went apart, sweeps would not lower the
// error that the parts make. Numbers stay where the format can say them.
TEST_P(FeedbackTest, EachSweepLowersTheErrorOfTheParts) {
  const Inputs& inputs = correlated(2 * kColumns, 40, 0.05, 3);
  const std::vector<float> rows = random_rows(16, 2 * kColumns, 3);
  double before = HUGE_VAL;
  for (const int sweeps : {0, 1, 2, 3, 8}) {
    const std::vector<BlockParts> parts = rounded(rows, inputs, sweeps);
    const double now = error(inputs, rows, parts);
    EXPECT_LT(now, before * (1 + 1e-5)) << sweeps;
    before = now;
    for (const BlockParts& each : parts) {
      for (int g = 0; format_.scale_max > 1 && g < format_.groups; ++g) {
        ASSERT_TRUE(each.scales[g] >= format_.scale_min && each.scales[g] <= format_.scale_max);
        ASSERT_TRUE(each.mins[g] >= 0 && each.mins[g] <= format_.scale_max);
      }
      for (int i = 0; i < format_.block(); ++i) ASSERT_LT(each.quants[i], format_.quants);
      if (format_.kind == GroupKind::offset) ASSERT_GE(f16_to_f32(each.dmin), 0.0f);
    }
  }
}

TEST_P(FeedbackTest, RowsDoNotDependOnEachOther) {
  const Inputs& inputs = correlated(kColumns, 12, 0.05, 4);
  const std::vector<float> rows = random_rows(16, kColumns, 4);
  const std::vector<BlockParts> all = rounded(rows, inputs);
  const size_t blocks = kColumns / static_cast<size_t>(format_.block());
  for (size_t first = 0, count = 1; count <= 16; first = (first + 5) % (17 - count), ++count) {
    if (first + count > 16) first = 0;
    const auto begin = rows.begin() + static_cast<ptrdiff_t>(first * kColumns);
    const std::vector<float> some(begin, begin + static_cast<ptrdiff_t>(count * kColumns));
    EXPECT_TRUE(same(rounded(some, inputs), all, first * blocks)) << first << ", " << count;
  }
}

TEST_P(FeedbackTest, SameBlocksOnEveryInstructionSet) {
  for (const WeightCase& given : weight_cases(8 * kColumns, 5)) {
    const Inputs& inputs = correlated(kColumns, 12, 0.05, 5);
    const auto want = rounded(given.weights, inputs, 2, IsaLevel::reference);
    for (const float value : expand(format_, want)) ASSERT_TRUE(std::isfinite(value)) << given.name;
    for (const IsaLevel level : available_levels())
      EXPECT_TRUE(same(rounded(given.weights, inputs, 2, level), want, 0)) << given.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, FeedbackTest, testing::ValuesIn(kFittedTypes),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

}  // namespace
}  // namespace hearth
