#include "model/forward.h"

#include <algorithm>
#include <cmath>

#include "tensor/reference.h"

namespace hearth::model {
namespace {

size_t widest_ff(const Model& model) {
  size_t widest = 0;
  for (const LayerWeights& layer : model.weights.layers) {
    const auto* plain = std::get_if<FeedForwardWeights>(&layer.ffn);
    const auto* experts = std::get_if<ExpertsWeights>(&layer.ffn);
    const FeedForwardWeights& weights = plain != nullptr ? *plain : experts->shared;
    widest = std::max(widest, weights.up.weight.rows);
  }
  return widest;
}

}  // namespace

size_t Forward::bytes_per_column(const Model& model) {
  return 2 * model.config.n_embd * sizeof(float) + Linears::bytes_per_column(model) +
         Attention::bytes_per_column(model.config) + LatentAttention::bytes_per_column(model) +
         ShortConv::bytes_per_column(model) + DeltaNet::bytes_per_column(model) +
         FeedForward::bytes_per_column(widest_ff(model)) + Experts::bytes_per_column(model.config) +
         LayerInputs::bytes_per_column(model);
}

Forward::Forward(const Model& model, const Kernels& kernels, ThreadPool& pool, size_t max_columns,
                 size_t max_positions, Precision precision)
    : model_(model),
      linears_(model, kernels, pool, max_columns, precision),
      attention_(linears_, max_positions),
      latent_attention_(linears_, attention_),
      short_conv_(linears_),
      delta_net_(linears_),
      feed_forward_(linears_, widest_ff(model)),
      experts_(linears_, feed_forward_),
      layer_inputs_(linears_),
      residual_(Buffer<float>::untouched(max_columns * model.config.n_embd)),
      block_(Buffer<float>::untouched(max_columns * model.config.n_embd)) {
  ranges_.reserve(max_columns);
  adapted_.reserve(max_columns);
}

bool Forward::run(std::span<const Stretch> stretches, Path path, const Gate& gate) {
  begin(stretches, path);
  for (size_t i = 0; i < model_.weights.layers.size(); ++i) {
    if (!gate(i)) return false;
    mix(model_.weights.layers[i], i);
    feed_forward(model_.weights.layers[i]);
    end_layer(model_.weights.layers[i], i);
  }
  return true;
}

void Forward::begin(std::span<const Stretch> stretches, Path path) {
  size_t columns = 0;
  ranges_.clear();
  adapted_.clear();
  for (const Stretch& stretch : stretches) {
    const size_t end = stretch.first_position + stretch.tokens.size();
    ranges_.push_back({stretch.sequence, columns, stretch.tokens.size(), stretch.first_position,
                       model_.config.causal ? 0 : end});
    if (!stretch.adapters.empty())
      adapted_.push_back({columns, stretch.tokens.size(), stretch.adapters});
    columns += stretch.tokens.size();
  }
  linears_.low_rank().begin(adapted_);
  columns = 0;
  for (const Stretch& stretch : stretches) {
    for (size_t i = 0; i < stretch.tokens.size(); ++i) embed(stretch, i, columns++);
  }
  linears_.begin(path, columns);
  attention_.begin(ranges_);
  short_conv_.begin(ranges_);
  delta_net_.begin(ranges_);
  if (layer_inputs_.present()) layer_inputs_.begin(residual_.data());
}

void Forward::embed(const Stretch& stretch, size_t index, size_t column) {
  const Matrix& table = model_.weights.token_embedding;
  const int32_t token = stretch.tokens[index];
  const std::byte* row = table.data + static_cast<size_t>(token) * table.row_bytes;
  float* out = residual_.data() + column * table.columns;
  reference::dequantize(table.type, row, table.columns, out);
  linears_.low_rank().add_embedding(column, static_cast<size_t>(token), out);
  const float scale = model_.config.embedding_scale;
  for (size_t i = 0; scale != 1 && i < table.columns; ++i) out[i] *= scale;
  const TextEmbedding& text = model_.weights.text;
  add_row(text.positions, stretch.first_position + index, out);
  add_row(text.parts, index >= stretch.second_from && text.parts.rows > 1 ? 1 : 0, out);
  if (text.norm.present()) linears_.apply_norm(text.norm, out, table.columns, out);
  if (layer_inputs_.present()) layer_inputs_.embed(column, token);
}

void Forward::add_row(const Matrix& table, size_t row, float* out) {
  if (row >= table.rows) return;  // an absent table has none
  float* values = block_.data();
  reference::dequantize(table.type, table.data + row * table.row_bytes, table.columns, values);
  linears_.kernels().add(out, values, table.columns);
}

void Forward::mix(const LayerWeights& weights, size_t layer) {
  const AttentionConfig& config = model_.config.layers[layer].attention;
  const Norm& norm = weights.attn_norm;
  const float* residual = residual_.data();
  const auto add = [&](const Linear& linear, const Activations& x) {
    add_to_residual(linear, x, weights.attn_post_norm);
  };
  if (const auto* attention = std::get_if<AttentionWeights>(&weights.mixer)) {
    add(attention->output, attention_.run(*attention, config, norm, residual));
  } else if (const auto* latent = std::get_if<LatentAttentionWeights>(&weights.mixer)) {
    add(latent->output, latent_attention_.run(*latent, config, norm, residual));
  } else if (const auto* conv = std::get_if<ShortConvWeights>(&weights.mixer)) {
    add(conv->out, short_conv_.run(*conv, layer, norm, residual));
  } else if (const auto* delta = std::get_if<DeltaNetWeights>(&weights.mixer)) {
    add(delta->output, delta_net_.run(*delta, layer, norm, residual));
  }
  norm_residual(weights.attn_end_norm);
}

void Forward::feed_forward(const LayerWeights& weights) {
  if (const auto* plain = std::get_if<FeedForwardWeights>(&weights.ffn)) {
    const Activations hidden = feed_forward_.run(*plain, weights.ffn_norm, residual_.data());
    add_to_residual(plain->down, hidden, weights.ffn_post_norm);
  } else if (const auto* experts = std::get_if<ExpertsWeights>(&weights.ffn)) {
    add_to_residual(experts_.run(*experts, weights.ffn_norm, residual_.data()),
                    weights.ffn_post_norm);
  }
  norm_residual(weights.ffn_end_norm);
}

void Forward::end_layer(const LayerWeights& weights, size_t layer) {
  if (weights.input.gate.present()) {
    add_to_residual(layer_inputs_.run(weights.input, layer, residual_.data()),
                    weights.input.post_norm);
  }
  if (weights.output_scale == nullptr) return;
  const size_t n = linears_.columns() * model_.config.n_embd;
  for (size_t i = 0; i < n; ++i) residual_[i] *= *weights.output_scale;
}

void Forward::add_to_residual(const Linear& linear, const Activations& x, const Norm& norm) {
  if (!norm.present()) {
    return linears_.add_product(linear, x, residual_.data(), model_.config.residual_scale);
  }
  const Linear* const linears[] = {&linear};
  float* const outputs[] = {block_.data()};
  linears_.project(linears, outputs, x);
  add_to_residual(block_.data(), norm);
}

void Forward::add_to_residual(const float* values, const Norm& norm) {
  const size_t n = model_.config.n_embd;
  linears_.pool().run(linears_.columns(), [&](size_t column, size_t) {
    const float* add = values + column * n;
    if (norm.present()) {
      float* normed = block_.data() + column * n;
      linears_.apply_norm(norm, add, n, normed);
      add = normed;
    }
    linears_.kernels().add_columns(residual_.data() + column * n, n, add, n, n, 1,
                                   model_.config.residual_scale);
  });
}

void Forward::norm_residual(const Norm& norm) {
  if (!norm.present()) return;
  const size_t n = model_.config.n_embd;
  linears_.pool().run(linears_.columns(), [&](size_t column, size_t) {
    float* values = residual_.data() + column * n;
    linears_.apply_norm(norm, values, n, values);
  });
}

void Forward::hidden(size_t first, size_t count, float* out) {
  const size_t n = model_.config.n_embd;
  const Norm& norm = model_.weights.output_norm;
  for (size_t c = 0; c < count; ++c) {
    const float* values = residual_.data() + (first + c) * n;
    if (norm.present()) {
      linears_.apply_norm(norm, values, n, out + c * n);
    } else {
      std::copy_n(values, n, out + c * n);
    }
  }
}

void Forward::classify(const float* hidden, float* out) {
  const Classifier& classifier = model_.weights.classifier;
  const size_t n = model_.config.n_embd;
  linears_.begin(Path::decode, 1);
  const auto project = [&](const Linear& linear, const float* from, float* to) {
    const Activations x = linears_.prepare(from, n, 1, {}, {&linear});
    const Linear* const linears[] = {&linear};
    float* const outputs[] = {to};
    linears_.project(linears, outputs, x);
  };
  if (classifier.hidden.present()) {
    project(classifier.hidden, hidden, block_.data());
    for (size_t i = 0; i < n; ++i) block_[i] = std::tanh(block_[i]);
    hidden = block_.data();
  }
  project(classifier.scores, hidden, out);
  if (classifier.softmax) softmax({out, classifier.scores.weight.rows});
}

void Forward::logits(size_t first, size_t count, float* out) {
  const ModelConfig& config = model_.config;
  // Whatever the path was, so that a token's logits have one order of sums.
  linears_.begin(Path::decode, count, first);
  const Linear& head = model_.weights.output;
  const Activations x = linears_.prepare(residual_.data() + first * config.n_embd, config.n_embd,
                                         count, model_.weights.output_norm, {&head});
  const Linear* const linears[] = {&head};
  float* const outputs[] = {out};
  linears_.project(linears, outputs, x);
  const size_t n = count * config.n_vocab;
  for (size_t i = 0; config.logit_scale != 1 && i < n; ++i) out[i] *= config.logit_scale;
  if (config.logit_softcap > 0) linears_.kernels().soft_cap(out, config.logit_softcap, n);
}

}  // namespace hearth::model
