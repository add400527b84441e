// Families that differ from Llama in names and a few numbers: Phi 3 and 4, GLM 4, OLMo 2 and 3,
// StarCoder 2, LFM 2.
#include <cmath>

#include "convert/name_tables.h"

namespace hearth::convert {
namespace {

// Projections side by side in one matrix.
constexpr NameRule kJoinedAttention[] = {
    {"model.layers.#.self_attn.qkv_proj.*", "blk.#.attn_qkv.*"},
    {"model.layers.#.self_attn.o_proj.*", "blk.#.attn_output.*"},
};
constexpr NameRule kJoinedFeedForward[] = {
    {"model.layers.#.mlp.gate_up_proj.weight", "blk.#.ffn_up.weight"},
    {"model.layers.#.mlp.down_proj.weight", "blk.#.ffn_down.weight"},
};

constexpr NameRule kGlm4Norms[] = {
    {"model.layers.#.input_layernorm.weight", "blk.#.attn_norm.weight"},
    {"model.layers.#.post_self_attn_layernorm.weight", "blk.#.post_attention_norm.weight"},
    {"model.layers.#.post_attention_layernorm.weight", "blk.#.ffn_norm.weight"},
    {"model.layers.#.post_mlp_layernorm.weight", "blk.#.post_ffw_norm.weight"},
};

constexpr NameRule kOlmo2Norms[] = {
    {"model.layers.#.post_attention_layernorm.weight", "blk.#.post_attention_norm.weight"},
    {"model.layers.#.post_feedforward_layernorm.weight", "blk.#.post_ffw_norm.weight"},
};

constexpr NameRule kPlainFeedForward[] = {
    {"model.layers.#.mlp.c_fc.*", "blk.#.ffn_up.*"},
    {"model.layers.#.mlp.c_proj.*", "blk.#.ffn_down.*"},
};

constexpr NameRule kLfm2[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.embedding_norm.weight", "token_embd_norm.weight"},
    {"model.layers.#.operator_norm.weight", "blk.#.attn_norm.weight"},
    {"model.layers.#.ffn_norm.weight", "blk.#.ffn_norm.weight"},
    {"model.layers.#.self_attn.q_proj.*", "blk.#.attn_q.*", Need::optional},
    {"model.layers.#.self_attn.k_proj.*", "blk.#.attn_k.*", Need::optional},
    {"model.layers.#.self_attn.v_proj.*", "blk.#.attn_v.*", Need::optional},
    {"model.layers.#.self_attn.out_proj.*", "blk.#.attn_output.*", Need::optional},
    {"model.layers.#.self_attn.q_layernorm.weight", "blk.#.attn_q_norm.weight", Need::optional},
    {"model.layers.#.self_attn.k_layernorm.weight", "blk.#.attn_k_norm.weight", Need::optional},
    {"model.layers.#.conv.in_proj.weight", "blk.#.shortconv.in_proj.weight", Need::optional},
    {"model.layers.#.conv.conv.weight", "blk.#.shortconv.conv.weight", Need::optional, squeeze},
    {"model.layers.#.conv.out_proj.weight", "blk.#.shortconv.out_proj.weight", Need::optional},
    {"model.layers.#.feed_forward.w1.weight", "blk.#.ffn_gate.weight"},
    {"model.layers.#.feed_forward.w3.weight", "blk.#.ffn_up.weight"},
    {"model.layers.#.feed_forward.w2.weight", "blk.#.ffn_down.weight"},
};

// How much of each head is turned.
Result<void> add_turned_part(Conversion& conversion, double usual) {
  HEARTH_TRY(const double part, conversion.turned_part(usual));
  HEARTH_TRY(const uint32_t dim, conversion.head_dim());
  conversion.set_size("rope.dimension_count", static_cast<uint32_t>(dim * part));
  return {};
}

Result<std::vector<float>> factors(const HfConfig& rope, std::string_view name, uint32_t count) {
  std::vector<float> values;
  const Json* list = rope.find({name});
  const bool good = list != nullptr && list->is_array() && list->size() == count;
  for (size_t i = 0; good && i < count; ++i) {
    if ((*list)[i].is_number()) values.push_back((*list)[i].get<float>());
  }
  if (values.size() != count || count == 0) {
    return fail(ErrorCode::bad_file, "config.json: '", name, "' of rope is not a list of ", count,
                " numbers, one for each pair that is turned");
  }
  return values;
}

// Longrope: other divisors beyond the original context.
Result<void> add_long_rope(Conversion& conversion) {
  const HfConfig rope = conversion.config.rope();
  HEARTH_TRY(const uint32_t context, conversion.config.size({"max_position_embeddings"}));
  HEARTH_TRY(const uint32_t top,
             conversion.config.size_or({"original_max_position_embeddings"}, context));
  HEARTH_TRY(const uint32_t before, rope.size_or({"original_max_position_embeddings"}, top));
  conversion.set_size("rope.scaling.original_context_length", before);
  if (!rope.has({"long_factor"})) return {};
  const KeyValue* dims =
      conversion.keys.find(cat(conversion.architecture(), ".rope.dimension_count"));
  const uint32_t pairs = std::get<uint32_t>(*dims) / 2;
  HEARTH_TRY(std::vector<float> far, factors(rope, "long_factor", pairs));
  HEARTH_TRY(std::vector<float> near, factors(rope, "short_factor", pairs));
  double growth = 1;
  if (before > 1 && context > before) {
    const double scale = static_cast<double>(context) / before;
    growth = std::sqrt(1 + std::log(scale) / std::log(static_cast<double>(before)));
  }
  conversion.set_real("rope.scaling.attn_factor", growth);
  conversion.add_values("rope_factors_long.weight", std::move(far));
  conversion.add_values("rope_factors_short.weight", std::move(near));
  return {};
}

}  // namespace

Result<void> fill_phi3(Conversion& conversion) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_CHECK(add_turned_part(conversion, 1.0));
  HEARTH_CHECK(add_long_rope(conversion));
  // llama.cpp tells the generations apart by a window of 0.
  HEARTH_TRY(const uint32_t window, conversion.config.size_or({"sliding_window"}, 0));
  conversion.set_size("attention.sliding_window", window);
  HEARTH_CHECK(conversion.add_tensors(kEnds));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_tensors(kLayerNorms));
  HEARTH_CHECK(conversion.add_tensors(kJoinedAttention));
  return conversion.add_tensors(kJoinedFeedForward);
}

