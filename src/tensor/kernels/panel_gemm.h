// Prompts: many columns of activations against panels of weights. The rows of a panel, of any
// quantized format, are unpacked once to signed bytes, interleaved so that one vector holds the
// same 4 places of a row in each lane, and then multiplied with every tile of columns. Compiled for
// each instruction set.
//
// An instruction set I supplies, beside what quant_tile.h asks for,
//   I::kLanes, kRowVectors, kTileColumns   rows in a vector, vectors in a panel, columns that a
//   tile's
//                                          sums keep in registers at once
//   I::transpose(vectors)                  kLanes vectors of kLanes 32-bit lanes
//   I::to_signed<offset>(quants)           what a format's step gives, without its offset
//   I::dot_packed<F>(acc, activations, weights)   activations unsigned, weights signed
// and a format F of it also F::kGroup, the weights that share a scale: 16 or 32.
//
// Activations are stored plus 128, because the dot instructions want one side unsigned. Each sum
// therefore begins at -128 * (sum of the group's weights), which is part of the panel. So the
// integer sum of a group is exact, and each result adds the groups' floats in their order: it
// depends on nothing but its row and its column.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/kernels/quant_tile.h"

namespace hearth {
namespace {

// Up to kRows rows of weights in the form that the dot instructions take.
template <class I>
struct Panel {
  static constexpr size_t kRows = I::kLanes * I::kRowVectors;
  int8_t* quants;   // [padded(n) / 4][kRows][4]
  float* scales;    // [groups][kRows]
  float* mins;      // [groups][kRows], for formats with a minimum
  int32_t* starts;  // [groups][kRows]

  static size_t bytes(size_t n) {
    const size_t padded = Activations::padded(n);
    return kRows * (padded + 3 * padded / 16 * sizeof(float));
  }
  Panel(std::byte* memory, size_t n) {
    const size_t padded = Activations::padded(n);
    quants = reinterpret_cast<int8_t*>(memory);
    scales = reinterpret_cast<float*>(memory + kRows * padded);
    mins = scales + kRows * padded / 16;
    starts = reinterpret_cast<int32_t*>(mins + kRows * padded / 16);
  }
};

// kLanes rows of one unit, side by side.
template <class I, class F>
struct UnpackedUnit {
  typename I::Ints quants[F::kSteps][I::kLanes];
  typename I::Floats scales[F::kSteps][I::kLanes];
  typename I::Floats mins[F::kSteps][I::kLanes];

  HEARTH_INLINE void read_row(size_t r, const std::byte* bytes) {
    typename F::Row row;
    row.begin(bytes);
    unrolled<F::kSteps>([&](auto s) {
      const auto step = row.template step<s>();
      quants[s][r] = I::template to_signed<F::kOffset>(step.quants);
      scales[s][r] = step.scale;
      if constexpr (F::kHasMin) mins[s][r] = step.min;
    });
  }

