#include "bench/random_blocks.h"

#include <cmath>
#include <cstring>

#include "tensor/blocks.h"
#include "tensor/codebooks.h"
#include "tensor/float16.h"

namespace hearth::bench {
namespace {

void fill_bits(Rng& rng, void* to, size_t bytes) {
  auto* out = static_cast<std::byte*>(to);
  while (bytes > 0) {
    const uint64_t word = rng.next();
    const size_t n = bytes < sizeof word ? bytes : sizeof word;
    std::memcpy(out, &word, n);
    out += n;
    bytes -= n;
  }
}

// The standard deviation of a quant that is uniform over `levels` values.
double spread(double levels) { return std::sqrt((levels * levels - 1) / 12); }

uint16_t half(double value) { return f32_to_f16(static_cast<float>(value)); }

// Six-bit scales and minimums of 32 in all eight groups (scale_min_k4).
constexpr int kScale = 32;
void fill_scales_k4(uint8_t* scales) {
  for (int i = 0; i < 8; ++i) scales[i] = 0x80 | kScale;
  for (int i = 8; i < 12; ++i) scales[i] = 0;
}

void finish(BlockQ4_0& b, double sigma) { b.d_f16 = half(sigma / spread(16)); }
void finish(BlockQ5_0& b, double sigma) { b.d_f16 = half(sigma / spread(32)); }
void finish(BlockQ8_0& b, double sigma) { b.d_f16 = half(sigma / spread(256)); }

void finish(BlockQ4_1& b, double sigma) {
  b.d_f16 = half(sigma / spread(16));
  b.m_f16 = half(-7.5 * sigma / spread(16));
}

void finish(BlockQ5_1& b, double sigma) {
  b.d_f16 = half(sigma / spread(32));
  b.m_f16 = half(-15.5 * sigma / spread(32));
}

void finish(BlockQ2_K& b, double sigma) {
  std::memset(b.scales, 8 | 8 << 4, sizeof b.scales);
  b.d_f16 = half(sigma / spread(4) / 8);
  b.dmin_f16 = half(1.5 * sigma / spread(4) / 8);
}

void finish(BlockQ3_K& b, double sigma) {
  // All sixteen scales 16: stored as 48, low halves 0 and high bits 3.
  std::memset(b.scales, 0, 8);
  std::memset(b.scales + 8, 0xFF, 4);
  b.d_f16 = half(sigma / spread(8) / 16);
}

void finish(BlockQ4_K& b, double sigma) {
  fill_scales_k4(b.scales);
  b.d_f16 = half(sigma / spread(16) / kScale);
  b.dmin_f16 = half(7.5 * sigma / spread(16) / kScale);
}

void finish(BlockQ5_K& b, double sigma) {
  fill_scales_k4(b.scales);
  b.d_f16 = half(sigma / spread(32) / kScale);
  b.dmin_f16 = half(15.5 * sigma / spread(32) / kScale);
}

void finish(BlockQ6_K& b, double sigma) {
  std::memset(b.scales, kScale, sizeof b.scales);
  b.d_f16 = half(sigma / spread(64) / kScale);
}

// --- Codebooks: all scales of a block alike, points and signs random. ---

// The root of the mean square of a codebook's weights.
template <size_t kPoints, class ValueOf>
double size_of_points(const uint16_t (&points)[kPoints], int weights, ValueOf value) {
  double sum = 0;
  for (const uint16_t point : points) {
    for (int j = 0; j < weights; ++j) {
      const double v = value(point, j);
      sum += v * v;
    }
  }
  return std::sqrt(sum / static_cast<double>(kPoints) / weights);
}
template <size_t kPoints>
double size_of_iq2(const uint16_t (&points)[kPoints]) {
  return size_of_points(points, 8, [](uint16_t p, int j) { return kIq2Levels[level_of_8(p, j)]; });
}
template <size_t kPoints>
double size_of_iq3(const uint16_t (&points)[kPoints], const uint8_t (&levels)[8]) {
  return size_of_points(points, 4, [&](uint16_t p, int j) { return levels[level_of_4(p, j)]; });
}
double size_of_iq1() {
  // An eighth more or less, as often one as the other.
  const double grid =
      size_of_points(kIq1Points, 8, [](uint16_t p, int j) { return level_of_8(p, j) - 1; });
  return std::sqrt(grid * grid + 1.0 / 64);
}
double size_of_values(const int8_t (&values)[16]) {
  double sum = 0;
  for (const int8_t v : values) sum += v * v;
  return std::sqrt(sum / 16);
}

// Scales of 4 bits, all 8: 17 times an eighth (IQ2), a quarter (IQ3_XXS) or 1 (IQ3_S).
constexpr uint8_t kHalves = 0x88;
constexpr double kOdd = 17;
void set_top_half(uint8_t& byte) { byte = static_cast<uint8_t>((byte & 15) | 0x80); }

void finish(BlockIQ2_XXS& b, double sigma) {
  for (auto& group : b.groups) set_top_half(group[7]);
  static const double size = size_of_iq2(kIq2XxsPoints);
  b.d_f16 = half(8 * sigma / size / kOdd);
}
void finish(BlockIQ2_XS& b, double sigma) {
  std::memset(b.scales, kHalves, sizeof b.scales);
  static const double size = size_of_iq2(kIq2XsPoints);
  b.d_f16 = half(8 * sigma / size / kOdd);
}
void finish(BlockIQ2_S& b, double sigma) {
  std::memset(b.scales, kHalves, sizeof b.scales);
  static const double size = size_of_iq2(kIq2SPoints);
  b.d_f16 = half(8 * sigma / size / kOdd);
}
void finish(BlockIQ3_XXS& b, double sigma) {
  for (auto& word : b.signs) set_top_half(word[3]);
  static const double size = size_of_iq3(kIq3XxsPoints, kIq3XxsLevels);
  b.d_f16 = half(4 * sigma / size / kOdd);
}
void finish(BlockIQ3_S& b, double sigma) {
  std::memset(b.scales, kHalves, sizeof b.scales);
  static const double size = size_of_iq3(kIq3SPoints, kIq3SLevels);
  b.d_f16 = half(sigma / size / kOdd);
}

// Scales of 3 bits, all 4: 9 times d.
void finish(BlockIQ1_S& b, double sigma) {
  for (auto& word : b.high) word[1] = static_cast<uint8_t>((word[1] & 0x8F) | 0x40);
  static const double size = size_of_iq1();
  b.d_f16 = half(sigma / size / 9);
}
void finish(BlockIQ1_M& b, double sigma) {
  static const double size = size_of_iq1();
  const uint16_t d = half(sigma / size / 9);
  for (int i = 0; i < 4; ++i) {
    const int word = 0x924 | ((d >> (4 * i)) & 15) << 12;
    b.scales[2 * i] = static_cast<uint8_t>(word);
    b.scales[2 * i + 1] = static_cast<uint8_t>(word >> 8);
  }
}

void finish(BlockIQ4_NL& b, double sigma) { b.d_f16 = half(sigma / size_of_values(kIq4Values)); }
void finish(BlockIQ4_XS& b, double sigma) {
  // All eight scales 16: stored as 48, low halves 0 and high bits 3.
  std::memset(b.scales_low, 0, sizeof b.scales_low);
  std::memset(b.scales_high, 0xFF, sizeof b.scales_high);
  b.d_f16 = half(sigma / size_of_values(kIq4Values) / 16);
}

// Random bytes hold first digits of base 3 that are nearly uniform, and later ones too.
void finish(BlockTQ1_0& b, double sigma) { b.d_f16 = half(sigma / spread(3)); }
// Quants of two bits that stand for one less: 3 becomes 1, and their mean 0.
void only_three_values(uint8_t* quants, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    quants[i] = static_cast<uint8_t>(quants[i] & ~((quants[i] & 0x55) << 1));
  }
}
void finish(BlockTQ2_0& b, double sigma) {
  only_three_values(b.quants, sizeof b.quants);
  b.d_f16 = half(sigma / std::sqrt(0.5));
}
void finish(BlockQ2_0& b, double sigma) {
  only_three_values(b.quants, sizeof b.quants);
  b.d_f16 = half(sigma / std::sqrt(0.5));
}
void finish(BlockQ1_0& b, double sigma) { b.d_f16 = half(sigma); }

// The power of two next to the sigma: half of it, because the values are doubled.
void finish(BlockMXFP4& b, double sigma) {
  const double exponent = std::round(std::log2(2 * sigma / size_of_values(kFp4Values)));
  b.exponent = static_cast<uint8_t>(127 + exponent);
}
void finish(BlockNVFP4& b, double sigma) {
  // A power of two, in 4 bits of exponent with bias 7 above 3 bits of fraction; below 2^-6 the
  // fraction alone, in units of 2^-9.
  const double exponent = std::round(std::log2(2 * sigma / size_of_values(kFp4Values)));
  const double bits =
      exponent < -6 ? std::fmax(std::exp2(exponent + 9), 1) : 8 * std::fmin(exponent + 7, 15);
  std::memset(b.scales, static_cast<int>(bits), sizeof b.scales);
}

template <class Block>
void fill_blocks(size_t n, size_t block_weights, double sigma, Rng& rng, std::byte* out) {
  for (size_t i = 0; i < n / block_weights; ++i) {
    Block block;
    fill_bits(rng, &block, sizeof block);
    finish(block, sigma);
    std::memcpy(out + i * sizeof block, &block, sizeof block);
  }
}

// Uniform values as floats of 32 bits or, through `convert`, of 16.
template <class Stored, class Convert>
void fill_floats(size_t n, double sigma, Rng& rng, std::byte* out, Convert convert) {
  const double width = sigma * std::sqrt(12.0);
  for (size_t i = 0; i < n; ++i) {
    const Stored value = convert(static_cast<float>((rng.uniform() - 0.5) * width));
    std::memcpy(out + i * sizeof value, &value, sizeof value);
  }
}

void fill_codebook_row(DType type, size_t n, double sigma, Rng& rng, std::byte* out) {
  switch (type) {
    case DType::IQ1_S:
      return fill_blocks<BlockIQ1_S>(n, kSuperBlock, sigma, rng, out);
    case DType::IQ1_M:
      return fill_blocks<BlockIQ1_M>(n, kSuperBlock, sigma, rng, out);
    case DType::IQ2_XXS:
      return fill_blocks<BlockIQ2_XXS>(n, kSuperBlock, sigma, rng, out);
    case DType::IQ2_XS:
      return fill_blocks<BlockIQ2_XS>(n, kSuperBlock, sigma, rng, out);
    case DType::IQ2_S:
      return fill_blocks<BlockIQ2_S>(n, kSuperBlock, sigma, rng, out);
    case DType::IQ3_XXS:
      return fill_blocks<BlockIQ3_XXS>(n, kSuperBlock, sigma, rng, out);
    case DType::IQ3_S:
      return fill_blocks<BlockIQ3_S>(n, kSuperBlock, sigma, rng, out);
    case DType::IQ4_NL:
      return fill_blocks<BlockIQ4_NL>(n, kSmallBlock, sigma, rng, out);
    case DType::IQ4_XS:
      return fill_blocks<BlockIQ4_XS>(n, kSuperBlock, sigma, rng, out);
    case DType::TQ1_0:
      return fill_blocks<BlockTQ1_0>(n, kSuperBlock, sigma, rng, out);
    case DType::TQ2_0:
      return fill_blocks<BlockTQ2_0>(n, kSuperBlock, sigma, rng, out);
    case DType::Q1_0:
      return fill_blocks<BlockQ1_0>(n, kBlock128, sigma, rng, out);
    case DType::Q2_0:
      return fill_blocks<BlockQ2_0>(n, kBlock64, sigma, rng, out);
    case DType::MXFP4:
      return fill_blocks<BlockMXFP4>(n, kSmallBlock, sigma, rng, out);
    case DType::NVFP4:
      return fill_blocks<BlockNVFP4>(n, kBlock64, sigma, rng, out);
    default:
      return;
  }
}

}  // namespace

