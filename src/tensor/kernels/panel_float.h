// Prompts against weights in F32, F16 and BF16: the panels of panel_gemm.h, with lanes of one float
// or of two BF16 halves instead of four bytes, and nothing to scale.
//
// A multiplication M supplies
//   M::kPlaces                 values in a 32-bit lane: 1 or 2
//   M::read<type>(row)         a vector of lanes from stored weights
//   M::multiply(acc, x, w)     acc + the products of each lane
//   M::tile(args, i)           32-bit words of a packed tile, [n / kPlaces, up][8 columns]
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/kernels/pack_columns.h"
#include "tensor/kernels/panel_gemm.h"

namespace hearth {
namespace {

// kLanes rows of float weights into a panel [words][kRows], `words` places of kPlaces values.
template <class I, class M, Storage storage>
void unpack_float_rows(const DotArgs& args, size_t row, float* panel, size_t first_lane) {
  constexpr size_t kRows = Panel<I>::kRows;
  constexpr size_t kValues = I::kLanes * M::kPlaces;  // of one vector
  using Element = Stored<storage>;
  const Element* rows[I::kLanes];
  for (size_t r = 0; r < I::kLanes; ++r) {
    const size_t wanted = row + r < args.n_rows ? row + r : args.n_rows - 1;
    rows[r] = reinterpret_cast<const Element*>(args.rows + wanted * args.row_bytes);
  }
  for (size_t i = 0; i < args.x.n; i += kValues) {
    typename I::Floats words[I::kLanes];
    const size_t count = std::min(kValues, args.x.n - i);
    for (size_t r = 0; r < I::kLanes; ++r) {
      if (count == kValues) {
        words[r] = M::template read<storage>(rows[r] + i);
      } else {
        Element padded[kValues] = {};
        std::memcpy(padded, rows[r] + i, count * sizeof(Element));
        words[r] = M::template read<storage>(padded);
      }
    }
    I::transpose(words);
    float* to = panel + i / M::kPlaces * kRows + first_lane;
    unrolled<I::kLanes>([&](auto w) { I::store_floats(to + w * kRows, words[w]); });
  }
}

template <class I, class M>
void multiply_float_tile(const DotArgs& args, const float* panel, size_t row, size_t column) {
  constexpr size_t kRows = Panel<I>::kRows;
  constexpr int kVectors = I::kRowVectors;
  constexpr int kColumns = I::kTileColumns;
  const float* x = M::tile(args.x, column / kPackedColumns) + column % kPackedColumns;
  typename I::Floats sums[kVectors][kColumns];
  unrolled<kVectors>([&](auto v) { unrolled<kColumns>([&](auto c) { sums[v][c] = I::zero(); }); });
  const size_t words = (args.x.n + M::kPlaces - 1) / M::kPlaces;
  for (size_t k = 0; k < words; ++k) {
    typename I::Floats rows[kVectors];
    unrolled<kVectors>(
        [&](auto v) { rows[v] = I::load_floats(panel + k * kRows + v * I::kLanes); });
    unrolled<kColumns>([&](auto c) {
      const auto value = I::set(x[k * kPackedColumns + c]);
      unrolled<kVectors>([&](auto v) { sums[v][c] = M::multiply(sums[v][c], value, rows[v]); });
    });
  }
  alignas(64) float out[kRows];
  const size_t count = std::min(kRows, args.n_rows - row);
  unrolled<kColumns>([&](auto c) {
    if (column + c >= args.x.columns) return;
    unrolled<kVectors>([&](auto v) { I::store_floats(out + v * I::kLanes, sums[v][c]); });
    std::memcpy(args.out + (column + c) * args.out_stride + row, out, count * sizeof(float));
  });
}

template <class I, class M, Storage storage>
void gemm_float(const DotArgs& args, std::byte* scratch) {
  auto* panel = reinterpret_cast<float*>(scratch);
  for (size_t row = 0; row < args.n_rows; row += Panel<I>::kRows) {
    for (size_t v = 0; v < I::kRowVectors && row + v * I::kLanes < args.n_rows; ++v) {
      unpack_float_rows<I, M, storage>(args, row + v * I::kLanes, panel, v * I::kLanes);
    }
    for (size_t column = 0; column < args.x.columns; column += I::kTileColumns) {
      multiply_float_tile<I, M>(args, panel, row, column);
    }
  }
}

// One float in a lane: nothing is rounded but the sums.
template <class S, class I>
struct SingleFloats {
  static constexpr size_t kPlaces = 1;
  template <Storage storage>
  static HEARTH_INLINE typename I::Floats read(const Stored<storage>* from) {
    return load<S, storage>(from);
  }
  static HEARTH_INLINE typename I::Floats multiply(typename I::Floats acc, typename I::Floats x,
                                                   typename I::Floats w) {
    return I::fma(x, w, acc);
  }
  static const float* tile(const Activations& x, size_t i) {
    return x.packed_floats + i * Activations::float_words(x.n);
  }
};

// The gemm function of an instruction set; `codebook` is that of the types with tables.
template <class S, template <DType> class FormatOf, class I,
          void (*codebook)(DType, const DotArgs&, std::byte*)>
void gemm_any(DType type, const DotArgs& args, std::byte* scratch) {
  using M = SingleFloats<S, I>;
  if (type == DType::F32) return gemm_float<I, M, Storage::f32>(args, scratch);
  if (type == DType::F16) return gemm_float<I, M, Storage::f16>(args, scratch);
  if (type == DType::BF16) return gemm_float<I, M, Storage::bf16>(args, scratch);
  const auto gemm = [&](auto format) { gemm_quantized<I, decltype(format)>(args, scratch); };
  if (!with_format<FormatOf>(type, gemm)) codebook(type, args, scratch);
}

inline PackedForm quants_or_floats(DType type) {
  return traits(type).block_weights == 1 ? PackedForm::floats : PackedForm::quants;
}

template <class I>
size_t gemm_scratch(size_t n) {
  const size_t floats = Panel<I>::kRows * Activations::padded(n) * sizeof(float);
  return std::max(Panel<I>::bytes(n), floats);
}

template <class I>
void fill_packing(Kernels& kernels) {
  kernels.gemm_scratch = gemm_scratch<I>;
  kernels.packed_form = quants_or_floats;
  kernels.pack = pack_columns;
  kernels.pack_floats = pack_floats;
}

}  // namespace
}  // namespace hearth