  // Into the panel: the rows from first_row on, the places of a row from `place` on.
  HEARTH_INLINE void write(const Panel<I>& panel, size_t first_row, size_t place) {
    constexpr size_t kRows = Panel<I>::kRows;
    constexpr int kGroupVectors = F::kGroup / 4;
    constexpr int kGroups = I::kLanes / kGroupVectors;  // of a step
    unrolled<F::kSteps>([&](auto s) {
      const size_t vector = (place + s * I::kStep) / 4;
      const size_t group = (place + s * I::kStep) / F::kGroup;
      I::transpose(quants[s]);
      I::transpose(scales[s]);
      if constexpr (F::kHasMin) I::transpose(mins[s]);
      unrolled<kGroups>([&](auto g) {
        auto sums = I::int_zero();
        unrolled<kGroupVectors>([&](auto v) {
          constexpr int lane = g * kGroupVectors + v;
          const auto weights = quants[s][lane];
          sums = I::template dot_packed<F>(sums, I::bytes(128), weights);
          I::store_ints(panel.quants + ((vector + lane) * kRows + first_row) * 4, weights);
        });
        const size_t at = (group + g) * kRows + first_row;
        I::store_ints(panel.starts + at, I::sub(I::int_zero(), sums));
        I::store_floats(panel.scales + at, scales[s][g * kGroupVectors]);
        if constexpr (F::kHasMin) I::store_floats(panel.mins + at, mins[s][g * kGroupVectors]);
      });
    });
  }
};

// Rows of one vector of lanes. Where the matrix has no more of them the last is taken again.
template <class I, class F>
void unpack_rows(const DotArgs& args, size_t row, const Panel<I>& panel, size_t first_lane) {
  const std::byte* rows[I::kLanes];
  for (size_t r = 0; r < I::kLanes; ++r) {
    const size_t wanted = row + r < args.n_rows ? row + r : args.n_rows - 1;
    rows[r] = args.rows + wanted * args.row_bytes;
  }
  const size_t units = args.x.n / F::kUnit;
  UnpackedUnit<I, F> unit;
  for (size_t u = 0; u < units; ++u) {
    for (size_t r = 0; r < I::kLanes; ++r) unit.read_row(r, rows[r] + u * F::kUnitBytes);
    unit.write(panel, first_lane, u * F::kUnit);
  }
  const size_t rest = args.x.n % F::kUnit * F::kUnitBytes / F::kUnit;
  if (rest == 0) return;
  for (size_t r = 0; r < I::kLanes; ++r) {
    std::byte padded[F::kUnitBytes] = {};
    std::memcpy(padded, rows[r] + units * F::kUnitBytes, rest);
    unit.read_row(r, padded);
  }
  unit.write(panel, first_lane, units * F::kUnit);
}

// The sums of a panel's rows and kColumns columns of a packed tile, from its column `first` on.
template <class I, class F, int kColumns>
struct PanelTile {
  static constexpr size_t kRows = Panel<I>::kRows;
  static constexpr int kVectors = I::kRowVectors;
  alignas(64) float sums[kColumns][kRows] = {};

  using Ints = typename I::Ints;
  using Floats = typename I::Floats;

  // The integer dots of one group of weights.
  static HEARTH_INLINE void dot_group(const Panel<I>& panel, const uint8_t* columns, size_t group,
                                      Ints (&dots)[kVectors][kColumns]) {
    unrolled<kVectors>([&](auto v) {
      const auto start = I::load_ints(panel.starts + group * kRows + v * I::kLanes);
      unrolled<kColumns>([&](auto c) { dots[v][c] = start; });
    });
    const int8_t* weights = panel.quants + group * F::kGroup * kRows;
    columns += group * F::kGroup * kPackedColumns;
    unrolled<F::kGroup / 4>([&](auto k) {
      Ints rows[kVectors];
      unrolled<kVectors>(
          [&](auto v) { rows[v] = I::load_ints(weights + (k * kRows + v * I::kLanes) * 4); });
      unrolled<kColumns>([&](auto c) {
        const auto quants = I::broadcast(columns + (k * kPackedColumns + c) * 4);
        unrolled<kVectors>(
            [&](auto v) { dots[v][c] = I::template dot_packed<F>(dots[v][c], quants, rows[v]); });
      });
    });
  }

  static HEARTH_INLINE Floats row_floats(const float* table, size_t group, size_t vector) {
    return I::load_floats(table + group * kRows + vector * I::kLanes);
  }