Result<void> fill_glm4(Conversion& conversion) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_CHECK(add_turned_part(conversion, 0.5));
  HEARTH_CHECK(conversion.add_tensors(kEnds));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_tensors(kGlm4Norms));
  HEARTH_CHECK(conversion.add_tensors(kAttention));
  return conversion.add_tensors(kJoinedFeedForward);
}

Result<void> fill_olmo2(Conversion& conversion) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_CHECK(conversion.copy_size("attention.sliding_window", {"sliding_window"}));
  HEARTH_CHECK(conversion.add_sliding_layers());
  HEARTH_CHECK(conversion.add_tensors(kEnds));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_tensors(kOlmo2Norms));
  HEARTH_CHECK(conversion.add_tensors(kAttention));
  HEARTH_CHECK(conversion.add_tensors(kQueryKeyNorms));
  return conversion.add_tensors(kFeedForward);
}

Result<void> fill_starcoder2(Conversion& conversion) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_CHECK(conversion.add_tensors(kEnds));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_tensors(kLayerNorms));
  HEARTH_CHECK(conversion.add_tensors(kAttention));
  return conversion.add_tensors(kPlainFeedForward);
}

Result<void> fill_lfm2(Conversion& conversion) {
  conversion.config.set_defaults(R"({"tie_word_embeddings": true, "rope_theta": 1000000.0})");
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_TRY(const uint32_t taps, conversion.config.size({"conv_L_cache"}));
  conversion.set_size("shortconv.l_cache", taps);
  HEARTH_CHECK(conversion.copy_size("attention.sliding_window", {"sliding_window"}));
  // Layers without attention have no heads of keys.
  HEARTH_TRY(const std::vector<std::string> types, conversion.config.layer_types());
  HEARTH_TRY(const uint32_t kv_heads, conversion.n_kv_heads());
  std::vector<int32_t> counts;
  for (const std::string& type : types) {
    counts.push_back(type == "conv" ? 0 : static_cast<int32_t>(kv_heads));
  }
  if (counts.empty()) return fail(ErrorCode::bad_file, "config.json has no 'layer_types'");
  conversion.set_list("attention.head_count_kv", std::move(counts));
  HEARTH_CHECK(conversion.add_tensors(kLfm2));
  // What config.json says of the width is not yet rounded.
  if (const SourceTensor* gate = conversion.source("model.layers.0.feed_forward.w1.weight")) {
    conversion.set_size("feed_forward_length", static_cast<uint32_t>(gate->rows()));
  }
  return conversion.add_output();
}

}  // namespace hearth::convert
