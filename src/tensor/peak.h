// The most that a processor's arithmetic can do: what prefill is measured against.
#pragma once

#include <cstdint>
#include <string_view>

#include "tensor/kernels.h"

namespace hearth {

// How numbers are multiplied: 8-bit integers summed in 32 bits (quantized weights), BF16 pairs
// summed in F32, or F32 fused multiply-adds.
enum class Arithmetic { int8, bf16, f32 };

[[nodiscard]] std::string_view name_of(Arithmetic arithmetic);

// Runs `rounds` rounds of the densest multiply-add that the level and this CPU have for this
// arithmetic, on registers alone, and returns how many multiply-adds that were. 0 when there is no
// such instruction.
[[nodiscard]] uint64_t run_multiply_adds(IsaLevel level, Arithmetic arithmetic, uint64_t rounds);

}  // namespace hearth
