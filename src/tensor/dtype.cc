#include "tensor/dtype.h"

#include <algorithm>
#include <cctype>

#include "base/bytes.h"

namespace hearth {
namespace {

constexpr DTypeTraits kTraits[] = {
    {DType::F32, "F32", 1, 4, true},
    {DType::F16, "F16", 1, 2, true},
    {DType::BF16, "BF16", 1, 2, true},
    {DType::Q8_0, "Q8_0", 32, 34, true},
    {DType::Q4_0, "Q4_0", 32, 18, true},
    {DType::Q4_1, "Q4_1", 32, 20, true},
    {DType::Q5_0, "Q5_0", 32, 22, true},
    {DType::Q5_1, "Q5_1", 32, 24, true},
    {DType::Q2_K, "Q2_K", 256, 84, true},
    {DType::Q3_K, "Q3_K", 256, 110, true},
    {DType::Q4_K, "Q4_K", 256, 144, true},
    {DType::Q5_K, "Q5_K", 256, 176, true},
    {DType::Q6_K, "Q6_K", 256, 210, true},
    // Codebooks, three values, 4-bit floats.
    {DType::IQ1_S, "IQ1_S", 256, 50, true},
    {DType::IQ1_M, "IQ1_M", 256, 56, true},
    {DType::IQ2_XXS, "IQ2_XXS", 256, 66, true},
    {DType::IQ2_XS, "IQ2_XS", 256, 74, true},
    {DType::IQ2_S, "IQ2_S", 256, 82, true},
    {DType::IQ3_XXS, "IQ3_XXS", 256, 98, true},
    {DType::IQ3_S, "IQ3_S", 256, 110, true},
    {DType::IQ4_NL, "IQ4_NL", 32, 18, true},
    {DType::IQ4_XS, "IQ4_XS", 256, 136, true},
    {DType::TQ1_0, "TQ1_0", 256, 54, true},
    {DType::TQ2_0, "TQ2_0", 256, 66, true},
    {DType::MXFP4, "MXFP4", 32, 17, true},
    {DType::NVFP4, "NVFP4", 64, 36, true},
    {DType::Q1_0, "Q1_0", 128, 18, true},
    {DType::Q2_0, "Q2_0", 64, 18, true},
    // Known by size only.
    {DType::Q8_1, "Q8_1", 32, 36, false},
    {DType::Q8_K, "Q8_K", 256, 292, false},
    {DType::I8, "I8", 1, 1, false},
    {DType::I16, "I16", 1, 2, false},
    {DType::I32, "I32", 1, 4, false},
    {DType::I64, "I64", 1, 8, false},
    {DType::F64, "F64", 1, 8, false},
};

}  // namespace

const DTypeTraits* find_dtype(uint32_t id) {
  for (const DTypeTraits& traits : kTraits) {
    if (static_cast<uint32_t>(traits.type) == id) return &traits;
  }
  return nullptr;
}

const DTypeTraits& traits(DType type) { return *find_dtype(static_cast<uint32_t>(type)); }

std::optional<DType> dtype_by_name(std::string_view name) {
  const auto same = [](char a, char b) {
    return std::toupper(static_cast<unsigned char>(a)) ==
           std::toupper(static_cast<unsigned char>(b));
  };
  for (const DTypeTraits& traits : kTraits) {
    if (std::equal(name.begin(), name.end(), traits.name.begin(), traits.name.end(), same)) {
      return traits.type;
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> row_bytes(DType type, uint64_t weights) {
  const DTypeTraits& t = traits(type);
  if (weights % t.block_weights != 0) return std::nullopt;
  return checked_mul(weights / t.block_weights, t.block_bytes);
}

}  // namespace hearth
