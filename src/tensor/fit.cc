#include "tensor/fit.h"

#include "tensor/kernels/feedback_rows.h"
#include "tensor/kernels/fit_blocks.h"
#include "tensor/kernels/fit_codebook.h"
#include "tensor/kernels/fit_weights.h"

namespace hearth {

#if defined(__x86_64__)
const Fitter& fitter_avx2();
const Fitter& fitter_avx512();
#endif

const Fitter& fitter_for(IsaLevel level) {
#if defined(__x86_64__)
  if (level == IsaLevel::avx512) return fitter_avx512();
  if (level != IsaLevel::reference) return fitter_avx2();
#endif
  static const Fitter plain{weigh, fit_groups, fit_codebook, round_with_feedback};
  return plain;
}

size_t feedback_scratch(size_t columns) { return 4 * columns * kFeedbackRows; }

const Fitter& best_fitter() { return fitter_for(available_levels().back()); }

}  // namespace hearth
