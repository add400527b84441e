// Attention of every level against the reference, for every cache type.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "base/buffer.h"
#include "base/rng.h"
#include "tensor/kernels.h"
#include "tensor/reference.h"

namespace hearth {
namespace {

constexpr double kUnit = 0x1p-24;
constexpr DType kTypes[] = {DType::F32, DType::F16, DType::Q8_0};

std::vector<float> random_values(size_t n, double width, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>((rng.uniform() - 0.5) * width);
  return values;
}

// A cache of one head, full of what is no number wherever nothing was stored, and its queries.
struct Problem {
  KvFormat format;
  size_t heads;
  size_t columns;
  size_t positions;  // that the last column sees
  std::vector<float> keys, values, query;
  Buffer<std::byte> memory;
  KvHead kv;
  std::function<void(AttentionArgs&)> change;  // of what is asked

  Problem(DType type, size_t head_dim, size_t n_heads, size_t n_columns, size_t n_positions)
      : format{type, head_dim, head_dim, n_positions + 5},
        heads(n_heads),
        columns(n_columns),
        positions(n_positions),
        keys(random_values(n_positions * head_dim, 4, n_positions)),
        values(random_values(n_positions * head_dim, 4, n_positions + 1)),
        query(random_values(n_columns * n_heads * head_dim, 4, head_dim)),
        memory(format.head_bytes()),
        kv(format.head_at(memory.data())) {
    std::memset(memory.data(), 0xff, memory.size());
  }

  const float* key(size_t position) const { return keys.data() + position * format.key_dim; }
  const float* value(size_t position) const { return values.data() + position * format.value_dim; }

  void store(const Kernels& kernels, size_t first = 0) {
    for (size_t p = first; p < positions; ++p) kernels.store_kv(format, kv, p, key(p), value(p));
  }

  AttentionArgs args() const {
    AttentionArgs args;
    args.format = format;
    args.kv = kv;
    args.query = query.data();
    args.query_stride = heads * format.key_dim;
    args.columns = columns;
    args.heads = heads;
    args.first_position = positions - columns;
    args.end_chunk = (positions - 1) / kChunkPositions + 1;
    args.scale = 1.0f / std::sqrt(static_cast<float>(format.key_dim));
    if (change) change(args);
    return args;
  }

  // [columns][heads][head_dim], and the totals of the rows if asked for.
  std::vector<float> attend(const Kernels& kernels, std::vector<float>* totals = nullptr) const {
    return finish(kernels, args(), totals);
  }

  std::vector<float> finish(const Kernels& kernels, AttentionArgs args,
                            std::vector<float>* totals = nullptr) const {
    const size_t floats = state_floats(format.value_dim);
    const size_t rows = args.columns * args.heads;
    Buffer<float> states(rows * floats);
    Buffer<std::byte> scratch(attention_scratch_bytes(format.key_dim, format.value_dim));
    args.states = states.data();
    args.scratch = scratch.data();
    kernels.attend(args);
    std::vector<float> out(rows * format.value_dim);
    for (size_t row = 0; row < rows; ++row) {
      float* state = states.data() + row * floats;
      if (totals != nullptr) totals->push_back(state[kStateTotal]);
      kernels.finish_attention(state, 0, 1, format.value_dim, out.data() + row * format.value_dim);
    }
    return out;
  }

