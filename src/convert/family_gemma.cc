// Gemma 2 and 3: norms before and behind each block, stored as differences from 1.
#include "convert/name_tables.h"

namespace hearth::convert {
namespace {

constexpr NameRule kNorms[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight", Need::required, add_one},
    {"model.layers.#.input_layernorm.weight", "blk.#.attn_norm.weight", Need::required, add_one},
    {"model.layers.#.post_attention_layernorm.weight", "blk.#.post_attention_norm.weight",
     Need::required, add_one},
    {"model.layers.#.pre_feedforward_layernorm.weight", "blk.#.ffn_norm.weight", Need::required,
     add_one},
    {"model.layers.#.post_feedforward_layernorm.weight", "blk.#.post_ffw_norm.weight",
     Need::required, add_one},
};

constexpr NameRule kShiftedHeadNorms[] = {
    {"model.layers.#.self_attn.q_norm.weight", "blk.#.attn_q_norm.weight", Need::required, add_one},
    {"model.layers.#.self_attn.k_norm.weight", "blk.#.attn_k_norm.weight", Need::required, add_one},
};

// What the models' own code takes for keys that the files of some sizes leave out.
constexpr std::string_view kDefaults2 = R"({
  "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "rms_norm_eps": 1e-6,
  "max_position_embeddings": 8192, "rope_theta": 10000.0, "sliding_window": 4096,
  "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "tie_word_embeddings": true})";
constexpr std::string_view kDefaults3 = R"({
  "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "rms_norm_eps": 1e-6,
  "max_position_embeddings": 131072, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0,
  "sliding_window": 4096, "tie_word_embeddings": true})";

Result<void> fill(Conversion& conversion) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_CHECK(conversion.copy_size("attention.sliding_window", {"sliding_window"}));
  HEARTH_CHECK(conversion.copy_real("attn_logit_softcapping", {"attn_logit_softcapping"}));
  HEARTH_CHECK(conversion.copy_real("final_logit_softcapping", {"final_logit_softcapping"}));
  HEARTH_CHECK(conversion.add_sliding_layers());
  HEARTH_CHECK(conversion.add_tensors(kNorms));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_tensors(kAttention));
  return conversion.add_tensors(kFeedForward);
}

}  // namespace

Result<void> fill_gemma2(Conversion& conversion) {
  conversion.config.set_defaults(kDefaults2);
  return fill(conversion);
}

Result<void> fill_gemma3(Conversion& conversion) {
  conversion.config.set_defaults(kDefaults3);
  HEARTH_CHECK(fill(conversion));
  return conversion.add_tensors(kShiftedHeadNorms);
}

}  // namespace hearth::convert
