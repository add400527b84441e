#include "model/family.h"

#include <algorithm>
#include <cmath>

namespace hearth::model {

using Gating = RouterConfig::Gating;

Result<void> Family::open() {
  HEARTH_CHECK(keys.open());
  ModelConfig& config = model.config;
  config.architecture = keys.architecture();
  HEARTH_TRY(const std::string_view name, file_.metadata.text_or("general.name", ""));
  config.name = printable(name, 80);
  HEARTH_TRY(const size_t n_layers, keys.size("block_count", kMaxLayers));
  config.layers.resize(n_layers);
  model.weights.layers.resize(n_layers);
  HEARTH_TRY(config.n_embd, keys.size("embedding_length", kMaxWidth));
  HEARTH_TRY(config.context_length, keys.size("context_length", kMaxContext));
  const bool layer_norm = keys.has("attention.layer_norm_epsilon");
  config.norm = layer_norm ? NormKind::layer : NormKind::rms;
  HEARTH_TRY(const double eps, keys.real_or(layer_norm ? "attention.layer_norm_epsilon"
                                                       : "attention.layer_norm_rms_epsilon",
                                            0, 0.1, 1e-5));
  config.norm_eps = static_cast<float>(eps);
  if (keys.has("feed_forward_length")) {
    HEARTH_TRY(const std::vector<size_t> widths,
               keys.per_layer("feed_forward_length", n_layers, kMaxWidth));
    for (size_t i = 0; i < n_layers; ++i) config.layers[i].n_ff = widths[i];
  }
  HEARTH_CHECK(read_router());
  HEARTH_CHECK(read_pooling());
  const gguf::TensorInfo* embedding = file_.find("token_embd.weight");
  if (embedding == nullptr)
    return fail(ErrorCode::bad_file,
                "the file holds no weights (tensor 'token_embd.weight' is missing): it is a "
                "vocabulary or a damaged model");
  if (embedding->rows() > kMaxVocab) {
    return fail(ErrorCode::too_large, "the vocabulary has ", embedding->rows(),
                " tokens, the limit is ", kMaxVocab);
  }
  config.n_vocab = static_cast<size_t>(embedding->rows());
  return {};
}

Result<void> Family::read_router() {
  RouterConfig& router = model.config.router;
  HEARTH_TRY(router.n_experts, keys.count_or("expert_count", kMaxExperts, 0));
  if (router.n_experts == 0) return {};
  HEARTH_TRY(router.n_used, keys.size("expert_used_count", router.n_experts));
  HEARTH_TRY(model.config.n_ff_expert,
             keys.size_or("expert_feed_forward_length", kMaxWidth, model.config.layers[0].n_ff));
  HEARTH_TRY(const double scale, keys.real_or("expert_weights_scale", -1e6, 1e6, 1));
  router.scale = scale == 0 ? 1 : static_cast<float>(scale);
  HEARTH_TRY(router.normalize, keys.flag_or("expert_weights_norm", false));
  HEARTH_TRY(const size_t gating, keys.count_or("expert_gating_func", 3, 1));
  router.gating = gating == 2   ? Gating::sigmoid
                  : gating == 3 ? Gating::softmax_of_chosen
                                : Gating::softmax;
  HEARTH_TRY(router.n_groups, keys.size_or("expert_group_count", router.n_experts, 1));
  HEARTH_TRY(router.n_groups_used,
             keys.size_or("expert_group_used_count", router.n_groups, router.n_groups));
  const size_t per_group = router.n_experts / router.n_groups;
  if (router.n_experts % router.n_groups != 0 || router.n_groups_used * per_group < router.n_used) {
    return fail(ErrorCode::bad_file, "'", keys.key("expert_group_count"), "' (", router.n_groups,
                ", of which ", router.n_groups_used, " are used) does not suit ", router.n_experts,
                " experts of which a token takes ", router.n_used);
  }
  return {};
}

// The numbers are llama.cpp's: none, mean, cls, last, rank.
Result<void> Family::read_pooling() {
  if (!keys.has("pooling_type")) return {};
  HEARTH_TRY(const size_t pooling, keys.count_or("pooling_type", 4, 0));
  model.config.pooling = static_cast<Pooling>(pooling);
  return {};
}

Result<void> Family::read_attention() {
  ModelConfig& config = model.config;
  HEARTH_TRY(const std::vector<size_t> heads,
             keys.per_layer("attention.head_count", n_layers(), kMaxWidth));
  std::vector<size_t> kv_heads = heads;
  if (keys.has("attention.head_count_kv")) {
    HEARTH_TRY(kv_heads, keys.per_layer("attention.head_count_kv", n_layers(), kMaxWidth));
  }
  const size_t most = *std::max_element(heads.begin(), heads.end());
  const size_t usual = most == 0 ? 0 : config.n_embd / most;
  HEARTH_TRY(const size_t key_dim, keys.size_or("attention.key_length", kMaxHeadDim, usual));
  HEARTH_TRY(const size_t value_dim, keys.size_or("attention.value_length", key_dim, key_dim));
  size_t caches = 0;
  for (size_t i = 0; i < n_layers(); ++i) {
    if (heads[i] == 0 || kv_heads[i] == 0) continue;
    AttentionConfig& attention = config.layers[i].attention;
    attention.n_heads = heads[i];
    attention.n_kv_heads = kv_heads[i];
    attention.key_dim = key_dim;
    attention.value_dim = value_dim;
    attention.scale = 1.0f / std::sqrt(static_cast<float>(key_dim));
    attention.cache = caches++;
    if (heads[i] % kv_heads[i] != 0) {
      return fail(ErrorCode::bad_file, "'", keys.key("attention.head_count"), "' (", heads[i],
                  ") is no multiple of '", keys.key("attention.head_count_kv"), "' (", kv_heads[i],
                  ")");
    }
    if (key_dim == 0 || key_dim > kMaxHeadDim || attention.q_width() > kMaxWidth) {
      return fail(ErrorCode::bad_file, "the metadata asks for ", heads[i], " heads of ", key_dim,
                  " values, which is out of range");
    }
  }
  return {};
}

Result<void> Family::read_windows(size_t period) {
  HEARTH_TRY(const size_t window, keys.count_or("attention.sliding_window", kMaxContext, 0));
  if (window == 0) return {};
  constexpr std::string_view kPattern = "attention.sliding_window_pattern";
  const gguf::Value* value = file_.metadata.find(keys.key(kPattern));
  const bool listed = value != nullptr && value->type == gguf::ValueType::array;
  std::vector<size_t> slides(n_layers());
  if (listed) {
    HEARTH_TRY(slides, keys.per_layer(kPattern, n_layers(), 1));
  } else {
    HEARTH_TRY(period, keys.count_or(kPattern, kMaxLayers, period));
    for (size_t i = 0; i < n_layers(); ++i) slides[i] = period == 0 || (i + 1) % period != 0;
  }
  for (size_t i = 0; i < n_layers(); ++i) {
    if (slides[i] != 0) layer_config(i).attention.window = window;
  }
  return {};
}

Result<RopeConfig> Family::read_rope(RopeConfig::Pairs pairs) {
  const size_t key_dim =
      largest_of(model.config, [](const LayerConfig& layer) { return layer.attention.key_dim; });
  RopeConfig rope;
  rope.pairs = pairs;
  HEARTH_TRY(rope.dims, keys.count_or("rope.dimension_count", key_dim, key_dim));
  if (rope.dims % 2 != 0) {
    return fail(ErrorCode::bad_file, "metadata key '", keys.key("rope.dimension_count"), "' is ",
                rope.dims, ", it must be even");
  }
  HEARTH_TRY(rope.base, keys.real_or("rope.freq_base", 1e-6, 1e30, 10000.0));
  HEARTH_CHECK(read_rope_scaling(rope));
  const size_t pairs_of_values = rope.dims / 2;
  HEARTH_TRY(rope.divisors, binder.optional_vector("rope_freqs.weight", pairs_of_values));
  if (rope.divisors == nullptr && binder.has("rope_factors_short.weight")) {
    HEARTH_TRY(rope.divisors, binder.vector("rope_factors_short.weight", pairs_of_values));
    HEARTH_TRY(rope.long_divisors, binder.vector("rope_factors_long.weight", pairs_of_values));
  }
  return rope;
}

Result<void> Family::read_rope_scaling(RopeConfig& rope) {
  // Files from before scaling.type existed name the factor alone: it is linear.
  HEARTH_TRY(const std::string_view type, keys.text_or("rope.scaling.type", "linear"));
  if (type != "none" && type != "linear" && type != "yarn" && type != "longrope") {
    return fail(ErrorCode::unsupported, "RoPE scaling '", printable(type), "' ('",
                keys.key("rope.scaling.type"), "') is not known to this hearth");
  }
  const bool new_name = keys.has("rope.scaling.factor");
  const std::string_view name = new_name ? "rope.scaling.factor" : "rope.scale_linear";
  double factor = 1;
  if (type != "none") {
    HEARTH_TRY(factor, keys.real_or(name, 1e-9, 1e9, 1));
  }
  HEARTH_TRY(const size_t original, keys.size_or("rope.scaling.original_context_length",
                                                 kMaxContext, model.config.context_length));
  HEARTH_TRY(rope.magnitude, keys.real_or("rope.scaling.attn_factor", 0, 1e6, 1));
  rope.scale = 1.0 / factor;
  rope.original_context = static_cast<double>(original);
  if (type != "yarn") return {};
  rope.yarn = true;
  HEARTH_TRY(rope.beta_fast, keys.real_or("rope.scaling.yarn_beta_fast", 1e-3, 1e6, 32));
  HEARTH_TRY(rope.beta_slow, keys.real_or("rope.scaling.yarn_beta_slow", 1e-3, 1e6, 1));
  HEARTH_TRY(const double multiplier, keys.real_or("rope.scaling.yarn_log_multiplier", 0, 1e3, 0));
  const auto grown = [&](double share) {
    return factor > 1 ? 0.1 * share * std::log(factor) + 1 : 1;
  };
  rope.magnitude *= multiplier != 0 ? grown(1) / grown(multiplier) : grown(1);
  return {};
}

Result<void> Family::add_sliding_rope(const RopeConfig& rope, double base) {
  RopeConfig sliding = rope;
  sliding.scale = 1;
  sliding.yarn = false;
  sliding.magnitude = 1;
  HEARTH_TRY(sliding.base, keys.real_or("rope.freq_base_swa", 1e-6, 1e30, base));
  model.config.ropes.push_back(sliding);
  for (LayerConfig& layer : model.config.layers) {
    if (layer.attention.slides()) layer.attention.rope = model.config.ropes.size() - 1;
  }
  return {};
}

Result<AttentionWeights> Family::bind_attention(size_t layer) {
  const AttentionConfig& config = layer_config(layer).attention;
  const size_t n_embd = model.config.n_embd;
  if (config.n_heads == 0) {
    return fail(ErrorCode::bad_file, "'", keys.key("attention.head_count"), "' or '",
                keys.key("attention.head_count_kv"), "' is 0 for layer ", layer);
  }
  AttentionWeights weights;
  if (binder.has(name(layer, "attn_qkv.weight"))) {
    const size_t q = config.q_width();
    const size_t k = config.k_width();
    const size_t v = config.v_width();
    HEARTH_TRY(const Linear all, binder.linear(name(layer, "attn_qkv"), n_embd, q + k + v));
    weights.q = all.slice(0, q);
    weights.k = all.slice(q, k);
    weights.v = all.slice(q + k, v);
  } else {
    HEARTH_TRY(weights.q, binder.linear(name(layer, "attn_q"), n_embd, config.q_width()));
    HEARTH_TRY(weights.k, binder.linear(name(layer, "attn_k"), n_embd, config.k_width()));
    HEARTH_TRY(weights.v, binder.linear(name(layer, "attn_v"), n_embd, config.v_width()));
  }
  HEARTH_TRY(weights.output,
             binder.linear(name(layer, "attn_output"), config.mixed_width(), n_embd));
  return weights;
}

Result<void> Family::bind_head_norms(size_t layer, AttentionWeights& weights) {
  const size_t dim = layer_config(layer).attention.key_dim;
  HEARTH_TRY(weights.q_norm, binder.vector(name(layer, "attn_q_norm.weight"), dim));
  HEARTH_TRY(weights.k_norm, binder.vector(name(layer, "attn_k_norm.weight"), dim));
  return {};
}

Result<FeedForwardWeights> Family::bind_feed_forward(size_t layer, size_t n_ff,
                                                     std::string_view suffix) {
  const size_t n_embd = model.config.n_embd;
  const auto part = [&](std::string_view which) { return name(layer, cat(which, suffix)); };
  if (n_ff == 0) {
    return fail(ErrorCode::bad_file, "metadata key '", keys.key("feed_forward_length"),
                "' is missing or 0 for layer ", layer);
  }
  FeedForwardWeights weights;
  const gguf::TensorInfo* up = file_.find(cat(part("ffn_up"), ".weight"));
  const bool apart = binder.has(cat(part("ffn_gate"), ".weight"));
  if (gated && !apart && up != nullptr && up->rows() == 2 * n_ff) {
    HEARTH_TRY(const Linear both, binder.linear(part("ffn_up"), n_embd, 2 * n_ff));
    weights.gate = both.slice(0, n_ff);
    weights.up = both.slice(n_ff, n_ff);
  } else {
    if (gated) {
      HEARTH_TRY(weights.gate, binder.linear(part("ffn_gate"), n_embd, n_ff));
    }
    HEARTH_TRY(weights.up, binder.linear(part("ffn_up"), n_embd, n_ff));
  }
  HEARTH_TRY(weights.down, binder.linear(part("ffn_down"), n_ff, n_embd));
  return weights;
}

Result<ExpertsWeights> Family::bind_experts(size_t layer) {
  const ModelConfig& config = model.config;
  const size_t count = config.router.n_experts;
  const size_t n_ff = config.n_ff_expert;
  if (count == 0 || n_ff == 0) {
    return fail(ErrorCode::bad_file, "layer ", layer, " has experts, but the metadata key '",
                keys.key(count == 0 ? "expert_count" : "expert_feed_forward_length"),
                "' is missing or 0");
  }
  ExpertsWeights weights;
  // Not as linear(): what Gemma 4 calls its scale is one of the inputs.
  HEARTH_TRY(weights.router.weight,
             binder.matrix(name(layer, "ffn_gate_inp.weight"), config.n_embd, count));
  HEARTH_TRY(weights.router.bias, binder.optional_vector(name(layer, "ffn_gate_inp.bias"), count));
  HEARTH_TRY(weights.selection_bias,
             binder.optional_vector(name(layer, "exp_probs_b.bias"), count));
  if (binder.has(name(layer, "ffn_gate_up_exps.weight"))) {
    HEARTH_TRY(weights.gate,
               binder.set(name(layer, "ffn_gate_up_exps"), config.n_embd, 2 * n_ff, count));
    weights.up = weights.gate;
    weights.up.first = weights.gate.first.slice(n_ff, n_ff);
    weights.gate.first = weights.gate.first.slice(0, n_ff);
  } else {
    HEARTH_TRY(weights.gate, binder.set(name(layer, "ffn_gate_exps"), config.n_embd, n_ff, count));
    HEARTH_TRY(weights.up, binder.set(name(layer, "ffn_up_exps"), config.n_embd, n_ff, count));
  }
  HEARTH_TRY(weights.down, binder.set(name(layer, "ffn_down_exps"), n_ff, config.n_embd, count));
  return weights;
}

Result<Norm> Family::bind_norm(size_t layer, std::string_view part) {
  return binder.norm(name(layer, part), model.config.n_embd);
}

Result<void> Family::bind_plain_layer(size_t layer) {
  LayerWeights& weights = this->layer(layer);
  HEARTH_TRY(weights.attn_norm, bind_norm(layer, "attn_norm"));
  HEARTH_TRY(weights.mixer, bind_attention(layer));
  HEARTH_TRY(weights.ffn_norm, bind_norm(layer, "ffn_norm"));
  if (binder.has(name(layer, "ffn_gate_inp.weight"))) {
    HEARTH_TRY(weights.ffn, bind_experts(layer));
  } else {
    HEARTH_TRY(weights.ffn, bind_feed_forward(layer, layer_config(layer).n_ff));
  }
  return {};
}

Result<void> Family::bind_normed_layer(size_t layer) {
  HEARTH_CHECK(bind_plain_layer(layer));
  LayerWeights& weights = this->layer(layer);
  HEARTH_TRY(weights.attn_post_norm, bind_norm(layer, "post_attention_norm"));
  HEARTH_TRY(weights.ffn_post_norm, bind_norm(layer, "post_ffw_norm"));
  return {};
}

Result<void> Family::bind_ends(std::string_view output_norm) {
  ModelConfig& config = model.config;
  Weights& weights = model.weights;
  HEARTH_TRY(weights.token_embedding,
             binder.matrix("token_embd.weight", config.n_embd, config.n_vocab));
  HEARTH_TRY(weights.output_norm, binder.norm(output_norm, config.n_embd));
  weights.tied_output = !binder.has("output.weight");
  if (weights.tied_output) {
    weights.output.weight = weights.token_embedding;
  } else {
    HEARTH_TRY(weights.output, binder.linear("output", config.n_embd, config.n_vocab));
  }
  return bind_classifier();
}

Result<void> Family::bind_classifier() {
  const size_t n_embd = model.config.n_embd;
  Classifier& classifier = model.weights.classifier;
  if (!binder.has("cls.output.weight")) return {};
  HEARTH_TRY(const size_t n_scores, binder.rows("cls.output.weight", kMaxWidth));
  HEARTH_TRY(classifier.scores, binder.linear("cls.output", n_embd, n_scores));
  if (!binder.has("cls.weight")) return {};
  HEARTH_TRY(classifier.hidden, binder.linear("cls", n_embd, n_embd));
  return {};
}

Result<Model> Family::finish() {
  for (const LayerConfig& layer : model.config.layers) {
    const AttentionConfig& attention = layer.attention;
    if (attention.n_heads == 0 || attention.rope == kNoRope) continue;
    if (attention.rope >= model.config.ropes.size()) {
      return fail(ErrorCode::internal, "a layer of ", model.config.architecture, " has no rope");
    }
    const size_t turned = model.config.ropes[attention.rope].dims;
    if (turned > attention.key_dim) {
      return fail(ErrorCode::bad_file, "metadata key '", keys.key("rope.dimension_count"), "' is ",
                  turned, ", but a layer has heads of ", attention.key_dim, " values");
    }
  }
  return std::move(model);
}

}  // namespace hearth::model
