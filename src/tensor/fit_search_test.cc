// The fitter's search against searches that try everything, on a few blocks: how much of the error
// better scales could still save.
#include <gtest/gtest.h>

#include "tensor/fit.h"
#include "tensor/test_blocks.h"

namespace hearth {
namespace {

struct Problem {
  const GroupFormat& format;
  const float* weights;
  const float* importance;
};

// Weighted error of a group whose quants are the nearest ones.
double group_error(const Problem& of, int g, double step, double low) {
  double sum = 0;
  const double inverse = step == 0 ? 0 : 1 / step;
  for (int j = g * of.format.group; j < (g + 1) * of.format.group; ++j) {
    const auto x = static_cast<double>(of.weights[j]);
    double level;
    if (of.format.kind == GroupKind::levels) {
      const GroupValues values{static_cast<float>(step), static_cast<float>(low)};
      level = level_of(of.format, nearest_quant(of.format, values, of.weights[j]));
    } else {
      const double zero = of.format.kind == GroupKind::symmetric ? of.format.zero() : 0;
      level = std::clamp(std::nearbyint((x + low) * inverse), -zero, of.format.quants - 1 - zero);
    }
    const double lost = x - (step * level - low);
    sum += static_cast<double>(of.importance[j]) * lost * lost;
  }
  return sum;
}

double peak_of(const Problem& of, int first, int count) {
  double peak = 0;
  for (int j = first; j < first + count; ++j)
    peak = std::max(peak, std::fabs(static_cast<double>(of.weights[j])));
  return peak;
}

// All halves that could be the scale of one group.
double every_scale(const Problem& of) {
  const double per_peak = peak_of(of, 0, of.format.group) / std::fabs(level_of(of.format, 0));
  double least = group_error(of, 0, 0, 0);
  for (uint16_t bits = f32_to_f16(static_cast<float>(0.4 * per_peak));
       f16_to_f32(bits) < static_cast<float>(2.5 * per_peak); ++bits) {
    const auto d = static_cast<double>(f16_to_f32(bits));
    least = std::min({least, group_error(of, 0, d, 0), group_error(of, 0, -d, 0)});
  }
  return least;
}

// Both ends of the quants anywhere, then the best line for the quants that this gives, in turns.
double every_line(const Problem& of) {
  const auto [low, high] = std::minmax_element(of.weights, of.weights + of.format.group);
  const double least = static_cast<double>(*low), width = static_cast<double>(*high - *low);
  const double most_quant = of.format.quants - 1;
  double best = HUGE_VAL;
  for (int a = 0; a < 32; ++a) {
    for (int b = 0; b < 32; ++b) {
      const double from = least + width * (0.02 * a - 0.1);
      double step = (least + width * (1.1 - 0.02 * b) - from) / most_quant, m = from;
      for (int turn = 0; turn < 4 && step > 0; ++turn) {
        const auto d_half = static_cast<double>(f16_to_f32(finite_half(step)));
        const auto m_half = static_cast<double>(f16_to_f32(finite_half(m)));
        best = std::min(best, group_error(of, 0, d_half, -m_half));
        double w = 0, x = 0, q = 0, qq = 0, xq = 0;
        for (int j = 0; j < of.format.group; ++j) {
          const auto weight = static_cast<double>(of.importance[j]);
          const auto value = static_cast<double>(of.weights[j]);
          const double quant = std::clamp(std::nearbyint((value - m) / step), 0.0, most_quant);
          w += weight;
          x += weight * value;
          q += weight * quant;
          qq += weight * quant * quant;
          xq += weight * quant * value;
        }
        step = (w * xq - x * q) / (w * qq - q * q);
        m = (x - step * q) / w;
      }
    }
  }
  return best;
}

// All multiples at a scale of scales.
double every_multiple(const Problem& of, double d) {
  double sum = 0;
  for (int g = 0; g < of.format.groups; ++g) {
    double least = HUGE_VAL;
    for (int scale = of.format.scale_min; scale <= of.format.scale_max; ++scale)
      least = std::min(least, group_error(of, g, d * scale, 0));
    sum += least;
  }
  return sum;
}

// Multiples within a few steps of those found; `d` and `dmin` differ, so they are brought over.
double near_multiples(const Problem& of, const BlockParts& found, double d, double dmin) {
  const auto old_d = static_cast<double>(f16_to_f32(found.d));
  const auto old_dmin = static_cast<double>(f16_to_f32(found.dmin));
  constexpr int kReach = 4;
  double sum = 0;
  for (int g = 0; g < of.format.groups; ++g) {
    double least = HUGE_VAL;
    const int scale = static_cast<int>(std::lround(found.scales[g] * old_d / d));
    const int min = dmin == 0 ? 0 : static_cast<int>(std::lround(found.mins[g] * old_dmin / dmin));
    for (int s = std::max(0, scale - kReach); s <= std::min(scale + kReach, of.format.scale_max);
         ++s) {
      for (int m = std::max(0, min - kReach); m <= std::min(min + kReach, of.format.scale_max); ++m)
        least = std::min(least, group_error(of, g, d * s, dmin * m));
    }
    sum += least;
  }
  return sum;
}

// Scales of scales around those found.
double near_factors(const Problem& of, const BlockParts& found) {
  const auto d = static_cast<double>(f16_to_f32(found.d));
  const auto dmin = static_cast<double>(f16_to_f32(found.dmin));
  double least = HUGE_VAL;
  for (int a = -4; a <= 4; ++a) {
    if (of.format.kind != GroupKind::offset) {
      least = std::min(
          least,
          every_multiple(of, static_cast<double>(f16_to_f32(finite_half(d * (1 + 0.04 * a))))));
      continue;
    }
    for (int b = -4; b <= 4; ++b) {
      const auto near_d = static_cast<double>(f16_to_f32(finite_half(d * (1 + 0.04 * a))));
      const auto near_dmin = static_cast<double>(f16_to_f32(finite_half(dmin * (1 + 0.04 * b))));
      least = std::min(least, near_multiples(of, found, near_d, near_dmin));
    }
  }
  return least;
}

// What the fitter and the searches above leave of the same blocks.
struct Left {
  double fitted = 0;
  double least = 0;
};

Left left_in(const GroupFormat& format, const WeightCase& given) {
  const auto block = static_cast<size_t>(format.block());
  Left left;
  for (size_t at = 0; at < given.weights.size(); at += block) {
    const Problem of{format, given.weights.data() + at, given.importance.data() + at};
    std::vector<BlockParts> parts(1);
    fitter_for(IsaLevel::reference).fit(format, {of.weights, of.importance, 1, parts.data()});
    const std::vector<float> values = expand(format, parts);
    for (size_t j = 0; j < block; ++j) {
      const double lost = static_cast<double>(of.weights[j]) - static_cast<double>(values[j]);
      left.fitted += static_cast<double>(of.importance[j]) * lost * lost;
    }
    if (format.groups > 1)
      left.least += near_factors(of, parts[0]);
    else
      left.least += format.kind == GroupKind::affine ? every_line(of) : every_scale(of);
  }
  return left;
}

class FitSearchTest : public testing::TestWithParam<DType> {};

// Up to four bits the search finds what there is within two or three hundredths. With more quants
// there are more lines that are nearly as good, and what is missed is a part of a much smaller
// error.
TEST_P(FitSearchTest, LittleIsLeftToFind) {
  const GroupFormat& format = *group_format(GetParam());
  const size_t n = format.groups == 1 ? 1024 : 2048;
  const auto even = [](Rng&, size_t) { return 1.0; };
  const auto uneven = [](Rng& rng, size_t) { return std::exp(normal(rng)); };
  const auto weight = [](Rng& rng, size_t) { return 0.02 * normal(rng); };
  const auto heavy = [](Rng& rng, size_t) { return 0.01 * std::pow(normal(rng), 3); };
  const bool few = format.quants <= 16;
  double gaps = 0;
  for (const WeightCase& given :
       {make_case("normal, even", n, 1, weight, even), make_case("normal", n, 2, weight, uneven),
        make_case("heavy tails", n, 3, heavy, uneven)}) {
    const Left left = left_in(format, given);
    const double gap = left.fitted / left.least - 1;
    EXPECT_LE(gap, few ? 0.06 : 0.1) << given.name;
    gaps += gap / 3;
  }
  EXPECT_LE(gaps, few ? 0.03 : 0.07);
}

INSTANTIATE_TEST_SUITE_P(All, FitSearchTest, testing::ValuesIn(kFittedTypes),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

}  // namespace
}  // namespace hearth
