// What the tests of formats with groups share: weights of many kinds, and a fitter so plain that it
// cannot be wrong (round to nearest at the scale that just holds the largest weight).
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "tensor/block_parts.h"
#include "tensor/codebooks.h"
#include "tensor/float16.h"

namespace hearth {

inline constexpr DType kGroupTypes[] = {
    DType::Q4_0,   DType::Q4_1,  DType::Q5_0, DType::Q5_1, DType::Q8_0,  DType::IQ4_NL,
    DType::IQ4_XS, DType::Q2_K,  DType::Q3_K, DType::Q4_K, DType::Q5_K,  DType::Q6_K,
    DType::TQ1_0,  DType::TQ2_0, DType::Q1_0, DType::Q2_0, DType::MXFP4, DType::NVFP4};
// Whose fitting has tests beside it; Q8_0 is rounded, and encode_test.cc has the others.
inline constexpr DType kFittedTypes[] = {DType::Q4_0,   DType::Q4_1,   DType::Q5_0, DType::Q5_1,
                                         DType::IQ4_NL, DType::IQ4_XS, DType::Q2_K, DType::Q3_K,
                                         DType::Q4_K,   DType::Q5_K,   DType::Q6_K};

inline double normal(Rng& rng) {
  return std::sqrt(-2 * std::log(1 - rng.uniform())) * std::cos(2 * M_PI * rng.uniform());
}

struct WeightCase {
  std::string name;
  std::vector<float> weights;
  std::vector<float> importance;
};

template <class Weight, class Importance>
WeightCase make_case(std::string name, size_t n, uint64_t seed, const Weight& weight,
                     const Importance& importance) {
  Rng rng(seed);
  WeightCase made{std::move(name), std::vector<float>(n), std::vector<float>(n)};
  for (size_t i = 0; i < n; ++i) {
    made.weights[i] = static_cast<float>(weight(rng, i));
    made.importance[i] = static_cast<float>(importance(rng, i));
  }
  return made;
}

// `n` weights of each kind, a multiple of 256.
inline std::vector<WeightCase> weight_cases(size_t n, uint64_t seed) {
  const auto one = [](Rng&, size_t) { return 1.0; };
  const auto gauss = [](Rng& rng, size_t) { return 0.02 * normal(rng); };
  const auto wide = [](Rng& rng, size_t) { return std::exp(2 * normal(rng)); };
  const auto heavy = [](Rng& rng, size_t) { return 0.01 * std::pow(normal(rng), 3); };
  const auto same = [](double value) { return [value](Rng&, size_t) { return value; }; };
  const auto sized = [&](double size) {
    return [size](Rng& rng, size_t) { return size * normal(rng); };
  };
  const auto around = [](double middle, double width) {
    return [=](Rng& rng, size_t) { return middle + width * normal(rng); };
  };
  const auto outlier = [](Rng& rng, size_t i) { return i % 256 == 77 ? 1.0 : 0.01 * normal(rng); };
  const auto one_counts = [](Rng&, size_t i) { return i % 32 == 5 ? 1e6 : 1.0; };
  const auto gaps = [](Rng& rng, size_t i) { return i / 16 % 3 == 0 ? 0.0 : normal(rng); };
  const auto steps = [](Rng& rng, size_t i) {
    return std::pow(4.0, double(i / 32 % 8)) * normal(rng);
  };
  return {make_case("normal", n, seed, gauss, one),
          make_case("normal, uneven importance", n, seed + 1, gauss, wide),
          make_case("heavy tails", n, seed + 2, heavy, wide),
          make_case(
              "positive", n, seed + 3, [](Rng& rng, size_t) { return rng.uniform(); }, wide),
          make_case(
              "negative", n, seed + 4, [](Rng& rng, size_t) { return -rng.uniform(); }, wide),
          make_case("far from zero", n, seed + 5, around(1, 0.01), one),
          make_case("far below zero", n, seed + 6, around(-1, 0.01), wide),
          make_case("one outlier", n, seed + 7, outlier, one),
          make_case("one that counts", n, seed + 8, gauss, one_counts),
          make_case("groups of zeros", n, seed + 9, gaps, one),
          make_case("groups of many sizes", n, seed + 10, steps, wide),
          make_case("zeros", n, seed + 11, same(0), one),
          make_case("all 0.3", n, seed + 12, same(0.3), wide),
          make_case("all -0.3", n, seed + 13, same(-0.3), wide),
          make_case("too large for halves", n, seed + 14, sized(1e6), wide),
          make_case("small", n, seed + 15, sized(1e-4), one),
          make_case("smaller than halves", n, seed + 16, sized(1e-7), one)};
}

// The weights that blocks stand for.
inline std::vector<float> expand(const GroupFormat& format, const std::vector<BlockParts>& blocks) {
  std::vector<float> weights;
  for (const BlockParts& parts : blocks) {
    for (int i = 0; i < format.block(); ++i) {
      const GroupValues values = group_values(format, parts, i / format.group);
      const auto level = static_cast<float>(level_of(format, parts.quants[i]));
      weights.push_back(values.step * level - values.low);
    }
  }
  return weights;
}

inline double weighted_error(const std::vector<float>& want, const std::vector<float>& got,
                             const std::vector<float>& importance) {
  double sum = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double lost = double(want[i]) - double(got[i]);
    sum += double(importance[i]) * lost * lost;
  }
  return sum;
}

