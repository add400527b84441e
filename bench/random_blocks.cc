#include "bench/random_blocks.h"

#include <cmath>
#include <cstring>

#include "tensor/blocks.h"
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
      return;
  }
}

}  // namespace hearth::bench