void fill_random_row(DType type, size_t n, double sigma, Rng& rng, std::byte* out) {
  switch (type) {
    case DType::F32:
      return fill_floats<float>(n, sigma, rng, out, [](float v) { return v; });
    case DType::F16:
      return fill_floats<uint16_t>(n, sigma, rng, out, f32_to_f16);
    case DType::BF16:
      return fill_floats<uint16_t>(n, sigma, rng, out, f32_to_bf16);
    case DType::Q4_0:
      return fill_blocks<BlockQ4_0>(n, kSmallBlock, sigma, rng, out);
    case DType::Q4_1:
      return fill_blocks<BlockQ4_1>(n, kSmallBlock, sigma, rng, out);
    case DType::Q5_0:
      return fill_blocks<BlockQ5_0>(n, kSmallBlock, sigma, rng, out);
    case DType::Q5_1:
      return fill_blocks<BlockQ5_1>(n, kSmallBlock, sigma, rng, out);
    case DType::Q8_0:
      return fill_blocks<BlockQ8_0>(n, kSmallBlock, sigma, rng, out);
    case DType::Q2_K:
      return fill_blocks<BlockQ2_K>(n, kSuperBlock, sigma, rng, out);
    case DType::Q3_K:
      return fill_blocks<BlockQ3_K>(n, kSuperBlock, sigma, rng, out);
    case DType::Q4_K:
      return fill_blocks<BlockQ4_K>(n, kSuperBlock, sigma, rng, out);
    case DType::Q5_K:
      return fill_blocks<BlockQ5_K>(n, kSuperBlock, sigma, rng, out);
    case DType::Q6_K:
      return fill_blocks<BlockQ6_K>(n, kSuperBlock, sigma, rng, out);
    default:
      return fill_codebook_row(type, n, sigma, rng, out);
  }
}

}  // namespace hearth::bench
