// The loop that every quantized format shares, compiled for each instruction set: a tile of kRows
// weight rows times kColumns activation columns, one vector of quants at a time.
//
// An instruction set I supplies
//   I::kStep                    quants in one vector (32 or 64)
//   I::Column::load(quants, scales)   one step of an activation column: its quants and, for each
//   32-bit
//                               lane (4 quants), the scale of its block
//   I::dot(acc, weights, column)      acc + the products, added up by fours: one int32 lane for 4
//   quants
// and a format F of it supplies
//   F::kUnit                    weights that are decoded together; F::kSteps vectors
//   F::kUnitBytes               bytes of a unit in the file
//   F::kOffset                  what is to be subtracted from each quant (0 with a minimum)
//   F::kHasMin                  whether value = scale * quant + min rather than scale * (quant -
//   offset) F::Row                      begin(bytes) reads the scales of a unit; step<s>() gives
//   its s-th vector
//
// The offset is taken off in integers: the dot begins at -offset * (sum of the column's quants),
// which is the same for all rows. Integer sums are exact; each lane's float sum runs over the steps
// in order; lanes are added at the end. So a result does not depend on kRows, kColumns or threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/kernels/unrolled.h"
#include "tensor/kernels/vector_ops.h"

namespace hearth {
namespace {

// Weights and columns of one tile, and its float sums.
template <class I, class F, int kRows, int kColumns>
struct Tile {
  typename I::Floats sums[kRows][kColumns];

  HEARTH_INLINE void clear() {
    unrolled<kRows>([&](auto r) { unrolled<kColumns>([&](auto c) { sums[r][c] = I::zero(); }); });
  }

  // The same unit of the next tile's row. Rows of a tile are read side by side, in pieces too
  // short for the hardware to see streams in them; asked for like this, a matrix arrives at the
  // speed of memory. An address behind the matrix does no harm.
  static HEARTH_INLINE void prefetch_below(const std::byte* row, size_t distance) {
    // As a number: it may lie behind the matrix, where no pointer may be formed.
    const uintptr_t unit = reinterpret_cast<uintptr_t>(row) + distance;
    for (size_t line = 0; line < F::kUnitBytes; line += 64) {
      __builtin_prefetch(reinterpret_cast<const void*>(unit + line));
    }
  }