// Parts with any numbers that the format can say.
inline BlockParts random_parts(const GroupFormat& format, Rng& rng) {
  const auto between = [&](int least, int most) {
    return least + static_cast<int>(rng.below(static_cast<uint64_t>(most - least + 1)));
  };
  BlockParts parts;
  parts.d = f32_to_f16(static_cast<float>(0.001 + 0.01 * rng.uniform()));
  if (format.kind == GroupKind::offset || format.kind == GroupKind::affine)
    parts.dmin = f32_to_f16(static_cast<float>(0.002 * normal(rng)));
  if (format.kind == GroupKind::offset) parts.dmin &= 0x7FFF;
  for (int g = 0; g < format.groups; ++g) {
    parts.scales[g] = static_cast<int16_t>(between(format.scale_min, format.scale_max));
    if (format.kind == GroupKind::offset)
      parts.mins[g] = static_cast<int16_t>(between(0, format.scale_max));
  }
  for (int i = 0; i < format.block(); ++i)
    parts.quants[i] = static_cast<uint8_t>(between(0, format.quants - 1));
  return parts;
}

inline uint16_t finite_half(double value) {
  return f32_to_f16(static_cast<float>(std::clamp(value, -65504.0, 65504.0)));
}

// The quant whose weight is nearest, found by looking at each.
inline uint8_t nearest_quant(const GroupFormat& format, const GroupValues& values, float weight) {
  int best = 0;
  double least = HUGE_VAL;
  for (int q = 0; q < format.quants; ++q) {
    const double error =
        std::fabs(double(values.step) * level_of(format, q) - double(values.low) - double(weight));
    if (error < least) best = q;
    least = std::min(least, error);
  }
  return static_cast<uint8_t>(best);
}

inline void choose_quants(const GroupFormat& format, const float* weights, BlockParts& parts) {
  for (int i = 0; i < format.block(); ++i) {
    parts.quants[i] =
        nearest_quant(format, group_values(format, parts, i / format.group), weights[i]);
  }
}

inline int16_t whole_multiple(double value, double unit, int least, int most) {
  return unit == 0
             ? int16_t{0}
             : static_cast<int16_t>(std::clamp(std::lround(value / unit), long(least), long(most)));
}

// Each group's scale is just wide enough; a block's is that of its widest group.
inline BlockParts plain_fit(const GroupFormat& format, const float* weights) {
  const bool offset = format.kind == GroupKind::offset;
  const bool affine = format.kind == GroupKind::affine;
  BlockParts parts;
  double scales[kMaxGroups], lows[kMaxGroups];
  double most_scale = 0, most_low = 0;
  for (int g = 0; g < format.groups; ++g) {
    double least = HUGE_VAL, most = -HUGE_VAL, peak = 0;
    for (int j = 0; j < format.group; ++j) {
      const auto x = static_cast<double>(weights[g * format.group + j]);
      least = std::min(least, x);
      most = std::max(most, x);
      if (std::fabs(x) > std::fabs(peak)) peak = x;
    }
    if (offset) least = std::min(least, 0.0);
    lows[g] = -least;
    scales[g] =
        offset || affine ? (most - least) / (format.quants - 1) : peak / level_of(format, 0);
    if (std::fabs(scales[g]) > std::fabs(most_scale)) most_scale = scales[g];
    most_low = std::max(most_low, lows[g]);
  }
  if (format.scale_max == 1) {
    parts.d = finite_half(scales[0]);
    if (affine) parts.dmin = finite_half(-lows[0]);
  } else {
    const int end = offset ? format.scale_max : format.scale_min;
    parts.d = finite_half(most_scale / end);
    if (offset) parts.dmin = finite_half(most_low / end);
    for (int g = 0; g < format.groups; ++g) {
      parts.scales[g] = whole_multiple(scales[g], double(f16_to_f32(parts.d)), format.scale_min,
                                       format.scale_max);
      if (offset)
        parts.mins[g] =
            whole_multiple(lows[g], double(f16_to_f32(parts.dmin)), 0, format.scale_max);
    }
  }
  choose_quants(format, weights, parts);
  return parts;
}

}  // namespace hearth
