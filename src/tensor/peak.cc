#include "tensor/peak.h"

#include "tensor/kernels/levels.h"

namespace hearth {

std::string_view name_of(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::int8:
      return "int8";
    case Arithmetic::bf16:
      return "bf16";
    case Arithmetic::f32:
      return "f32";
  }
  return "?";
}

uint64_t run_multiply_adds([[maybe_unused]] IsaLevel level, [[maybe_unused]] Arithmetic arithmetic,
                           [[maybe_unused]] uint64_t rounds) {
#if defined(__x86_64__)
  if (level == IsaLevel::avx512) {
    if (arithmetic == Arithmetic::int8) return multiply_add_int8_avx512(rounds);
    if (arithmetic == Arithmetic::f32) return multiply_add_f32_avx512(rounds);
    if (__builtin_cpu_supports("avx512bf16")) return multiply_add_bf16_avx512(rounds);
  }
  if (level == IsaLevel::avx2 || level == IsaLevel::avxvnni) {
    if (arithmetic == Arithmetic::int8) {
      return level == IsaLevel::avx2 ? multiply_add_int8_avx2(rounds)
                                     : multiply_add_int8_avxvnni(rounds);
    }
    if (arithmetic == Arithmetic::f32) return multiply_add_f32_avx2(rounds);
  }
#endif
  return 0;
}

}  // namespace hearth