  // One unit: rows[r] points at its bytes; quants and scales at the columns' part of it.
  HEARTH_INLINE void unit(const std::byte* first_row, size_t row_bytes, const int8_t* quants,
                          const float* scales, size_t column_stride) {
    typename F::Row rows[kRows];
    unrolled<kRows>([&](auto r) {
      if constexpr (kColumns == 1) prefetch_below(first_row, (kRows + r) * row_bytes);
      rows[r].begin(first_row + r * row_bytes);
    });
    unrolled<F::kSteps>([&](auto s) {
      typename I::Column columns[kColumns];
      typename I::Ints starts[kColumns];
      typename I::Floats sums_of_column[kColumns];
      unrolled<kColumns>([&](auto c) {
        const size_t at = c * column_stride + s * I::kStep;
        columns[c].load(quants + at, scales + at / 32);
        if constexpr (F::kHasMin) {
          starts[c] = I::int_zero();
          sums_of_column[c] = I::mul(I::to_float(I::dot_ones(columns[c])), columns[c].scale);
        } else {
          starts[c] = I::template minus_offset<F::kOffset>(columns[c]);
        }
      });
      unrolled<kRows>([&](auto r) {
        const auto weights = rows[r].template step<s>();
        unrolled<kColumns>([&](auto c) {
          const auto dot = I::to_float(I::dot(starts[c], weights.quants, columns[c]));
          sums[r][c] = I::fma(dot, I::mul(weights.scale, columns[c].scale), sums[r][c]);
          if constexpr (F::kHasMin) sums[r][c] = I::fma(weights.min, sums_of_column[c], sums[r][c]);
        });
      });
    });
  }
};

template <class I, class F, int kRows, int kColumns>
void dot_tile(const DotArgs& args, size_t row, size_t column) {
  const size_t n = args.x.n;
  const size_t stride = Activations::padded(n);
  const std::byte* weights = args.rows + row * args.row_bytes;
  const int8_t* quants = args.x.quants + column * stride;
  const float* scales = args.x.scales + column * stride / 32;
  Tile<I, F, kRows, kColumns> tile;
  tile.clear();
  const size_t units = n / F::kUnit;
  for (size_t u = 0; u < units; ++u) {
    tile.unit(weights + u * F::kUnitBytes, args.row_bytes, quants + u * F::kUnit,
              scales + u * F::kUnit / 32, stride);
  }
  if (n % F::kUnit != 0) {
    // A row that ends inside a unit (an odd number of 32-blocks in pairs): zero bytes behind it.
    const size_t rest = n % F::kUnit * F::kUnitBytes / F::kUnit;
    std::byte padded[kRows][F::kUnitBytes] = {};
    for (size_t r = 0; r < kRows; ++r) {
      std::memcpy(padded[r], weights + r * args.row_bytes + units * F::kUnitBytes, rest);
    }
    tile.unit(padded[0], F::kUnitBytes, quants + units * F::kUnit, scales + units * F::kUnit / 32,
              stride);
  }
  unrolled<kRows>([&](auto r) {
    unrolled<kColumns>([&](auto c) {
      args.out[(column + c) * args.out_stride + row + r] = I::sum(tile.sums[r][c]);
    });
  });
}

// A pair of rows times all columns, while the rows are in the first-level cache.
template <class I, class F, int kRows>
void dot_row_group(const DotArgs& args, size_t row) {
  using DotTile = void (*)(const DotArgs&, size_t row, size_t column);
  static constexpr DotTile kTiles[] = {dot_tile<I, F, kRows, 1>, dot_tile<I, F, kRows, 2>,
                                       dot_tile<I, F, kRows, 3>, dot_tile<I, F, kRows, 4>};
  for (size_t column = 0; column < args.x.columns;) {
    const size_t left = args.x.columns - column;
    const size_t columns = left < 4 ? left : 4;
    kTiles[columns - 1](args, row, column);
    column += columns;
  }
}

// All rows and columns of args, in tiles that 16 registers hold.
template <class I, class F>
void dot_quantized(const DotArgs& args) {
  size_t row = 0;
  if (args.x.columns == 1) {
    for (; row + 4 <= args.n_rows; row += 4) dot_tile<I, F, 4, 1>(args, row, 0);
  }
  for (; row + 2 <= args.n_rows; row += 2) dot_row_group<I, F, 2>(args, row);
  for (; row < args.n_rows; ++row) dot_row_group<I, F, 1>(args, row);
}

// body(FormatOf<type>{}) for a type whose quants are whole numbers in a row; false for others.
template <template <DType> class FormatOf, class Body>
bool with_format(DType type, Body body) {
  switch (type) {
    case DType::Q4_0:
      body(FormatOf<DType::Q4_0>{});
      return true;
    case DType::Q4_1:
      body(FormatOf<DType::Q4_1>{});
      return true;
    case DType::Q5_0:
      body(FormatOf<DType::Q5_0>{});
      return true;
    case DType::Q5_1:
      body(FormatOf<DType::Q5_1>{});
      return true;
    case DType::Q8_0:
      body(FormatOf<DType::Q8_0>{});
      return true;
    case DType::Q2_K:
      body(FormatOf<DType::Q2_K>{});
      return true;
    case DType::Q3_K:
      body(FormatOf<DType::Q3_K>{});
      return true;
    case DType::Q4_K:
      body(FormatOf<DType::Q4_K>{});
      return true;
    case DType::Q5_K:
      body(FormatOf<DType::Q5_K>{});
      return true;
    case DType::Q6_K:
      body(FormatOf<DType::Q6_K>{});
      return true;
    default:
      return false;
  }
}

// The same for a type whose quants are looked up or taken apart (tensor/codebooks.h). They are
// compiled in files of their own, because together they take a compiler long.
template <template <DType> class FormatOf, class Body>
bool with_codebook_format(DType type, Body body) {
  switch (type) {
    case DType::IQ1_S:
      body(FormatOf<DType::IQ1_S>{});
      return true;
    case DType::IQ1_M:
      body(FormatOf<DType::IQ1_M>{});
      return true;
    case DType::IQ2_XXS:
      body(FormatOf<DType::IQ2_XXS>{});
      return true;
    case DType::IQ2_XS:
      body(FormatOf<DType::IQ2_XS>{});
      return true;
    case DType::IQ2_S:
      body(FormatOf<DType::IQ2_S>{});
      return true;
    case DType::IQ3_XXS:
      body(FormatOf<DType::IQ3_XXS>{});
      return true;
    case DType::IQ3_S:
      body(FormatOf<DType::IQ3_S>{});
      return true;
    case DType::IQ4_NL:
      body(FormatOf<DType::IQ4_NL>{});
      return true;
    case DType::IQ4_XS:
      body(FormatOf<DType::IQ4_XS>{});
      return true;
    case DType::TQ1_0:
      body(FormatOf<DType::TQ1_0>{});
      return true;
    case DType::TQ2_0:
      body(FormatOf<DType::TQ2_0>{});
      return true;
    case DType::Q1_0:
      body(FormatOf<DType::Q1_0>{});
      return true;
    case DType::Q2_0:
      body(FormatOf<DType::Q2_0>{});
      return true;
    case DType::MXFP4:
      body(FormatOf<DType::MXFP4>{});
      return true;
    case DType::NVFP4:
      body(FormatOf<DType::NVFP4>{});
      return true;
    default:
      return false;  // not computable: callers have checked
  }
}

// The dot function of an instruction set; `codebook` is that of the types with tables.
template <class S, template <DType> class FormatOf, class I,
          void (*codebook)(DType, const DotArgs&)>
void dot_any(DType type, const DotArgs& args) {
  if (type == DType::F32) return dot_float_rows<S, Storage::f32>(args);
  if (type == DType::F16) return dot_float_rows<S, Storage::f16>(args);
  if (type == DType::BF16) return dot_float_rows<S, Storage::bf16>(args);
  const auto dot = [&](auto format) { dot_quantized<I, decltype(format)>(args); };
  if (!with_format<FormatOf>(type, dot)) codebook(type, args);
}

}  // namespace
}  // namespace hearth