  // The most that a row may be off. Its scores are sums of products p: exact integers and a few
  // roundings for Q8_0, else head_dim float additions; in all at most (head_dim + 8) units of
  // sum |p|. A score that is off by d moves a weight by e^d - 1 and the quotient of sums by twice
  // that. Sums of n weights and the powers of 2 take n + 16 roundings. Q8_0 rounds each weight to
  // 1/32767 of what the largest value scale makes of the largest weight, which is 1.
  double bound(size_t row, float total) const {
    const float* q = query.data() + row * format.key_dim;
    double products = 0, largest_value = 0;
    for (size_t p = 0; p < positions; ++p) {
      double sum = 0;
      for (size_t i = 0; i < format.key_dim; ++i) {
        sum += std::fabs(static_cast<double>(q[i]) * static_cast<double>(key(p)[i]));
      }
      for (size_t i = 0; i < format.value_dim; ++i)
        largest_value = std::max(largest_value, std::fabs(static_cast<double>(value(p)[i])));
      products = std::max(products, sum);
    }
    const auto d = static_cast<double>(format.key_dim), n = static_cast<double>(positions);
    const double score = (d + 8) * kUnit * products * 1.02 / std::sqrt(d);
    const double rounding = format.quantized() ? 0.51 / 32767 * n / static_cast<double>(total) : 0;
    return largest_value * (2 * std::expm1(2 * score) + 2 * (n + 16) * kUnit + rounding);
  }
};

class AttentionTest : public testing::TestWithParam<IsaLevel> {
 protected:
  const Kernels& kernels() const { return kernels_for(GetParam()); }

