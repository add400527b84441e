// Brings blocks into lanes, fits them (fit_signed.h, fit_offset.h) and takes their parts out again.
#pragma once

#include "tensor/blocks.h"
#include "tensor/fit.h"
#include "tensor/kernels/fit_offset.h"
#include "tensor/kernels/fit_signed.h"

namespace hearth {
namespace {

template <int group_size, int groups_of_block>
struct BlockLanes {
  static constexpr int kBlocks = kLanes / groups_of_block;  // side by side
  static constexpr int kWeights = group_size * groups_of_block;

  // Lanes without a block have weights of no importance.
  template <class Args>
  static Groups<group_size> load(const Args& args, size_t first) {
    Groups<group_size> groups{};
    for (int l = 0; l < kLanes; ++l) {
      const size_t block = first + static_cast<size_t>(l / groups_of_block);
      if (block >= args.blocks) break;
      const size_t at = (first * groups_of_block + static_cast<size_t>(l)) * group_size;
      for (int j = 0; j < group_size; ++j) {
        groups.x[j][l] = args.weights[at + static_cast<size_t>(j)];
        groups.w[j][l] = args.importance[at + static_cast<size_t>(j)];
      }
    }
    return groups;
  }
};

template <class Levels, int group_size, int groups_of_block, int low, int high>
void fit_signed(const FitArgs& args, const Starts& starts) {
  using Lanes = BlockLanes<group_size, groups_of_block>;
  for (size_t first = 0; first < args.blocks; first += Lanes::kBlocks) {
    Groups<group_size> g = Lanes::load(args, first);
    F scales = free_scale<Levels>(g, starts);
    if (few_levels<Levels>()) lengthen<Levels>(g, scales);
    F d, multiple;
    if constexpr (high == 1) {
      d = halves(scales);
      multiple = all(1);
    } else {
      const SignedSearch<Levels, group_size, groups_of_block, low, high> search{g};
      const SignedFit fit = search.run(scales);
      d = fit.d;
      multiple = fit.multiple;
    }
    const F inverse = ratio(all(1), d * multiple);
    F levels[group_size];
    for (int j = 0; j < group_size; ++j) levels[j] = Levels::nearest(g.x[j] * inverse);
    for (int l = 0; l < kLanes; ++l) {
      const size_t block = first + static_cast<size_t>(l / groups_of_block);
      if (block >= args.blocks) break;
      BlockParts& parts = args.out[block];
      const int at = l % groups_of_block;
      parts.d = f32_to_f16(d[l]);
      parts.scales[at] = static_cast<int16_t>(multiple[l]);
      for (int j = 0; j < group_size; ++j)
        parts.quants[at * group_size + j] = static_cast<uint8_t>(Levels::quant_of(levels[j][l]));
    }
  }
}

template <int quants, int group_size, int groups_of_block, int most>
void fit_offset(const FitArgs& args, int starts) {
  using Lanes = BlockLanes<group_size, groups_of_block>;
  for (size_t first = 0; first < args.blocks; first += Lanes::kBlocks) {
    const Groups<group_size> g = Lanes::load(args, first);
    const OffsetGroup<quants, group_size> problem{g};
    constexpr bool any_sign = most == 1;
    const Line lines = free_line(problem, any_sign, starts);
    OffsetFit fit;
    if constexpr (any_sign) {
      fit = OffsetFit{halves(lines.scale), halves(-lines.low), all(1), all(-1), F{}};
    } else {
      fit = OffsetSearch<quants, group_size, groups_of_block, most>{problem}.run(lines);
    }
    const F scale = fit.d * fit.scale;
    const F low = fit.dmin * fit.min;
    const F inverse = ratio(all(1), scale);
    F chosen[group_size];
    for (int j = 0; j < group_size; ++j) chosen[j] = problem.quant(g.x[j], inverse, low);
    for (int l = 0; l < kLanes; ++l) {
      const size_t block = first + static_cast<size_t>(l / groups_of_block);
      if (block >= args.blocks) break;
      BlockParts& parts = args.out[block];
      const int at = l % groups_of_block;
      parts.d = f32_to_f16(fit.d[l]);
      parts.dmin = f32_to_f16(fit.dmin[l]);
      parts.scales[at] = static_cast<int16_t>(fit.scale[l]);
      parts.mins[at] = static_cast<int16_t>(fit.min[l]);
      for (int j = 0; j < group_size; ++j)
        parts.quants[at * group_size + j] = static_cast<uint8_t>(chosen[j][l]);
    }
  }
}

// Groups whose scales are small floats: half of what the bits stand for comes from half_scale,
// which ascends from 0 to last_bits.
template <int group_size, int groups_of_block, float (*half_scale)(uint8_t), int last_bits,
          int steps_down, int steps_up>
void fit_floats(const FitArgs& args) {
  using Lanes = BlockLanes<group_size, groups_of_block>;
  for (size_t first = 0; first < args.blocks; first += Lanes::kBlocks) {
    const Groups<group_size> g = Lanes::load(args, first);
    // The least scale that holds the largest weight.
    F peak{};
    for (int j = 0; j < group_size; ++j) peak = larger(peak, absolute(g.x[j]));
    I bits{};
    for (int l = 0; l < kLanes; ++l) {
      int low = 0, high = last_bits;
      while (low < high) {
        const int middle = (low + high) / 2;
        if (half_scale(static_cast<uint8_t>(middle)) * kFp4Values[7] < peak[l])
          low = middle + 1;
        else
          high = middle;
      }
      bits[l] = low;
    }
    I best_bits = bits;
    F scale{};
    F best = all(__builtin_inff());
    // Smaller ones cut it off; larger ones bring it to a number below the largest.
    for (int step = -steps_down; step <= steps_up; ++step) {
      I tried = bits + step;
      tried = tried < 0 ? I{} : tried;
      tried = tried > last_bits ? I{} + last_bits : tried;
      F half{};
      for (int l = 0; l < kLanes; ++l) half[l] = half_scale(static_cast<uint8_t>(tried[l]));
      const F error = error_at<Float4>(g, half);
      const I better = error < best;
      best = choose(better, error, best);
      scale = choose(better, half, scale);
      best_bits = better ? tried : best_bits;
    }
    const F inverse = ratio(all(1), scale);
    F levels[group_size];
    for (int j = 0; j < group_size; ++j) levels[j] = Float4::nearest(g.x[j] * inverse);
    for (int l = 0; l < kLanes; ++l) {
      const size_t block = first + static_cast<size_t>(l / groups_of_block);
      if (block >= args.blocks) break;
      BlockParts& parts = args.out[block];
      const int at = l % groups_of_block;
      parts.scales[at] = static_cast<int16_t>(best_bits[l]);
      for (int j = 0; j < group_size; ++j)
        parts.quants[at * group_size + j] = static_cast<uint8_t>(Float4::quant_of(levels[j][l]));
    }
  }
}

void fit_groups(const GroupFormat& format, const FitArgs& args) {
  switch (format.type) {
    case DType::Q4_0:
      return fit_signed<Uniform<16>, 32, 1, 1, 1>(args, {9, 0.16f});
    case DType::Q5_0:
      return fit_signed<Uniform<32>, 32, 1, 1, 1>(args, {9, 0.08f});
    case DType::Q3_K:
      return fit_signed<Uniform<8>, 16, 16, -32, 31>(args, {25, 0.32f});
    case DType::Q6_K:
      return fit_signed<Uniform<64>, 16, 16, -128, 127>(args, {13, 0.04f});
    case DType::IQ4_NL:
      return fit_signed<Sixteen, 32, 1, 1, 1>(args, {25, 0.2f});
    case DType::IQ4_XS:
      return fit_signed<Sixteen, 32, 8, -32, 31>(args, {25, 0.2f});
    case DType::TQ1_0:
    case DType::TQ2_0:
      return fit_signed<Whole<-1, 1>, 256, 1, 1, 1>(args, {17, 2.0f, 3.0f});
    case DType::Q1_0:
      return fit_signed<Binary, 128, 1, 1, 1>(args, {2, 0.0f});
    case DType::Q2_0:
      return fit_signed<Whole<-1, 2>, 64, 1, 1, 1>(args, {17, 0.8f, 1.5f});
    case DType::MXFP4:
      return fit_floats<32, 1, half_scale_mxfp4, 254, 2, 1>(args);
    case DType::NVFP4:
      return fit_floats<16, 4, half_scale_nvfp4, 126, 9, 5>(args);
    case DType::Q2_K:
      return fit_offset<4, 16, 16, 15>(args, 12);
    case DType::Q4_K:
      return fit_offset<16, 32, 8, 63>(args, 14);
    case DType::Q5_K:
      return fit_offset<32, 32, 8, 63>(args, 14);
    case DType::Q4_1:
      return fit_offset<16, 32, 1, 1>(args, 14);
    case DType::Q5_1:
      return fit_offset<32, 32, 1, 1>(args, 14);
    default:
      return;
  }
}

}  // namespace
}  // namespace hearth
