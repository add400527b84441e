// Rounds rows of weights so that what they compute stays, not what they are: errors of weights that
// meet inputs which move together are made to cancel.
//
// The error of a row is (w - q)^T G (w - q) with G the mean products of its inputs. Columns are
// rounded in order, and what was lost in those before is made good by those behind (Frantar et al.
// 2022, arXiv 2210.17323, in the form of Chee et al. 2023, arXiv 2307.13304). Then quants and
// scales are changed one at a time as long as the error falls.
#pragma once

#include <cstddef>

#include "tensor/fit.h"

namespace hearth {

// Mean products of the inputs of a matrix, prepared: G = (I + F) D (I + F)^T with F above the
// diagonal.
struct InputProducts {
  size_t columns = 0;
  const float* products = nullptr;  // G [columns][columns], positive definite
  const float* feedback = nullptr;  // F [columns][columns]
  const float* remaining =
      nullptr;  // D [columns]: of an error of one weight, what others cannot undo
};

inline constexpr size_t kFeedbackRows = 16;  // that are rounded side by side

struct FeedbackArgs {
  const float* rows = nullptr;  // [n_rows][columns], finite
  size_t n_rows = 0;            // kFeedbackRows at most
  InputProducts inputs;
  int sweeps = 3;             // how often everything is tried to be changed
  float* scratch = nullptr;   // feedback_scratch(columns) floats
  BlockParts* out = nullptr;  // [n_rows][columns / block]
};

[[nodiscard]] size_t feedback_scratch(size_t columns);

}  // namespace hearth
