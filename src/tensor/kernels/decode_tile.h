// Quantized weights times few columns on a wide instruction set: tiles of rows and columns, 256
// weights of a row at a time.
//
// A float operation for every integer dot would cost more than the dot itself. So the 256 weights
// are spread over kUnitVectors vectors in such a way that a lane (4 quants) of each belongs to the
// same 16 weights, which share their scale in every format: the integer dots of a lane add up over
// the vectors, and one multiply-add in float serves them all. The order that makes this cheap to
// unpack differs from format to format; the columns, of which there are few, are put into the same
// order.
//
// An instruction set I supplies
//   I::Floats, I::Ints            16 lanes; fma, mul, to_float, dot, sum, ...
//   I::arrange<F>(...)             puts 256 quants of a column in the order of a format
// and a format F of it supplies
//   F::kUnitBytes                 bytes of 256 weights in the file
//   F::kBlock, F::kBlockBytes     what a row is a multiple of
//   F::kOffset                    what is to be subtracted from each quant (0 with a minimum)
//   F::kHasMin                    whether value = scale * quant + min, or scale * (quant - offset)
//   F::dword(v, lane)             which 4 of the 256 weights stand in a lane of vector v
//   F::unpack(bytes)              the vectors, and the scale (and minimum) of each lane
//
// The offset is taken off in integers: the dot begins at -offset * (sum of the column's quants).
// Integer sums are exact; each lane's float sum runs over the units of the row in order; lanes are
// added at the end. So a result does not depend on the tile, on the columns beside it or on
// threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/kernels.h"
#include "tensor/kernels/prefetch.h"
#include "tensor/kernels/unrolled.h"

namespace hearth {
namespace {

constexpr size_t kUnit = 256;    // weights
constexpr int kUnitVectors = 4;  // of 64 quants
constexpr int kUnitLanes = 16;

// 256 quants of a column, in a format's order.
struct alignas(64) ColumnUnit {
  int8_t quants[kUnitVectors][64];
  float scales[kUnitLanes];
  // For formats with a minimum the scaled sum of each lane's quants; for others what its integer
  // dot begins at.
  union {
    float sums[kUnitLanes];
    int32_t starts[kUnitLanes];
  };
};

// Weights of one row, ready to multiply.
template <class I>
struct Unpacked {
  typename I::Ints quants[kUnitVectors];  // unsigned bytes
  typename I::Floats scale;
  typename I::Floats min;
};

// Units that are arranged at a time: they lie on the stack, and in the second-level cache.
constexpr size_t kArrangedUnits = 640;
constexpr size_t kMaxTileColumns = 8;

template <class I, class F, int kRows, int kColumns>
struct DecodeTile {
  typename I::Floats sums[kRows][kColumns];

  HEARTH_INLINE void clear() {
    unrolled<kRows>([&](auto r) { unrolled<kColumns>([&](auto c) { sums[r][c] = I::zero(); }); });
  }

  // rows: the unit of the first row; columns: that unit of the first column.
  HEARTH_INLINE void unit(const std::byte* rows, size_t row_bytes, const ColumnUnit* columns,
                          size_t column_units) {
    Unpacked<I> weights[kRows];
    unrolled<kRows>([&](auto r) { weights[r] = F::unpack(rows + r * row_bytes); });
    unrolled<kColumns>([&](auto c) {
      const ColumnUnit& x = columns[c * column_units];
      const auto scale = I::load(x.scales);
      unrolled<kRows>([&](auto r) {
        auto dot = F::kHasMin ? I::int_zero() : I::load(x.starts);
        unrolled<kUnitVectors>(
            [&](auto v) { dot = I::dot(dot, weights[r].quants[v], x.quants[v]); });
        sums[r][c] = I::fma(I::to_float(dot), I::mul(weights[r].scale, scale), sums[r][c]);
        if constexpr (F::kHasMin) {
          sums[r][c] = I::fma(weights[r].min, I::load(x.sums), sums[r][c]);
        }
      });
    });
  }

