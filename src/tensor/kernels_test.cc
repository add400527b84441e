// Every instruction-set level raced against the reference: random and extreme blocks, all shapes of
// tiles.
//
// Error bound of a quantized dot. Integer sums are exact. A lane adds `m` float terms with fused
// multiply-adds (one for each step and one more with a minimum), each term having been rounded once
// more (scale times scale, or scale times sum); the lanes are then added in at most 5 levels. By
// the standard analysis (Higham, Accuracy and Stability, 3.1) the result differs from the exact sum
// by at most gamma(m + 7) * S, where gamma(k) = k u / (1 - k u), u = 2^-24 and S is the sum of the
// terms' magnitudes. With w0 the value of a weight whose quant is 0 (the minimum, or -offset *
// scale), a term's parts are at most |w| + 2 |w0|, so S <= sum (|w| + 2 |w0|) |x|. The types with
// tables have no minimum, and what they are offset by is taken off in integers: w0 is 0. The
// reference rounds once: + u |result|.
//
// Only the scales of MXFP4 reach down to where floats lose precision: a product of two scales may
// then be off by half of the smallest float, 2^-150, and is multiplied by an integer of at most
// 12 * 127 for each weight; each float sum may lose another 2^-150. So n * 2^-138 more.
#include "tensor/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <tuple>
#include <vector>

#include "base/buffer.h"
#include "base/rng.h"
#include "bench/random_blocks.h"
#include "tensor/reference.h"

namespace hearth {
namespace {

constexpr double kUnit = 0x1p-24;

struct Span {
  size_t offset, length;
};

// Which bytes of a block hold quants (the others hold scales).
Span quant_bytes(DType type) {
  switch (type) {
    case DType::Q4_0:
      return {2, 16};
    case DType::Q4_1:
      return {4, 16};
    case DType::Q5_0:
      return {2, 20};
    case DType::Q5_1:
      return {4, 20};
    case DType::Q8_0:
      return {2, 32};
    case DType::Q2_K:
      return {16, 64};
    case DType::Q3_K:
      return {0, 96};
    case DType::Q4_K:
      return {16, 128};
    case DType::Q5_K:
      return {16, 160};
    case DType::Q6_K:
      return {0, 192};
    case DType::IQ1_M:
      return {0, 48};
    case DType::TQ1_0:
      return {0, 52};
    case DType::TQ2_0:
      return {0, 64};
    case DType::MXFP4:
      return {1, 16};
    case DType::NVFP4:
      return {4, 32};
    default:
      // Behind one scale, small ones among the points.
      return {2, traits(type).block_bytes - 2};
  }
}

// Where the scales in f16 stand; nothing for IQ1_M, whose scale is spread, and for scales of a
// byte.
std::vector<size_t> half_scales(DType type) {
  switch (type) {
    case DType::Q4_1:
    case DType::Q5_1:
    case DType::Q4_K:
    case DType::Q5_K:
      return {0, 2};
    case DType::Q2_K:
      return {80, 82};
    case DType::Q3_K:
      return {108};
    case DType::Q6_K:
      return {208};
    case DType::TQ1_0:
      return {52};
    case DType::TQ2_0:
      return {64};
    case DType::IQ1_M:
    case DType::MXFP4:
    case DType::NVFP4:
      return {};
    default:
      return {0};
  }
}

// A block of random bytes, of which every scale is a number of moderate size.
void fill_any_block(DType type, Rng& rng, std::byte* block) {
  const DTypeTraits& format = traits(type);
  for (size_t i = 0; i < format.block_bytes; ++i) block[i] = static_cast<std::byte>(rng.next());
  for (const size_t at : half_scales(type)) {
    block[at + 1] = (block[at + 1] & std::byte{0x83}) | std::byte{0x20};
  }
  if (type == DType::IQ1_M) block[55] = (block[55] & std::byte{0x8F}) | std::byte{0x20};
  if (type == DType::MXFP4) block[0] = (block[0] & std::byte{0x07}) | std::byte{0x70};
  for (size_t i = 0; type == DType::NVFP4 && i < 4; ++i) {
    block[i] = rng.next() % 8 == 0 ? std::byte{0x7F} : block[i] & std::byte{0xBF};
  }
}

enum class Fill {
  random,
  any_bytes,
  zeros,
  largest_quants,
  smallest_quants,
  subnormal_scale,
  largest_scale
};
constexpr Fill kFills[] = {Fill::random,         Fill::any_bytes,       Fill::zeros,
                           Fill::largest_quants, Fill::smallest_quants, Fill::subnormal_scale,
                           Fill::largest_scale};

void fill_row(DType type, size_t n, Fill fill, Rng& rng, std::byte* row) {
  bench::fill_random_row(type, n, 1.0, rng, row);
  const DTypeTraits& format = traits(type);
  if (format.block_weights == 1) return;
  const Span quants = quant_bytes(type);
  for (size_t b = 0; b < n / format.block_weights; ++b) {
    std::byte* block = row + b * format.block_bytes;
    const auto set_scales = [&](std::byte low, std::byte high) {
      for (size_t i = 0; i < format.block_bytes; ++i) {
        const bool scale = i < quants.offset || i >= quants.offset + quants.length;
        if (scale) block[i] = (i - (i < quants.offset ? 0 : quants.offset)) % 2 == 0 ? low : high;
      }
    };
    if (fill == Fill::any_bytes) fill_any_block(type, rng, block);
    if (fill == Fill::zeros) std::memset(block, 0, format.block_bytes);
    if (fill == Fill::largest_quants) std::memset(block + quants.offset, 0xFF, quants.length);
    if (fill == Fill::smallest_quants) std::memset(block + quants.offset, 0, quants.length);
    if (fill == Fill::smallest_quants && type == DType::Q8_0) std::memset(block + 2, 0x80, 32);
    if (fill == Fill::subnormal_scale) set_scales(std::byte{1}, std::byte{0});
    if (fill == Fill::largest_scale) set_scales(std::byte{0xFF}, std::byte{0x7B});
    // Sums of larger ones are no numbers.
    if (fill == Fill::largest_scale && type == DType::MXFP4) block[0] = std::byte{0xE8};
  }
}

// Rows, columns and what the reference makes of them.
struct Problem {
  DType type;
  size_t n, rows, columns;
  size_t row_size = *row_bytes(type, n);
  std::vector<std::byte> weights = std::vector<std::byte>(rows * row_size);
  std::vector<float> x = std::vector<float>(columns * n);
  std::vector<int8_t> quants = std::vector<int8_t>(columns * Activations::padded(n));
  std::vector<float> scales = std::vector<float>(columns * Activations::padded(n) / 32);
  size_t tiles = (columns + kPackedColumns - 1) / kPackedColumns;
  size_t packed_size = tiles * kPackedColumns * Activations::padded(n);
  Buffer<uint8_t> packed_quants{packed_size};
  Buffer<float> packed_scales{packed_size / 32};
  Buffer<float> sums_of_32{packed_size / 32};
  Buffer<float> sums_of_16{packed_size / 16};
  Buffer<float> packed_floats{tiles * Activations::float_words(n)};
  Buffer<float> packed_halves{tiles * Activations::half_words(n)};

