// Finds the block of a format that stands for given weights with the least weighted squared error.
//
// The same numbers give the same block on every machine and with every instruction set.
#pragma once

#include <cstddef>

#include "tensor/block_parts.h"
#include "tensor/codebook_parts.h"
#include "tensor/kernels.h"

namespace hearth {

// Weights of consecutive blocks and how much the square of each one's error counts, both
// [blocks * format.block()], finite, the latter not negative.
struct FitArgs {
  const float* weights = nullptr;
  const float* importance = nullptr;
  size_t blocks = 0;
  BlockParts* out = nullptr;  // [blocks]
};

// The same with the points of a codebook, in blocks of 256.
struct CodebookArgs {
  const float* weights = nullptr;
  const float* importance = nullptr;
  size_t blocks = 0;
  CodebookParts* out = nullptr;  // [blocks]
};

// How much the square of each weight's error counts: its importance times
// sqrt(spread * mean square of the weights of its span + square of the weight).
//
// An importance matrix knows the inputs' mean squares only; that large weights of a row tend to
// meet inputs that move together is what the root stands for. It is llama.cpp's measure: what is
// compared with its files is the search alone.
struct WeighArgs {
  const float* weights = nullptr;     // [n], finite
  const float* importance = nullptr;  // [n], finite, not negative; null: all alike
  size_t n = 0;                       // whole spans
  size_t span = 0;                    // a multiple of 16
  float spread = 1;
  float* out = nullptr;  // [n]
};

struct FeedbackArgs;  // tensor/feedback.h

// One table of functions for an instruction set.
struct Fitter {
  void (*weigh)(const WeighArgs& args) = nullptr;
  void (*fit)(const GroupFormat& format, const FitArgs& args) = nullptr;
  void (*fit_codebook)(DType type, const CodebookArgs& args) = nullptr;
  void (*round_with_feedback)(const GroupFormat& format, const Fitter& fitter,
                              const FeedbackArgs& args) = nullptr;
};

[[nodiscard]] const Fitter& fitter_for(IsaLevel level);
[[nodiscard]] const Fitter& best_fitter();

}  // namespace hearth