  void expect_near_reference(const Problem& problem) {
    std::vector<float> totals;
    const Kernels& reference = kernels_for(IsaLevel::reference);
    const std::vector<float> want = problem.attend(reference, &totals);
    const std::vector<float> got = problem.attend(kernels());
    for (size_t i = 0; i < got.size(); ++i) {
      const size_t row = i / problem.format.value_dim;
      const double gap = std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
      ASSERT_LE(gap, problem.bound(row, totals[row]))
          << name_of(problem.format.type) << ", " << problem.format.key_dim << " dims, "
          << problem.positions << " positions, row " << row << " of " << problem.columns << " x "
          << problem.heads;
    }
  }
};

TEST_P(AttentionTest, StoresWhatTheReferenceStoresBitForBit) {
  for (const DType type : kTypes) {
    for (const size_t dim : {2u, 8u, 20u, 48u, 64u, 80u, 96u, 128u, 330u, 512u}) {
      Problem want(type, dim, 1, 1, 70), got(type, dim, 1, 1, 70);
      for (Problem* problem : {&want, &got}) {
        std::fill_n(problem->keys.begin(), dim, 0.0f);
        std::fill_n(problem->values.begin(), dim, 1e-42f);
        problem->keys[2 * dim] = 3e38f;
      }
      want.store(kernels_for(IsaLevel::reference));
      got.store(kernels());
      ASSERT_EQ(std::memcmp(want.memory.data(), got.memory.data(), want.memory.size()), 0)
          << name_of(type) << ", " << dim << " dims";
    }
  }
}

TEST_P(AttentionTest, StaysNearTheReference) {
  constexpr size_t kPositions[] = {1, 2, 3, 15, 16, 17, 65, 300, 512, 513};
  for (const DType type : kTypes) {
    for (const size_t dim : {2u, 8u, 20u, 48u, 64u, 80u, 96u, 128u}) {
      for (const size_t positions : kPositions) {
        const size_t heads = 1 + (dim / 2 + positions) % 8;
        Problem problem(type, dim, heads, std::min<size_t>(positions, 1 + positions % 5),
                        positions);
        problem.store(kernels());
        expect_near_reference(problem);
      }
    }
  }
}

TEST_P(AttentionTest, LongHistoriesWideHeadsAndLargeScores) {
  for (const DType type : kTypes) {
    Problem deep(type, 64, 8, 6, 3000), wide(type, 512, 3, 2, 700), peaked(type, 64, 4, 2, 600);
    for (float& value : peaked.query) value *= 40;  // one weight is nearly all
    for (float& value : peaked.values) value *= 1e-6f;
    for (Problem* problem : {&deep, &wide, &peaked}) {
      problem->store(kernels());
      expect_near_reference(*problem);
    }
  }
}

// The promise behind decoding together and cutting prompts anywhere.
TEST_P(AttentionTest, NeitherNeighboursNorSplitsChangeABit) {
  for (const DType type : kTypes) {
    Problem problem(type, 40, 3, 16, 1030);  // the columns stand on both sides of a chunk's end
    problem.store(kernels());
    const std::vector<float> want = problem.attend(kernels());
    const size_t row_floats = problem.heads * problem.format.key_dim;
    for (size_t column = 0; column < problem.columns; ++column) {
      AttentionArgs alone = problem.args();
      alone.query += column * alone.query_stride;
      alone.first_position += column;
      alone.columns = 1;
      alone.end_chunk = alone.first_position / kChunkPositions + 1;
      const std::vector<float> got = problem.finish(kernels(), alone);
      ASSERT_EQ(std::memcmp(got.data(), want.data() + column * row_floats, row_floats * 4), 0)
          << name_of(type) << ", column " << column;
    }
    AttentionArgs args = problem.args();
    const size_t floats = state_floats(problem.format.key_dim), rows = 48, chunks = 3;
    Buffer<float> states(chunks * rows * floats);
    Buffer<std::byte> scratch(
        attention_scratch_bytes(problem.format.key_dim, problem.format.value_dim));
    args.scratch = scratch.data();
    for (size_t k = 0; k < chunks; ++k) {
      args.first_chunk = k;
      args.end_chunk = k + 1;
      args.states = states.data() + k * rows * floats;
      kernels().attend(args);
    }
    std::vector<float> got(problem.format.key_dim);
    for (size_t row = 0; row < rows; ++row) {
      const size_t sees = args.first_position + row / problem.heads + 1;
      kernels().finish_attention(states.data() + row * floats, rows * floats,
                                 (sees - 1) / kChunkPositions + 1, got.size(), got.data());
      ASSERT_EQ(std::memcmp(got.data(), want.data() + row * got.size(), got.size() * 4), 0)
          << name_of(type) << ", row " << row;
    }
  }
}

// Damaged weights give NaN; it must reach the logits of the columns that see it, and no others.
TEST_P(AttentionTest, WhatIsNoNumberReachesThoseThatSeeIt) {
  for (const DType type : kTypes) {
    for (const bool in_key : {false, true}) {
      for (const float bad : {NAN, INFINITY, -INFINITY}) {
        Problem problem(type, 24, 2, 4, 40);
        problem.store(kernels());
        const std::vector<float> want = problem.attend(kernels());
        (in_key ? problem.keys : problem.values)[38 * 24 + 5] = bad;
        problem.store(kernels(), 38);
        const std::vector<float> got = problem.attend(kernels());
        const size_t before = 2 * 2 * 24;  // columns at 36 and 37
        EXPECT_EQ(std::memcmp(got.data(), want.data(), before * sizeof(float)), 0);
        // A float key of -inf may only take a position away; all else is not finite.
        const bool may_vanish = in_key && type != DType::Q8_0 && std::isinf(bad);
        for (size_t i = before; i < got.size() && !may_vanish; i += 24)
          EXPECT_FALSE(std::isfinite(got[i + 5])) << name_of(type) << " " << bad << " " << in_key;
      }
    }
    Problem problem(type, 24, 1, 1, 3);
    problem.store(kernels());
    problem.query[3] = NAN;
    for (const float value : problem.attend(kernels())) EXPECT_TRUE(std::isnan(value));
  }
}

TEST_P(AttentionTest, ZerosAndScoresBeyondTheFloats) {
  for (const DType type : kTypes) {
    Problem zeros(type, 16, 2, 1, 20);
    for (auto* side : {&zeros.keys, &zeros.values}) std::fill(side->begin(), side->end(), 0.0f);
    zeros.store(kernels());
    for (const float value : zeros.attend(kernels())) EXPECT_EQ(value, 0.0f);
    Problem equal(type, 16, 1, 1, 20);
    std::fill(equal.query.begin(), equal.query.end(), 0.0f);
    equal.store(kernels());
    expect_near_reference(equal);
    if (type == DType::F16) continue;  // its largest is 65504
    Problem huge(type, 16, 1, 1, 20);
    for (float& value : huge.keys) value *= 1e37f;
    for (float& value : huge.query) value *= 100;
    huge.store(kernels());
    for (const float value : huge.attend(kernels())) {
      EXPECT_TRUE(std::isnan(value) || std::fabs(value) <= 2.001f) << value;
    }
  }
}

// Windows, caps and sinks, keys that are wider than values, and a ring that has turned.
TEST_P(AttentionTest, VariantsStayNearTheReference) {
  for (const DType type : kTypes) {
    for (const size_t positions : {5u, 40u, 520u, 1500u}) {
      for (const size_t window : {size_t{1}, size_t{17}, size_t{600}, SIZE_MAX}) {
        Problem problem(type, 48, 3, std::min<size_t>(positions, 4), positions);
        problem.format.value_dim = 32;
        if (positions > 1024 && window < 500) problem.format.capacity = 512;
        problem.kv = problem.format.head_at(problem.memory.data());
        const std::vector<float> sinks = random_values(3, 4, 9);
        problem.change = [&](AttentionArgs& args) {
          args.window = window;
          args.softcap = positions % 3 == 0 ? 0.0f : 7.0f;
          args.sinks = positions % 2 == 0 ? sinks.data() : nullptr;
          args.first_chunk = args.first_position + 1 > window
                                 ? (args.first_position + 1 - window) / kChunkPositions
                                 : 0;
        };
        problem.store(kernels());
        expect_near_reference(problem);
      }
    }
  }
}

// In encoders every column sees what comes behind it as well.
TEST_P(AttentionTest, EveryColumnSeesTheWholeText) {
  for (const DType type : kTypes) {
    for (const size_t positions : {1u, 9u, 40u, 530u}) {
      const size_t columns = std::min<size_t>(positions, 6);
      Problem problem(type, 32, 2, columns, positions);
      problem.change = [&](AttentionArgs& args) { args.seen_end = positions; };
      problem.store(kernels());
      expect_near_reference(problem);
      // The last column of an answer sees as much: with its query the first gets the same.
      std::copy_n(problem.query.end() - 64, 64, problem.query.begin());
      const std::vector<float> all = problem.attend(kernels());
      problem.change = nullptr;
      const std::vector<float> last = problem.attend(kernels());
      EXPECT_EQ(std::memcmp(all.data(), &*(last.end() - 64), 64 * sizeof(float)), 0);
    }
  }
}

TEST_P(AttentionTest, RopeOfHalves) {
  for (const size_t dims : {0u, 2u, 6u, 16u, 30u, 64u, 128u}) {
    const std::vector<float> cos_sin = random_values(dims, 2, 3);
    std::vector<float> got = random_values(dims + 3, 4, dims), want = got;
    kernels().rope_halves(got.data(), cos_sin.data(), dims);
    reference::rope_halves(want.data(), cos_sin.data(), dims);
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(static_cast<double>(got[i]), static_cast<double>(want[i]), 6 * kUnit);
  }
}

TEST_P(AttentionTest, Rope) {
  for (const size_t dims : {0u, 2u, 6u, 16u, 30u, 64u, 128u}) {
    const std::vector<float> cos_sin = random_values(dims, 2, 3);
    std::vector<float> got = random_values(dims + 3, 4, dims), want = got;
    const std::vector<float> before = got;
    kernels().rope(got.data(), cos_sin.data(), dims);
    reference::rope(want.data(), cos_sin.data(), dims);
    for (size_t i = 0; i < got.size(); ++i) {
      // Two products of at most 2 * 1 and their sum, each rounded once at most.
      ASSERT_NEAR(static_cast<double>(got[i]), static_cast<double>(want[i]), 6 * kUnit);
      if (i >= dims) ASSERT_EQ(got[i], before[i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, AttentionTest, testing::ValuesIn(available_levels()),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

}  // namespace
}  // namespace hearth
