// The angles by which queries and keys are turned.
#pragma once

#include <cstddef>
#include <vector>

#include "model/config.h"

namespace hearth::model {

// The speeds of the pairs of values: radians from one position to the next, [dims / 2]. A context
// of `positions` chooses between the two sets of divisors of longrope.
[[nodiscard]] std::vector<double> rope_frequencies(const RopeConfig& rope, size_t positions);

// Cosines and sines of a position, in the order that the kernels want for the config's pairs:
// out[dims].
void rope_angles(const RopeConfig& rope, const std::vector<double>& frequencies, size_t position,
                 float* out);

}  // namespace hearth::model
