#include "engine/work.h"

#include <algorithm>

namespace hearth::engine {
namespace {

double real(uint64_t value) { return static_cast<double>(value); }

uint64_t weights_of(const model::Matrix& matrix) { return uint64_t{matrix.rows} * matrix.columns; }

template <class Count>
uint64_t sum_over_layers(const model::Model& model, Count count) {
  uint64_t sum = 0;
  for (const model::LayerWeights& layer : model.weights.layers) {
    for (const model::Linear* linear :
         {&layer.q, &layer.k, &layer.v, &layer.attn_output, &layer.gate, &layer.up, &layer.down}) {
      sum += count(linear->weight);
    }
  }
  return sum;
}

// Tokens at positions depth to depth + tokens - 1 each meet the keys and values of all positions up
// to their own: the sum of those counts.
double positions_met(size_t tokens, size_t depth) {
  return real(tokens) * (real(depth) + (real(tokens) + 1) / 2);
}

double attention_multiply_adds(const model::ModelConfig& config, size_t tokens, size_t depth) {
  return 2 * real(config.n_layers) * real(config.q_width()) * positions_met(tokens, depth);
}

}  // namespace

uint64_t bytes_per_token(const model::Model& model) {
  const auto bytes_of = [](const model::Matrix& m) { return uint64_t{m.rows} * m.row_bytes; };
  return sum_over_layers(model, bytes_of) + bytes_of(model.weights.output.weight) +
         model.weights.token_embedding.row_bytes;
}

uint64_t kv_bytes_per_position(const model::ModelConfig& config, DType kv_type) {
  return uint64_t{2} * config.n_layers * config.n_kv_heads *
         row_bytes(kv_type, config.head_dim).value_or(0);
}

Work prefill_work(const model::Model& model, DType kv_type, size_t tokens, size_t depth) {
  Work work;
  work.tokens = real(tokens);
  work.multiply_adds = real(sum_over_layers(model, weights_of)) * work.tokens +
                       real(weights_of(model.weights.output.weight)) +
                       attention_multiply_adds(model.config, tokens, depth);
  work.bytes = real(bytes_per_token(model)) +
               real(kv_bytes_per_position(model.config, kv_type)) * real(depth);
  return work;
}

Work decode_work(const model::Model& model, DType kv_type, size_t tokens, size_t depth,
                 size_t sequences) {
  Work work;
  const double steps = real(tokens);
  work.tokens = steps * real(sequences);
  const uint64_t weights =
      sum_over_layers(model, weights_of) + weights_of(model.weights.output.weight);
  work.multiply_adds = real(weights) * work.tokens +
                       real(sequences) * attention_multiply_adds(model.config, tokens, depth);
  work.bytes = real(bytes_per_token(model)) * steps +
               real(sequences) * real(kv_bytes_per_position(model.config, kv_type)) *
                   positions_met(tokens, depth);
  return work;
}

Arithmetic arithmetic_of(const model::Model& model, IsaLevel level) {
  const model::Matrix& matrix = model.weights.layers.front().gate.weight;
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
