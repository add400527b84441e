// DeepSeek V2 and V3 (DeepSeek-AI 2024, arXiv 2405.04434 and 2412.19437): latent attention, many
// small experts and one that every token takes.
#include <cmath>

#include "model/family.h"

namespace hearth::model {
namespace {

struct LatentSizes {
  size_t q_rank = 0;  // 0 in models that project queries at once
  size_t rank = 0;
  size_t key_dim = 0;    // of a head, were keys made
  size_t value_dim = 0;  // of a head, were values made
};

Result<LatentSizes> read_sizes(const Family& family) {
  LatentSizes sizes;
  HEARTH_TRY(sizes.q_rank, family.keys.count_or("attention.q_lora_rank", kMaxWidth, 0));
  HEARTH_TRY(sizes.rank, family.keys.size("attention.kv_lora_rank", kMaxHeadDim));
  if (!family.keys.has("attention.key_length_mla")) {
    return fail(ErrorCode::unsupported, "this ", family.keys.architecture(),
                " file is of the old kind without '", family.keys.key("attention.key_length_mla"),
                "': get one that was converted since May 2025");
  }
  HEARTH_TRY(sizes.key_dim, family.keys.size("attention.key_length_mla", kMaxWidth));
  HEARTH_TRY(sizes.value_dim, family.keys.size("attention.value_length_mla", kMaxWidth));
  return sizes;
}

// Where files hold a share of YaRN's growth (a tenth of what the models call mscale_all_dim), it
// belongs to all of a key: turned values, which would grow by the ratio of two equal shares, stay
// as large as they are. Returns the scale of the scores.
Result<float> read_growth(const Family& family, const LatentSizes& sizes, RopeConfig& rope) {
  double growth = 1;
  if (rope.yarn && rope.scale < 1) {
    HEARTH_TRY(const double tenth,
               family.keys.real_or("rope.scaling.yarn_log_multiplier", 0, 1e3, 0));
    if (tenth != 0) {
      HEARTH_TRY(rope.magnitude, family.keys.real_or("rope.scaling.attn_factor", 0, 1e6, 1));
    }
    growth = rope.magnitude * (1 + tenth * std::log(1 / rope.scale));
  }
  return static_cast<float>(growth * growth / std::sqrt(static_cast<double>(sizes.key_dim)));
}

Result<LatentAttentionWeights> bind_latent(Family& family, size_t layer, const LatentSizes& sizes,
                                           size_t turned) {
  const size_t n_embd = family.config().n_embd;
  const size_t n_heads = family.layer_config(layer).attention.n_heads;
  const auto name = [&](std::string_view part) { return family.name(layer, part); };
  WeightBinder& binder = family.binder;
  LatentAttentionWeights weights;
  const size_t q_width = n_heads * sizes.key_dim;
  if (binder.has(name("attn_q.weight"))) {
    HEARTH_TRY(weights.q_b, binder.linear(name("attn_q"), n_embd, q_width));
  } else {
    HEARTH_TRY(weights.q_a, binder.linear(name("attn_q_a"), n_embd, sizes.q_rank));
    HEARTH_TRY(weights.q_a_norm, binder.vector(name("attn_q_a_norm.weight"), sizes.q_rank));
    HEARTH_TRY(weights.q_b, binder.linear(name("attn_q_b"), sizes.q_rank, q_width));
  }
  HEARTH_TRY(weights.kv_a, binder.linear(name("attn_kv_a_mqa"), n_embd, sizes.rank + turned));
  HEARTH_TRY(weights.kv_a_norm, binder.vector(name("attn_kv_a_norm.weight"), sizes.rank));
  HEARTH_TRY(weights.k_b,
             binder.set(name("attn_k_b"), sizes.key_dim - turned, sizes.rank, n_heads));
  HEARTH_TRY(weights.v_b, binder.set(name("attn_v_b"), sizes.rank, sizes.value_dim, n_heads));
  HEARTH_TRY(weights.output, binder.linear(name("attn_output"), n_heads * sizes.value_dim, n_embd));
  return weights;
}

}  // namespace

Result<void> bind_deepseek2(Family& family) {
  ModelConfig& config = family.config();
  HEARTH_TRY(const LatentSizes sizes, read_sizes(family));
  HEARTH_CHECK(family.read_attention());
  HEARTH_TRY(RopeConfig rope, family.read_rope(RopeConfig::Pairs::neighbours));
  HEARTH_TRY(const float scale, read_growth(family, sizes, rope));
  config.ropes = {rope};
  HEARTH_TRY(const size_t dense, family.keys.count_or("leading_dense_block_count", kMaxLayers, 0));
  HEARTH_TRY(const size_t shared, family.keys.count_or("expert_shared_count", kMaxExperts, 0));
  if (rope.dims >= sizes.key_dim || sizes.rank + rope.dims > kMaxHeadDim) {
    return fail(ErrorCode::bad_file, "keys of ", sizes.key_dim, " values of which ", rope.dims,
                " are turned, and latent vectors of ", sizes.rank, ", are out of range");
  }
  for (size_t i = 0; i < family.n_layers(); ++i) {
    AttentionConfig& attention = config.layers[i].attention;
    attention.n_kv_heads = 1;
    attention.key_dim = sizes.rank + rope.dims;
    attention.value_dim = sizes.rank;
    attention.scale = scale;
    LayerWeights& layer = family.layer(i);
    HEARTH_TRY(layer.attn_norm, family.bind_norm(i, "attn_norm"));
    HEARTH_TRY(layer.mixer, bind_latent(family, i, sizes, rope.dims));
    HEARTH_TRY(layer.ffn_norm, family.bind_norm(i, "ffn_norm"));
    if (i < dense) {
      HEARTH_TRY(layer.ffn, family.bind_feed_forward(i, config.layers[i].n_ff));
      continue;
    }
    HEARTH_TRY(ExpertsWeights experts, family.bind_experts(i));
    if (shared != 0) {
      HEARTH_TRY(experts.shared,
                 family.bind_feed_forward(i, shared * config.n_ff_expert, "_shexp"));
    }
    layer.ffn = experts;
  }
  return family.bind_ends();
}

}  // namespace hearth::model