  Problem(DType t, size_t width, size_t n_rows, size_t n_columns, Fill fill, uint64_t seed)
      : type(t), n(width), rows(n_rows), columns(n_columns) {
    Rng rng(seed);
    for (size_t r = 0; r < rows; ++r) fill_row(type, n, fill, rng, weights.data() + r * row_size);
    for (float& value : x) value = static_cast<float>((rng.uniform() - 0.5) * 4);
    for (size_t c = 0; c < columns; ++c) {
      const size_t padded = Activations::padded(n);
      reference::quantize(x.data() + c * n, n, quants.data() + c * padded,
                          scales.data() + c * padded / 32);
    }
    if (seed % 2 == 1) std::memset(quants.data(), 0x81, n);  // -127 everywhere: the largest sums
  }

  [[nodiscard]] DotArgs args(std::vector<float>& out) const {
    DotArgs a;
    a.rows = weights.data();
    a.row_bytes = row_size;
    a.n_rows = rows;
    a.x = {n,
           columns,
           x.data(),
           quants.data(),
           scales.data(),
           packed(),
           packed_floats.data(),
           packed_halves.data()};
    a.out = out.data();
    a.out_stride = rows;
    return a;
  }

  [[nodiscard]] PackedTile packed() const {
    return {const_cast<uint8_t*>(packed_quants.data()), const_cast<float*>(packed_scales.data()),
            const_cast<float*>(sums_of_32.data()), const_cast<float*>(sums_of_16.data())};
  }

  void pack(const Kernels& kernels) {
    const size_t padded = Activations::padded(n);
    for (size_t t = 0; t < tiles; ++t) {
      const size_t first = t * kPackedColumns;
      const size_t count = std::min(kPackedColumns, columns - first);
      kernels.pack(quants.data() + first * padded, scales.data() + first * padded / 32, padded,
                   padded / 32, count, Activations{n, columns, {}, {}, {}, packed()}.tile(t));
      const float* values = x.data() + first * n;
      if (kernels.pack_floats != nullptr) {
        kernels.pack_floats(values, n, count,
                            packed_floats.data() + t * Activations::float_words(n));
      }
      if (kernels.pack_halves != nullptr) {
        kernels.pack_halves(values, n, count,
                            packed_halves.data() + t * Activations::half_words(n));
      }
    }
  }