  // The rows of a tile are read side by side, in pieces too short for the hardware to see streams
  // in them. Asked for like this, in the order of memory and at the pace of the tile, a matrix
  // arrives as one stream.
  static HEARTH_INLINE void prefetch(const std::byte* rows, size_t row_bytes, size_t offset) {
    prefetch_stream<kRows * F::kUnitBytes>(rows, kRows * (row_bytes + offset));
  }
};

// Some columns of a call, in the order of the format, from unit `first` on.
template <class I, class F>
void arrange_columns(const Activations& x, size_t column, size_t columns, size_t first,
                     size_t units, ColumnUnit* out) {
  const size_t stride = Activations::padded(x.n);
  for (size_t c = 0; c < columns; ++c) {
    const int8_t* quants = x.quants + (column + c) * stride;
    const float* scales = x.scales + (column + c) * stride / 32;
    for (size_t u = 0; u < units; ++u) {
      const size_t at = (first + u) * kUnit;
      if (at + kUnit <= x.n) {
        I::template arrange<F>(quants + at, scales + at / 32, out[c * units + u]);
        continue;
      }
      // A row that ends inside a unit: zeros behind it.
      int8_t last[kUnit] = {};
      float last_scales[kUnit / 32] = {};
      std::memcpy(last, quants + at, x.n - at);
      std::memcpy(last_scales, scales + at / 32, (x.n - at) / 32 * sizeof(float));
      I::template arrange<F>(last, last_scales, out[c * units + u]);
    }
  }
}

// Columns of one call that are multiplied together.
struct ColumnGroup {
  size_t first = 0;
  size_t piece_units = 0;  // of a row, arranged at a time: all, but for giant rows
  ColumnUnit* units = nullptr;
};

// Rows that end inside a unit, or are too long to be arranged at once.
template <class I, class F, int kRows, int kColumns>
void add_piecewise(const DotArgs& args, const std::byte* rows, const ColumnGroup& group,
                   DecodeTile<I, F, kRows, kColumns>& tile) {
  const size_t whole = args.x.n / kUnit;
  const size_t units = (args.x.n + kUnit - 1) / kUnit;
  for (size_t first = 0; first < units; first += group.piece_units) {
    const size_t piece = group.piece_units < units - first ? group.piece_units : units - first;
    if (group.piece_units < units) {
      arrange_columns<I, F>(args.x, group.first, kColumns, first, piece, group.units);
    }
    const size_t inside = first + piece <= whole ? piece : whole - first;
    for (size_t u = 0; u < inside; ++u) {
      tile.unit(rows + (first + u) * F::kUnitBytes, args.row_bytes, group.units + u, piece);
    }
    if (inside < piece) {
      const std::byte* unit = rows + whole * F::kUnitBytes;
      const size_t rest = (args.x.n - whole * kUnit) / F::kBlock * F::kBlockBytes;
      std::byte padded[kRows][F::kUnitBytes] = {};
      for (size_t r = 0; r < kRows; ++r) std::memcpy(padded[r], unit + r * args.row_bytes, rest);
      tile.unit(padded[0], F::kUnitBytes, group.units + inside, piece);
    }
  }
}

template <class I, class F, int kRows, int kColumns>
HEARTH_INLINE size_t decode_rows(const DotArgs& args, size_t row, const ColumnGroup& group) {
  const size_t units = args.x.n / kUnit;
  const bool simple = args.x.n % kUnit == 0 && group.piece_units == units;
  for (; row + kRows <= args.n_rows; row += kRows) {
    const std::byte* rows = args.rows + row * args.row_bytes;
    DecodeTile<I, F, kRows, kColumns> tile;
    tile.clear();
    if (simple) {
      for (size_t u = 0; u < units; ++u) {
        tile.prefetch(rows, args.row_bytes, u * F::kUnitBytes);
        tile.unit(rows + u * F::kUnitBytes, args.row_bytes, group.units + u, units);
      }
    } else {
      add_piecewise(args, rows, group, tile);
    }
    unrolled<kRows>([&](auto r) {
      unrolled<kColumns>([&](auto c) {
        args.out[(group.first + c) * args.out_stride + row + r] = I::sum(tile.sums[r][c]);
      });
    });
  }
  return row;
}

// Rows side by side share the loads of columns, which pays from three on. Below that memory sets
// the pace, and it is fastest when one row is read after another.
template <class I, class F, int kColumns>
void decode_columns(const DotArgs& args, const ColumnGroup& group) {
  constexpr int kRows = kColumns <= 2 ? 1 : 2;
  const size_t row = decode_rows<I, F, kRows, kColumns>(args, 0, group);
  if (kRows > 1) decode_rows<I, F, 1, kColumns>(args, row, group);
}

// Not on the stack, which grows page by page and ends the program where memory is scarce.
thread_local ColumnUnit arranged_units[kArrangedUnits];

// All rows and columns of args.
template <class I, class F>
void dot_decode(const DotArgs& args) {
  using Group = void (*)(const DotArgs&, const ColumnGroup&);
  static constexpr Group kGroups[] = {decode_columns<I, F, 1>, decode_columns<I, F, 2>,
                                      decode_columns<I, F, 3>, decode_columns<I, F, 4>,
                                      decode_columns<I, F, 5>, decode_columns<I, F, 6>,
                                      decode_columns<I, F, 7>, decode_columns<I, F, 8>};
  ColumnUnit* const arranged = arranged_units;
  const size_t units = (args.x.n + kUnit - 1) / kUnit;
  size_t fitting = kArrangedUnits / units;
  if (fitting > kMaxTileColumns) fitting = kMaxTileColumns;
  if (fitting == 0) fitting = 1;
  for (size_t column = 0; column < args.x.columns;) {
    const size_t left = args.x.columns - column;
    const size_t columns = left < fitting ? left : fitting;
    const ColumnGroup group{column, units < kArrangedUnits ? units : kArrangedUnits, arranged};
    if (group.piece_units == units) {
      arrange_columns<I, F>(args.x, column, columns, 0, units, arranged);
    }
    kGroups[columns - 1](args, group);
    column += columns;
  }
}

}  // namespace
}  // namespace hearth