  // One block of 32 activations, from column `first` of the tile on.
  HEARTH_INLINE void add_block(const Panel<I>& panel, const PackedTile& x, size_t first,
                               size_t block) {
    constexpr int kGroups = 32 / F::kGroup;
    const uint8_t* columns = x.quants + first * 4;
    const float* scales = x.scales + block * kPackedColumns + first;
    const float* column_sums = (kGroups == 2 ? x.sums_of_16 : x.sums_of_32) + first;
    Ints dots[kVectors][kColumns];
    Floats halves[kVectors][kColumns];  // the first group of two, scaled
    if constexpr (kGroups == 2) {
      dot_group(panel, columns, 2 * block, dots);
      unrolled<kVectors>([&](auto v) {
        const auto scale = row_floats(panel.scales, 2 * block, v);
        unrolled<kColumns>([&](auto c) { halves[v][c] = I::mul(I::to_float(dots[v][c]), scale); });
      });
    }
    const size_t last = block * kGroups + kGroups - 1;
    dot_group(panel, columns, last, dots);
    unrolled<kVectors>([&](auto v) {
      const auto scale = row_floats(panel.scales, last, v);
      unrolled<kColumns>([&](auto c) {
        float* sum = sums[c] + v * I::kLanes;
        const auto column = I::set(scales[c]);
        auto total = I::load_floats(sum);
        if constexpr (kGroups == 2) {
          total = I::fma(I::fma(I::to_float(dots[v][c]), scale, halves[v][c]), column, total);
        } else {
          total = I::fma(I::to_float(dots[v][c]), I::mul(scale, column), total);
        }
        if constexpr (F::kHasMin) {
          unrolled<kGroups>([&](auto g) {
            const size_t group = block * kGroups + g;
            total = I::fma(row_floats(panel.mins, group, v),
                           I::set(column_sums[group * kPackedColumns + c]), total);
          });
        }
        I::store_floats(sum, total);
      });
    });
  }
};

// Asks for the upcoming weights while there is arithmetic to hide that behind: few lines at each of
// many steps, because a burst of them would wait for memory itself.
class Upcoming {
 public:
  Upcoming(const DotArgs& args, size_t steps)
      : next_(reinterpret_cast<uintptr_t>(args.upcoming)),
        lines_(args.upcoming != nullptr ? args.n_rows * args.row_bytes / kLine : 0),
        steps_(steps) {}

  HEARTH_INLINE void step() {
    for (due_ += lines_; due_ >= steps_; due_ -= steps_) {
      __builtin_prefetch(reinterpret_cast<const void*>(next_), 0, 2);
      next_ += kLine;
    }
  }

 private:
  static constexpr size_t kLine = 64;
  uintptr_t next_;  // a number: it moves beyond what a pointer may be formed to
  size_t lines_;    // in all
  size_t steps_;    // in all
  size_t due_ = 0;  // lines times steps
};

// Blocks of 32 weights in the whole units of a row.
template <class F>
constexpr size_t blocks_of(size_t n) {
  return (n + F::kUnit - 1) / F::kUnit * (F::kUnit / 32);
}

template <class I, class F, int kColumns>
void multiply_tile(const DotArgs& args, const Panel<I>& panel, size_t row, size_t column,
                   Upcoming& upcoming) {
  const PackedTile x = args.x.tile(column / kPackedColumns);
  PanelTile<I, F, kColumns> tile;
  const size_t blocks = blocks_of<F>(args.x.n);
  for (size_t b = 0; b < blocks; ++b) {
    upcoming.step();
    tile.add_block(panel, x, column % kPackedColumns, b);
  }
  const size_t rows = std::min(tile.kRows, args.n_rows - row);
  const size_t columns = std::min<size_t>(kColumns, args.x.columns - column);
  for (size_t c = 0; c < columns; ++c) {
    std::memcpy(args.out + (column + c) * args.out_stride + row, tile.sums[c],
                rows * sizeof(float));
  }
}

template <class I, class F>
void gemm_quantized(const DotArgs& args, std::byte* scratch) {
  constexpr int kColumns = F::kGroup == 16 ? I::kTileColumns / 2 : I::kTileColumns;
  const Panel<I> panel(scratch, args.x.n);
  const size_t panels = (args.n_rows + panel.kRows - 1) / panel.kRows;
  const size_t tiles = (args.x.columns + kColumns - 1) / kColumns;
  Upcoming upcoming(args, panels * tiles * blocks_of<F>(args.x.n));
  for (size_t row = 0; row < args.n_rows; row += panel.kRows) {
    for (size_t v = 0; v < I::kRowVectors && row + v * I::kLanes < args.n_rows; ++v) {
      unpack_rows<I, F>(args, row + v * I::kLanes, panel, v * I::kLanes);
    }
    for (size_t column = 0; column < args.x.columns; column += kColumns) {
      multiply_tile<I, F, kColumns>(args, panel, row, column, upcoming);
    }
  }
}

}  // namespace
}  // namespace hearth
