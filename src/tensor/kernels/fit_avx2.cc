#include "tensor/kernels/feedback_rows.h"
#include "tensor/kernels/fit_blocks.h"

namespace hearth {

const Fitter& fitter_avx2();

const Fitter& fitter_avx2() {
  static const Fitter fitter{fit_groups, round_with_feedback};
  return fitter;
}

}  // namespace hearth
