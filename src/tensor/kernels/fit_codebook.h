// Fits blocks of the codebook formats (tensor/codebook_parts.h).
//
// For a given scale the best points are found exactly (split_points.h), so the search is one over
// scales alone: those of the groups when they may be any number, then a block's scale of which they
// are odd multiples, the multiples next to the best ones, and the block's scale solved once more.
#pragma once

#include "tensor/codebook_parts.h"
#include "tensor/fit.h"
#include "tensor/kernels/fit_blocks.h"
#include "tensor/kernels/fit_moved_points.h"
#include "tensor/kernels/fit_multiples.h"
#include "tensor/kernels/fit_signed_points.h"

namespace hearth {
namespace {

template <class Format, class Problem>
void fit_blocks_of(const CodebookArgs& args) {
  constexpr int kGroups = 256 / Format::kGroup;
  using Lanes = BlockLanes<Format::kGroup, kGroups>;
  for (size_t first = 0; first < args.blocks; first += Lanes::kBlocks) {
    Problem problem(Lanes::load(args, first));
    const MultiplesFit fit =
        MultiplesSearch<Problem, kGroups, Format::kMost>(problem, Format::kUnit).run();
    const auto chosen = problem.choose_at(fit.d * Format::kUnit * fit.multiple);
    for (int l = 0; l < kLanes; ++l) {
      const size_t block = first + static_cast<size_t>(l / kGroups);
      if (block >= args.blocks) break;
      CodebookParts& parts = args.out[block];
      const int g = l % kGroups;
      parts.d = f32_to_f16(fit.d[l]);
      parts.scales[g] = static_cast<uint8_t>(static_cast<int>(fit.multiple[l]) / 2);
      constexpr int kPoints = Format::kGroup / Problem::kPoint;
      for (int p = 0; p < kPoints; ++p)
        parts.points[g * kPoints + p] = static_cast<uint16_t>(chosen.points[p][l]);
      for (int r = 0; r < Problem::kRuns; ++r)
        parts.signs[g * Problem::kRuns + r] = static_cast<uint8_t>(chosen.signs[r][l]);
    }
  }
}

void fit_codebook(DType type, const CodebookArgs& args) {
  switch (type) {
    case DType::IQ2_XXS:
      return fit_blocks_of<FormatIQ2_XXS, PointGroups<FormatIQ2_XXS>>(args);
    case DType::IQ2_XS:
      return fit_blocks_of<FormatIQ2_XS, PointGroups<FormatIQ2_XS>>(args);
    case DType::IQ2_S:
      return fit_blocks_of<FormatIQ2_S, PointGroups<FormatIQ2_S>>(args);
    case DType::IQ3_XXS:
      return fit_blocks_of<FormatIQ3_XXS, PointGroups<FormatIQ3_XXS>>(args);
    case DType::IQ3_S:
      return fit_blocks_of<FormatIQ3_S, PointGroups<FormatIQ3_S>>(args);
    case DType::IQ1_S:
      return fit_blocks_of<FormatIQ1_S, MovedGroups<FormatIQ1_S>>(args);
    case DType::IQ1_M:
      return fit_blocks_of<FormatIQ1_M, MovedGroups<FormatIQ1_M>>(args);
    default:
      return;
  }
}

}  // namespace
}  // namespace hearth
