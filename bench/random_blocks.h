// Rows of random weights, made directly in any format that hearth computes with.
#pragma once

#include <cstddef>

#include "base/rng.h"
#include "tensor/dtype.h"

namespace hearth::bench {

// Fills one row of `n` weights (whole blocks of `type`) whose values have a mean near 0 and a
// standard deviation near `sigma`. Quants are uniform random bits; scales are those that give the
// sigma.
void fill_random_row(DType type, size_t n, double sigma, Rng& rng, std::byte* out);

}  // namespace hearth::bench
