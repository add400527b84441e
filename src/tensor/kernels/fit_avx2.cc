#include "tensor/kernels/fit_blocks.h"

namespace hearth {

const Fitter& fitter_avx2();

const Fitter& fitter_avx2() {
  static const Fitter fitter{fit_groups};
  return fitter;
}

}  // namespace hearth
