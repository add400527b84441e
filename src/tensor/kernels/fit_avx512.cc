#include "tensor/kernels/fit_blocks.h"

namespace hearth {

const Fitter& fitter_avx512();

const Fitter& fitter_avx512() {
  static const Fitter fitter{fit_groups};
  return fitter;
}

}  // namespace hearth
