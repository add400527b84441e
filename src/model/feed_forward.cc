#include "model/feed_forward.h"

#include <algorithm>

namespace hearth::model {

size_t FeedForward::bytes_per_column(size_t widest) {
  return 2 * widest * sizeof(float) + 2 * widest;
}

FeedForward::FeedForward(Linears& linears, size_t widest)
    : linears_(linears),
      hidden_(Buffer<float>::untouched(linears.max_columns() * widest)),
      other_(Buffer<float>::untouched(linears.max_columns() * widest)),
      forms_(linears.forms().quants ? linears.max_columns() : 0, widest,
             {.quants = linears.forms().quants}) {}

void FeedForward::rows_of_hidden(const FeedForwardWeights& weights, const Activations& x,
                                 size_t first, size_t count, Output hidden, Output other,
                                 size_t thread) {
  const Kernels& kernels = linears_.kernels();
  const bool gated = weights.gate.present();
  const Linear& bent = gated ? weights.gate : weights.up;
  linears_.project_rows(bent, x, first, count, hidden, thread);
  linears_.low_rank().add_rows(bent, first, count, hidden, thread);
  if (gated) {
    linears_.project_rows(weights.up, x, first, count, other, thread);
    linears_.low_rank().add_rows(weights.up, first, count, other, thread);
  }
  for (size_t c = 0; c < x.columns; ++c) {
    kernels.activate(linears_.config().activation, hidden.values + c * hidden.stride,
                     gated ? other.values + c * other.stride : nullptr, count);
  }
}

Activations FeedForward::run(const FeedForwardWeights& weights, const Norm& norm,
                             const float* residual) {
  const size_t n_ff = weights.up.weight.rows;
  const Activations x = linears_.prepare(residual, weights.up.weight.columns, linears_.columns(),
                                         norm, {&weights.gate, &weights.up});
  linears_.observe(weights.gate, x);
  linears_.observe(weights.up, x);
  // An adapter wants the hidden values as floats, and so does who observes them.
  const bool quants_do = linears_.packs_quants(weights.down) && !linears_.observed() &&
                         !linears_.low_rank().changes(weights.down);
  if (quants_do && n_ff % 64 == 0) return run_in_panels(weights, x);
  const size_t per_chunk = linears_.rows_per_chunk(n_ff);
  linears_.pool().run(chunk_count(n_ff, per_chunk), [&](size_t chunk, size_t thread) {
    const size_t first = chunk * per_chunk;
    rows_of_hidden(weights, x, first, std::min(per_chunk, n_ff - first),
                   {hidden_.data() + first, n_ff}, {other_.data() + first, n_ff}, thread);
  });
  return linears_.prepare(hidden_.data(), n_ff, x.columns, {}, {&weights.down});
}

// Each 32 rows of the hidden values are one block of the input of the matrix that follows, and are
// quantized and packed where they are still in the cache.
Activations FeedForward::run_in_panels(const FeedForwardWeights& weights, const Activations& x) {
  const Kernels& kernels = linears_.kernels();
  Activations hidden;
  hidden.n = weights.up.weight.rows;
  hidden.columns = x.columns;
  hidden.packed = forms_.packed;
  linears_.pool().run(hidden.n / 32, [&](size_t block, size_t thread) {
    float* panel = linears_.panel_of(thread);
    rows_of_hidden(weights, x, 32 * block, 32, {panel, 32},
                   {panel + 32 * linears_.max_columns(), 32}, thread);
    constexpr size_t kStride = Activations::padded(32);
    int8_t quants[kPackedColumns * kStride];
    float scales[kPackedColumns * kStride / 32];
    for (size_t first = 0; first < x.columns; first += kPackedColumns) {
      const size_t count = std::min(kPackedColumns, x.columns - first);
      for (size_t c = 0; c < count; ++c) {
        kernels.quantize(panel + 32 * (first + c), 32, quants + c * kStride,
                         scales + c * kStride / 32);
      }
      kernels.pack(quants, scales, kStride, 1, count,
                   hidden.tile(first / kPackedColumns).block(block));
    }
  });
  return hidden;
}

}  // namespace hearth::model
