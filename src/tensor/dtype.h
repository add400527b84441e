// Number formats of tensors, with the ids that GGUF files use (docs/formats/gguf.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth {

enum class DType : uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q8_1 = 9,
  Q2_K = 10,
  Q3_K = 11,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  Q8_K = 15,
  IQ2_XXS = 16,
  IQ2_XS = 17,
  IQ3_XXS = 18,
  IQ1_S = 19,
  IQ4_NL = 20,
  IQ3_S = 21,
  IQ2_S = 22,
  IQ4_XS = 23,
  I8 = 24,
  I16 = 25,
  I32 = 26,
  I64 = 27,
  F64 = 28,
  IQ1_M = 29,
  BF16 = 30,
  TQ1_0 = 34,
  TQ2_0 = 35,
  MXFP4 = 39,
  NVFP4 = 40,
  Q1_0 = 41,
  Q2_0 = 42,
};

struct DTypeTraits {
  DType type;
  std::string_view name;   // as people write it: "Q4_K"
  uint32_t block_weights;  // weights in one block
  uint32_t block_bytes;    // bytes of one block
  bool computable;         // hearth has kernels for it
};

// nullptr for an id that no version of GGUF known to hearth defines.
[[nodiscard]] const DTypeTraits* find_dtype(uint32_t id);

// Traits of a type that exists.
[[nodiscard]] const DTypeTraits& traits(DType type);

[[nodiscard]] inline std::string_view name_of(DType type) { return traits(type).name; }

// By name, upper or lower case ("q4_k", "Q4_K"); nullopt when there is none.
[[nodiscard]] std::optional<DType> dtype_by_name(std::string_view name);

// Bytes of one row of `weights` weights; nullopt when that is not a whole number of blocks or
// wraps.
[[nodiscard]] std::optional<uint64_t> row_bytes(DType type, uint64_t weights);

}  // namespace hearth
