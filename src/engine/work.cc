#include "engine/work.h"

#include <algorithm>

namespace hearth::engine {
namespace {

using model::AttentionConfig;
using model::LayerConfig;

double real(uint64_t value) { return static_cast<double>(value); }

double weights_of(const model::Matrix& matrix) { return real(matrix.rows) * real(matrix.columns); }
double bytes_of(const model::Matrix& matrix) { return real(matrix.bytes()); }

// Of experts, as many as a token takes.
template <class Count>
double sum_over_layers(const model::Model& model, Count count) {
  double sum = 0;
  for (const model::LayerWeights& layer : model.weights.layers) {
    model::for_each_matrix(layer, [&](const model::Matrix& matrix, size_t experts) {
      const double share = experts == 0 ? 1 : real(model.config.router.n_used) / real(experts);
      sum += share * count(matrix);
    });
  }
  return sum;
}

template <class Count>
double sum_over_attention(const model::ModelConfig& config, Count count) {
  double sum = 0;
  for (const LayerConfig& layer : config.layers) {
    if (layer.attention.n_heads != 0) sum += count(layer.attention);
  }
  return sum;
}

// Tokens at positions depth to depth + tokens - 1 each meet the keys and values of all positions up
// to their own, as far as their window goes: the sum of those counts.
double positions_met(const AttentionConfig& attention, size_t tokens, size_t depth) {
  const double all = real(tokens) * (real(depth) + (real(tokens) + 1) / 2);
  return attention.slides() ? std::min(all, real(tokens) * real(attention.window)) : all;
}

double attention_multiply_adds(const model::ModelConfig& config, size_t tokens, size_t depth) {
  return sum_over_attention(config, [&](const AttentionConfig& attention) {
    return real(attention.q_width() + attention.mixed_width()) *
           positions_met(attention, tokens, depth);
  });
}

double cache_row_bytes(const AttentionConfig& attention, DType kv_type) {
  return real(attention.n_kv_heads) * (real(row_bytes(kv_type, attention.key_dim).value_or(0)) +
                                       real(row_bytes(kv_type, attention.value_dim).value_or(0)));
}

// Read and written once for each token.
double state_bytes(const model::ModelConfig& config) {
  double floats = 0;
  for (const LayerConfig& layer : config.layers) floats += real(layer.state_floats);
  return 2 * sizeof(float) * floats;
}

}  // namespace

uint64_t bytes_per_token(const model::Model& model) {
  return static_cast<uint64_t>(sum_over_layers(model, bytes_of)) +
         model.weights.output.weight.bytes() + model.weights.token_embedding.row_bytes;
}

uint64_t kv_bytes_per_position(const model::ModelConfig& config, DType kv_type) {
  return static_cast<uint64_t>(sum_over_attention(config, [&](const AttentionConfig& attention) {
    return cache_row_bytes(attention, kv_type);
  }));
}

Work prefill_work(const model::Model& model, DType kv_type, size_t tokens, size_t depth) {
  Work work;
  work.tokens = real(tokens);
  work.multiply_adds = sum_over_layers(model, weights_of) * work.tokens +
                       weights_of(model.weights.output.weight) +
                       attention_multiply_adds(model.config, tokens, depth);
  work.bytes =
      real(bytes_per_token(model)) +
      sum_over_attention(model.config, [&](const AttentionConfig& attention) {
        return cache_row_bytes(attention, kv_type) * real(std::min(depth, attention.window));
      });
  return work;
}

Work decode_work(const model::Model& model, DType kv_type, size_t tokens, size_t depth,
                 size_t sequences) {
  Work work;
  const double steps = real(tokens);
  work.tokens = steps * real(sequences);
  const double weights =
      sum_over_layers(model, weights_of) + weights_of(model.weights.output.weight);
  work.multiply_adds = weights * work.tokens +
                       real(sequences) * attention_multiply_adds(model.config, tokens, depth);
  const double history = sum_over_attention(model.config, [&](const AttentionConfig& attention) {
    return cache_row_bytes(attention, kv_type) * positions_met(attention, tokens, depth);
  });
  work.bytes = real(bytes_per_token(model)) * steps +
               real(sequences) * (history + state_bytes(model.config) * steps);
  return work;
}

Arithmetic arithmetic_of(const model::Model& model, IsaLevel level) {
  model::Matrix matrix;  // the last of a layer is one of the large ones
  model::for_each_matrix(model.weights.layers.front(),
                         [&](const model::Matrix& each, size_t) { matrix = each; });
  if (matrix.quantized()) return Arithmetic::int8;
  const bool pairs = kernels_for(level).packed_form(matrix.type) == PackedForm::halves;
  return pairs ? Arithmetic::bf16 : Arithmetic::f32;
}

Bound bound_of(const Work& work, const Limits& limits) {
  const double memory = limits.read > 0 ? work.bytes / limits.read : 0;
  const double arithmetic =
      limits.multiply_adds > 0 ? work.multiply_adds / limits.multiply_adds : 0;
  const double seconds = std::max(memory, arithmetic);
  return {seconds > 0 ? work.tokens / seconds : 0, memory >= arithmetic};
}

}  // namespace hearth::engine
