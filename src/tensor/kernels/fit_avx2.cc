#include "tensor/kernels/feedback_rows.h"
#include "tensor/kernels/fit_blocks.h"
#include "tensor/kernels/fit_codebook.h"
#include "tensor/kernels/fit_weights.h"

namespace hearth {

const Fitter& fitter_avx2();

const Fitter& fitter_avx2() {
  static const Fitter fitter{weigh, fit_groups, fit_codebook, round_with_feedback};
  return fitter;
}

}  // namespace hearth