  [[nodiscard]] bool quantized() const { return traits(type).block_weights != 1; }

  // Whether the quants are looked up or taken apart.
  [[nodiscard]] bool has_tables() const {
    return type == DType::TQ1_0 || type == DType::TQ2_0 || type == DType::Q1_0 ||
           type == DType::Q2_0 || type == DType::MXFP4 || type == DType::NVFP4 ||
           name_of(type).substr(0, 2) == "IQ";
  }

  // What may be lost where floats are subnormal.
  [[nodiscard]] double underflow() const {
    return type == DType::MXFP4 ? static_cast<double>(n) * 0x1p-138 : 0.0;
  }

  // S of the file comment for one row and column.
  [[nodiscard]] double magnitude(size_t row, size_t column) const {
    std::vector<std::byte> zero(
        weights.begin() + static_cast<std::ptrdiff_t>(row * row_size),
        weights.begin() + static_cast<std::ptrdiff_t>((row + 1) * row_size));
    std::vector<float> w(n), w0(n);
    reference::dequantize(type, zero.data(), n, w.data());
    const DTypeTraits& format = traits(type);
    if (quantized() && !has_tables()) {
      for (size_t b = 0; b < n / format.block_weights; ++b) {
        std::memset(zero.data() + b * format.block_bytes + quant_bytes(type).offset, 0,
                    quant_bytes(type).length);
      }
      reference::dequantize(type, zero.data(), n, w0.data());
    }
    const size_t padded = Activations::padded(n);
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
      const double value = quantized() ? static_cast<double>(scales[(column * padded + i) / 32]) *
                                             quants[column * padded + i]
                                       : static_cast<double>(x[column * n + i]);
      const double part = std::fabs(static_cast<double>(w[i])) +
                          (quantized() ? 2 * std::fabs(static_cast<double>(w0[i])) : 0);
      sum += part * std::fabs(value);
    }
    return sum;
  }
};

class KernelsTest : public testing::TestWithParam<std::tuple<IsaLevel, DType>> {
 protected:
  const Kernels& kernels() const { return kernels_for(std::get<0>(GetParam())); }
  DType type() const { return std::get<1>(GetParam()); }
};

TEST_P(KernelsTest, DotStaysWithinItsBound) {
  const size_t block = traits(type()).block_weights;
  const size_t step = block == 1 ? 1 : block;
  uint64_t seed = 100;
  for (const Fill fill : kFills) {
    for (const size_t n : {step, 2 * step, 3 * step, 7 * step, 17 * step}) {
      const Problem problem(type(), n, 6, 5, fill, ++seed);
      std::vector<float> got(30), want(30);
      kernels().dot(type(), problem.args(got));
      reference::dot(type(), problem.args(want));
      for (size_t i = 0; i < got.size(); ++i) {
        const double terms =
            static_cast<double>(n) / 16 + 7;  // at least m + 7, for 8 lanes of 4 quants
        const double gamma = terms * kUnit / (1 - terms * kUnit);
        const double bound = gamma * problem.magnitude(i % 6, i / 6) +
                             kUnit * std::fabs(static_cast<double>(want[i])) + problem.underflow();
        ASSERT_LE(std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i])), bound)
            << name_of(type()) << " fill " << static_cast<int>(fill) << " n " << n << " result "
            << i;
      }
    }
  }
}

// The prompt path adds a float for each group of 16 or 32 weights, and one more with a minimum: no
// more terms than n / 8. Float weights add n of them, one after another. Pairs of BF16 round both
// sides to 8 bits first: each product is off by at most 2 * 2^-8 + 2^-16 of itself, and what
// becomes subnormal is 0.
TEST_P(KernelsTest, GemmStaysWithinItsBound) {
  const size_t step = traits(type()).block_weights;
  uint64_t seed = 300;
  for (const Fill fill : kFills) {
    for (const size_t n : {step, 3 * step, 17 * step}) {
      for (const auto& [rows, columns] : {std::pair<size_t, size_t>{1, 1}, {37, 5}, {70, 19}}) {
        const bool halves = kernels().packed_form(type()) == PackedForm::halves;
        Problem problem(type(), n, rows, columns, fill, ++seed);
        problem.pack(kernels());
        std::vector<float> got(rows * columns), want(rows * columns);
        Buffer<std::byte> scratch(kernels().gemm_scratch(n));
        kernels().gemm(type(), problem.args(got), scratch.data());
        reference::dot(type(), problem.args(want));
        const double terms = static_cast<double>(n) / (problem.quantized() ? 8 : 1) + 7;
        const double gamma =
            terms * kUnit / (1 - terms * kUnit) + (halves ? 0x1p-7 + 0x1p-16 : 0.0);
        for (size_t i = 0; i < got.size(); ++i) {
          const double bound = gamma * problem.magnitude(i % rows, i / rows) +
                               kUnit * std::fabs(static_cast<double>(want[i])) +
                               problem.underflow() +
                               (halves ? static_cast<double>(n) * 0x1p-125 : 0.0);
          ASSERT_LE(std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i])), bound)
              << name_of(type()) << " fill " << static_cast<int>(fill) << " n " << n << " rows "
              << rows << " result " << i;
        }
      }
    }
  }
}

