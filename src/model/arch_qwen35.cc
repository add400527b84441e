// Qwen 3.5 (and Qwen3-Next before it): three of four layers are gated delta nets, the others
// attention with a gate behind it.
#include "model/family.h"
#include "model/recurrent.h"

namespace hearth::model {
namespace {

struct DeltaSizes {
  size_t taps = 0;
  size_t dim = 0;
  size_t heads = 0;
  size_t key_heads = 0;
};

Result<DeltaSizes> read_sizes(const Family& family) {
  constexpr size_t kMaxTaps = 64;
  constexpr size_t kMaxDim = 1024;
  DeltaSizes sizes;
  HEARTH_TRY(sizes.taps, family.keys.size("ssm.conv_kernel", kMaxTaps));
  HEARTH_TRY(sizes.dim, family.keys.size("ssm.state_size", kMaxDim));
  HEARTH_TRY(sizes.heads, family.keys.size("ssm.time_step_rank", kMaxWidth / sizes.dim));
  HEARTH_TRY(sizes.key_heads, family.keys.size("ssm.group_count", sizes.heads));
  HEARTH_TRY(const size_t inner, family.keys.size("ssm.inner_size", kMaxWidth));
  if (sizes.heads % sizes.key_heads != 0 || inner != sizes.heads * sizes.dim) {
    return fail(ErrorCode::bad_file, "delta nets of ", sizes.heads, " heads of ", sizes.dim,
                " values and ", sizes.key_heads, " of keys do not make an inner size of ", inner);
  }
  return sizes;
}

Result<DeltaNetWeights> bind_delta_net(Family& family, size_t layer, const DeltaSizes& sizes) {
  const size_t n_embd = family.config().n_embd;
  const size_t values = sizes.heads * sizes.dim;
  const size_t width = values + 2 * sizes.key_heads * sizes.dim;
  const auto name = [&](std::string_view part) { return family.name(layer, part); };
  WeightBinder& binder = family.binder;
  DeltaNetWeights weights;
  weights.taps = sizes.taps;
  weights.dim = sizes.dim;
  weights.heads = sizes.heads;
  weights.key_heads = sizes.key_heads;
  HEARTH_TRY(weights.qkv, binder.linear(name("attn_qkv"), n_embd, width));
  HEARTH_TRY(weights.gate, binder.linear(name("attn_gate"), n_embd, values));
  HEARTH_TRY(weights.alpha, binder.linear(name("ssm_alpha"), n_embd, sizes.heads));
  HEARTH_TRY(weights.beta, binder.linear(name("ssm_beta"), n_embd, sizes.heads));
  HEARTH_TRY(weights.kernel, binder.table(name("ssm_conv1d.weight"), sizes.taps, width));
  HEARTH_TRY(weights.decay, binder.vector(name("ssm_a"), sizes.heads));
  HEARTH_TRY(weights.dt_bias, binder.vector(name("ssm_dt.bias"), sizes.heads));
  HEARTH_TRY(weights.norm, binder.vector(name("ssm_norm.weight"), sizes.dim));
  HEARTH_TRY(weights.output, binder.linear(name("ssm_out"), values, n_embd));
  return weights;
}

// Queries come with their gates.
Result<AttentionWeights> bind_gated_attention(Family& family, size_t layer) {
  const AttentionConfig& config = family.layer_config(layer).attention;
  const size_t n_embd = family.config().n_embd;
  const auto name = [&](std::string_view part) { return family.name(layer, part); };
  WeightBinder& binder = family.binder;
  AttentionWeights weights;
  weights.gated = true;
  HEARTH_TRY(weights.q, binder.linear(name("attn_q"), n_embd, 2 * config.q_width()));
  HEARTH_TRY(weights.k, binder.linear(name("attn_k"), n_embd, config.k_width()));
  HEARTH_TRY(weights.v, binder.linear(name("attn_v"), n_embd, config.v_width()));
  HEARTH_TRY(weights.output, binder.linear(name("attn_output"), config.mixed_width(), n_embd));
  HEARTH_CHECK(family.bind_head_norms(layer, weights));
  return weights;
}

// Which layers are delta nets.
Result<std::vector<size_t>> read_kinds(const Family& family) {
  constexpr std::string_view kKinds = "attention.recurrent_layers";
  if (family.keys.has(kKinds)) return family.keys.per_layer(kKinds, family.n_layers(), 1);
  HEARTH_TRY(const size_t interval, family.keys.size_or("full_attention_interval", kMaxLayers, 4));
  std::vector<size_t> kinds(family.n_layers());
  for (size_t i = 0; i < kinds.size(); ++i) kinds[i] = (i + 1) % interval != 0;
  return kinds;
}

}  // namespace

Result<void> bind_qwen35(Family& family) {
  ModelConfig& config = family.config();
  // Layers at the end that only guess ahead take no part in the answer.
  HEARTH_TRY(const size_t guessing,
             family.keys.count_or("nextn_predict_layers", family.n_layers() - 1, 0));
  HEARTH_TRY(const std::vector<size_t> kinds, read_kinds(family));
  config.layers.resize(family.n_layers() - guessing);
  family.model.weights.layers.resize(config.layers.size());
  HEARTH_TRY(const DeltaSizes sizes, read_sizes(family));
  HEARTH_CHECK(family.read_attention());
  HEARTH_TRY(const RopeConfig rope, family.read_rope(RopeConfig::Pairs::halves));
  config.ropes = {rope};
  size_t caches = 0;
  for (size_t i = 0; i < family.n_layers(); ++i) {
    LayerConfig& layer_config = config.layers[i];
    LayerWeights& layer = family.layer(i);
    HEARTH_TRY(layer.attn_norm, family.bind_norm(i, "attn_norm"));
    if (kinds[i] != 0) {
      layer_config.attention = {};
      HEARTH_TRY(const DeltaNetWeights delta, bind_delta_net(family, i, sizes));
      layer_config.state_floats = DeltaNet::state_floats(delta);
      layer.mixer = delta;
    } else {
      layer_config.attention.cache = caches++;
      HEARTH_TRY(layer.mixer, bind_gated_attention(family, i));
    }
    HEARTH_TRY(layer.ffn_norm, family.bind_norm(i, "post_attention_norm"));
    HEARTH_TRY(layer.ffn, family.bind_feed_forward(i, layer_config.n_ff));
  }
  return family.bind_ends();
}

}  // namespace hearth::model
