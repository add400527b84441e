#include "tensor/encode.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tensor/blocks.h"
#include "tensor/float16.h"

namespace hearth {
namespace {

template <uint16_t (*convert)(float)>
void encode_halves(const float* row, size_t n, std::byte* out) {
  for (size_t i = 0; i < n; ++i) {
    const uint16_t bits = convert(row[i]);
    std::memcpy(out + 2 * i, &bits, sizeof bits);
  }
}

}  // namespace

// Quants are those of the scale as it is stored: a scale that a half holds with few bits, or only
// as its largest or smallest number, takes the weights with it.
void encode_q8_0(const float* weights, size_t n, std::byte* out) {
  for (size_t first = 0; first < n; first += 32, out += sizeof(BlockQ8_0)) {
    float peak = 0;
    for (size_t i = first; i < first + 32; ++i) peak = std::max(peak, std::fabs(weights[i]));
    BlockQ8_0 block{};
    block.d_f16 = f32_to_f16(std::min(peak / 127.0f, 65504.0f));
    if (block.d_f16 == 0 && peak > 0) block.d_f16 = 1;
    const float inverse = peak > 0 ? 1.0f / f16_to_f32(block.d_f16) : 0.0f;
    for (size_t i = 0; i < 32; ++i) {
      const float quant = std::clamp(weights[first + i] * inverse, -127.0f, 127.0f);
      block.quants[i] = static_cast<int8_t>(std::lround(quant));
    }
    std::memcpy(out, &block, sizeof block);
  }
}

bool encodable(DType type) {
  return type == DType::F32 || type == DType::F16 || type == DType::BF16 ||
         group_format(type) != nullptr || is_codebook(type);
}

RowEncoder::RowEncoder(DType type, size_t columns, const Fitter& fitter)
    : type_(type), columns_(columns), fitter_(fitter), format_(group_format(type)) {
  const auto block = static_cast<size_t>(traits(type).block_weights);
  if (is_codebook(type)) {
    codebook_parts_.resize(columns / block);
  } else if (format_ != nullptr && type != DType::Q8_0) {
    parts_.resize(columns / block);
  } else {
    return;
  }
  counts_.resize(columns);
}

// Inputs that never fired in one text may in another, so each counts a little: too little to weigh
// against others of its group, enough for a group of nothing else to be rounded like any other.
void RowEncoder::set_importance(std::span<const float> importance) {
  constexpr double kLeastShare = 1e-5;
  importance_.clear();
  double mean = 0;
  for (const float value : importance)
    mean += static_cast<double>(value) / static_cast<double>(columns_);
  if (mean == 0) return;
  const auto least = static_cast<float>(kLeastShare * mean);
  for (const float value : importance) importance_.push_back(std::max(value, least));
}

void RowEncoder::weigh(const float* row) {
  const bool super = traits(type_).block_weights == kSuperBlock;
  fitter_.weigh({row, importance_.empty() ? nullptr : importance_.data(), columns_,
                 super ? kSuperBlock : columns_, super ? 2.0f : 1.0f, counts_.data()});
}

void RowEncoder::encode(const float* row, std::byte* out) {
  if (type_ == DType::F32) {
    std::memcpy(out, row, columns_ * sizeof(float));
  } else if (type_ == DType::F16) {
    encode_halves<f32_to_f16>(row, columns_, out);
  } else if (type_ == DType::BF16) {
    encode_halves<f32_to_bf16>(row, columns_, out);
  } else if (type_ == DType::Q8_0) {
    encode_q8_0(row, columns_, out);
  } else if (is_codebook(type_)) {
    weigh(row);
    fitter_.fit_codebook(type_,
                         {row, counts_.data(), codebook_parts_.size(), codebook_parts_.data()});
    const size_t bytes = traits(type_).block_bytes;
    for (size_t i = 0; i < codebook_parts_.size(); ++i)
      pack_codebook(type_, codebook_parts_[i], out + i * bytes);
  } else {
    weigh(row);
    fitter_.fit(*format_, {row, counts_.data(), parts_.size(), parts_.data()});
    const size_t bytes = traits(type_).block_bytes;
    for (size_t i = 0; i < parts_.size(); ++i) pack_parts(*format_, parts_[i], out + i * bytes);
  }
}

}  // namespace hearth