// Packing is a copy: every level makes the bytes that the reference makes.
TEST_P(KernelsTest, PackingIsTheReference) {
  for (const size_t n : std::initializer_list<size_t>{32, 64, 96, 1056}) {
    for (const size_t columns : std::initializer_list<size_t>{1, 7, 8, 13}) {
      Problem problem(DType::Q8_0, n, 1, columns, Fill::random, n + columns);
      Problem want(DType::Q8_0, n, 1, columns, Fill::random, n + columns);
      problem.pack(kernels());
      want.pack(kernels_for(IsaLevel::reference));
      const auto same = [](const auto& a, const auto& b) {
        return std::memcmp(a.data(), b.data(), a.size() * sizeof(*a.data())) == 0;
      };
      ASSERT_TRUE(same(problem.packed_quants, want.packed_quants)) << n << " x " << columns;
      ASSERT_TRUE(same(problem.packed_scales, want.packed_scales)) << n << " x " << columns;
      ASSERT_TRUE(same(problem.sums_of_32, want.sums_of_32)) << n << " x " << columns;
      ASSERT_TRUE(same(problem.sums_of_16, want.sums_of_16)) << n << " x " << columns;
    }
  }
}

TEST_P(KernelsTest, GemmResultsDoNotDependOnTheTile) {
  const size_t n = 5 * std::max<size_t>(32, traits(type()).block_weights);
  constexpr size_t kRows = 50, kColumns = 21;
  Problem problem(type(), n, kRows, kColumns, Fill::random, 43);
  problem.pack(kernels());
  std::vector<float> whole(kRows * kColumns);
  Buffer<std::byte> scratch(kernels().gemm_scratch(n));
  kernels().gemm(type(), problem.args(whole), scratch.data());
  for (size_t c = 0; c < kColumns; ++c) {
    Problem single(type(), n, kRows, 1, Fill::random, 43);
    single.x.assign(problem.x.begin() + static_cast<std::ptrdiff_t>(c * n),
                    problem.x.begin() + static_cast<std::ptrdiff_t>((c + 1) * n));
    reference::quantize(single.x.data(), n, single.quants.data(), single.scales.data());
    if (c == 0) std::memset(single.quants.data(), 0x81, n);
    single.pack(kernels());
    for (size_t r = 0; r < kRows; ++r) {
      std::vector<float> out(1);
      DotArgs args = single.args(out);
      args.rows += r * problem.row_size;
      args.n_rows = 1;
      kernels().gemm(type(), args, scratch.data());
      ASSERT_EQ(std::memcmp(out.data(), whole.data() + c * kRows + r, sizeof(float)), 0)
          << "row " << r << " column " << c;
    }
  }
}

// Each result of a problem, computed alone.
std::vector<float> one_by_one(const Kernels& kernels, const Problem& problem) {
  std::vector<float> results(problem.rows * problem.columns);
  for (size_t r = 0; r < problem.rows; ++r) {
    for (size_t c = 0; c < problem.columns; ++c) {
      DotArgs args = problem.args(results);
      args.rows += r * problem.row_size;
      args.n_rows = 1;
      args.x.columns = 1;
      args.x.values += c * problem.n;
      args.x.quants += c * Activations::padded(problem.n);
      args.x.scales += c * Activations::padded(problem.n) / 32;
      args.out += c * problem.rows + r;
      kernels.dot(problem.type, args);
    }
  }
  return results;
}

