#include "tensor/kernels.h"
#include "tensor/kernels/levels.h"
#include "tensor/reference.h"

namespace hearth {
namespace {

Kernels make_reference_kernels() {
  Kernels kernels;
  kernels.name = name_of(IsaLevel::reference);
  kernels.dot = reference::dot;
  kernels.gemm = reference::gemm;
  kernels.gemm_scratch = reference::gemm_scratch;
  kernels.packed_form = [](DType) { return PackedForm::plain; };
  kernels.pack = reference::pack;
  kernels.quantize = reference::quantize;
  kernels.rms_norm = reference::rms_norm;
  kernels.layer_norm = reference::layer_norm;
  kernels.activate = reference::activate;
  kernels.soft_cap = reference::soft_cap;
  kernels.delta_step = reference::delta_step;
  kernels.add = reference::add;
  kernels.add_columns = reference::add_columns;
  kernels.rope = reference::rope;
  kernels.rope_halves = reference::rope_halves;
  kernels.store_kv = reference::store_kv;
  kernels.attend = reference::attend;
  kernels.finish_attention = reference::finish_attention;
  return kernels;
}

}  // namespace

std::string_view name_of(IsaLevel level) {
  switch (level) {
    case IsaLevel::reference:
      return "reference";
    case IsaLevel::avx2:
      return "avx2";
    case IsaLevel::avxvnni:
      return "avxvnni";
    case IsaLevel::avx512:
      return "avx512";
  }
  return "?";
}

#if defined(__x86_64__)

std::vector<IsaLevel> available_levels() {
  __builtin_cpu_init();
  std::vector<IsaLevel> levels{IsaLevel::reference};
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  if (avx2) levels.push_back(IsaLevel::avx2);
  if (avx2 && __builtin_cpu_supports("avxvnni")) levels.push_back(IsaLevel::avxvnni);
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512vnni");
  if (avx2 && avx512) levels.push_back(IsaLevel::avx512);
  return levels;
}

// Each table is made on first use only: the function that makes it may itself need the level's
// instructions.
const Kernels& kernels_for(IsaLevel level) {
  switch (level) {
    case IsaLevel::avx2: {
      static const Kernels kernels = make_avx2_kernels();
      return kernels;
    }
    case IsaLevel::avxvnni: {
      static const Kernels kernels = make_avxvnni_kernels();
      return kernels;
    }
    case IsaLevel::avx512: {
      static const Kernels kernels = make_avx512_kernels();
      return kernels;
    }
    case IsaLevel::reference:
      break;
  }
  static const Kernels kernels = make_reference_kernels();
  return kernels;
}

#else

std::vector<IsaLevel> available_levels() { return {IsaLevel::reference}; }

const Kernels& kernels_for(IsaLevel) {
  static const Kernels reference = make_reference_kernels();
  return reference;
}

#endif

const Kernels& best_kernels() { return kernels_for(available_levels().back()); }

}  // namespace hearth