// One row and one column at a time must give the very bits that any larger call gives, for every
// number of columns that a batch or a guess may have.
TEST_P(KernelsTest, ResultsDoNotDependOnTheTile) {
  const size_t block = std::max<size_t>(32, traits(type()).block_weights);
  for (const size_t n : {block, 5 * block, 19 * block}) {
    const Problem problem(type(), n, 11, 17, Fill::random, 42);
    const std::vector<float> single = one_by_one(kernels(), problem);
    for (size_t columns = 1; columns <= 17; ++columns) {
      std::vector<float> together(11 * columns);
      DotArgs args = problem.args(together);
      args.x.columns = columns;
      kernels().dot(type(), args);
      ASSERT_EQ(std::memcmp(together.data(), single.data(), together.size() * sizeof(float)), 0)
          << columns << " columns of " << n;
    }
  }
}

// Rows so long that their columns are packed piece by piece.
TEST_P(KernelsTest, GiantRows) {
  const Problem problem(type(), (size_t{1} << 18) + 256, 3, 2, Fill::random, 44);
  std::vector<float> together(6), want(6);
  kernels().dot(type(), problem.args(together));
  const std::vector<float> single = one_by_one(kernels(), problem);
  ASSERT_EQ(std::memcmp(together.data(), single.data(), together.size() * sizeof(float)), 0);
  reference::dot(type(), problem.args(want));
  const double terms = static_cast<double>(problem.n) / 16 + 7;
  const double gamma = terms * kUnit / (1 - terms * kUnit);
  for (size_t i = 0; i < 6; ++i) {
    const double bound =
        gamma * problem.magnitude(i % 3, i / 3) + kUnit * std::fabs(static_cast<double>(want[i]));
    EXPECT_LE(std::fabs(static_cast<double>(together[i]) - static_cast<double>(want[i])), bound);
  }
}

std::string case_name(const testing::TestParamInfo<std::tuple<IsaLevel, DType>>& info) {
  return std::string(name_of(std::get<0>(info.param))) + "_" +
         std::string(name_of(std::get<1>(info.param)));
}

constexpr DType kTypes[] = {
    DType::F32,     DType::F16,   DType::BF16,   DType::Q8_0,    DType::Q4_0,   DType::Q4_1,
    DType::Q5_0,    DType::Q5_1,  DType::Q2_K,   DType::Q3_K,    DType::Q4_K,   DType::Q5_K,
    DType::Q6_K,    DType::IQ1_S, DType::IQ1_M,  DType::IQ2_XXS, DType::IQ2_XS, DType::IQ2_S,
    DType::IQ3_XXS, DType::IQ3_S, DType::IQ4_NL, DType::IQ4_XS,  DType::TQ1_0,  DType::TQ2_0,
    DType::MXFP4,   DType::NVFP4, DType::Q1_0,   DType::Q2_0};

TEST(KernelTypesTest, AreAllThatCanBeComputed) {
  size_t computable = 0;
  for (uint32_t id = 0; id < 256; ++id) {
    const DTypeTraits* format = find_dtype(id);
    if (format != nullptr && format->computable) ++computable;
  }
  EXPECT_EQ(std::size(kTypes), computable);
}

INSTANTIATE_TEST_SUITE_P(All, KernelsTest,
                         testing::Combine(testing::ValuesIn(available_levels()),
                                          testing::ValuesIn(kTypes)),
                         case_name);

// AVX-VNNI adds in one instruction what AVX2 adds in three.
TEST(AvxVnniTest, GivesTheBitsOfAvx2) {
  const std::vector<IsaLevel> levels = available_levels();
  if (std::find(levels.begin(), levels.end(), IsaLevel::avxvnni) == levels.end()) {
    GTEST_SKIP() << "this CPU has no AVX-VNNI";
  }
  const Kernels& vnni = kernels_for(IsaLevel::avxvnni);
  const Kernels& plain = kernels_for(IsaLevel::avx2);
  for (const DType type : kTypes) {
    for (const Fill fill :
         {Fill::random, Fill::any_bytes, Fill::largest_quants, Fill::smallest_quants}) {
      Problem problem(type, 768, 21, 9, fill, 45);
      problem.pack(plain);
      std::vector<float> ours(problem.rows * problem.columns), theirs(ours.size());
      vnni.dot(type, problem.args(ours));
      plain.dot(type, problem.args(theirs));
      EXPECT_EQ(std::memcmp(ours.data(), theirs.data(), ours.size() * sizeof(float)), 0);
      Buffer<std::byte> scratch(plain.gemm_scratch(problem.n));
      vnni.gemm(type, problem.args(ours), scratch.data());
      plain.gemm(type, problem.args(theirs), scratch.data());
      EXPECT_EQ(std::memcmp(ours.data(), theirs.data(), ours.size() * sizeof(float)), 0);
    }
  }
}

}  // namespace
}  // namespace hearth
