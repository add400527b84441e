// The keys that all families have, and what they say of rope.
#include <cmath>

#include "convert/conversion.h"

namespace hearth::convert {
namespace {

constexpr float kTurn = 6.28318530717958647692f;  // in radians

}  // namespace

Result<void> Conversion::add_common_keys() {
  HEARTH_TRY(const uint32_t layers, n_layers());
  set_size("block_count", layers);
  HEARTH_TRY(const uint32_t context, config.size({"max_position_embeddings", "n_positions"}));
  set_size("context_length", context);
  HEARTH_TRY(const uint32_t width, config.size({"hidden_size"}));
  set_size("embedding_length", width);
  HEARTH_CHECK(copy_size("feed_forward_length", {"intermediate_size"}));
  HEARTH_TRY(const uint32_t heads, n_heads());
  set_size("attention.head_count", heads);
  HEARTH_TRY(const uint32_t kv_heads, n_kv_heads());
  set_size("attention.head_count_kv", kv_heads);
  HEARTH_CHECK(copy_real("attention.layer_norm_rms_epsilon", {"rms_norm_eps", "norm_eps"}));
  HEARTH_CHECK(copy_real("attention.layer_norm_epsilon", {"layer_norm_eps", "norm_epsilon"}));
  if (config.has({"head_dim"})) {
    HEARTH_TRY(const uint32_t dim, head_dim());
    set_size("attention.key_length", dim);
    set_size("attention.value_length", dim);
  }
  HEARTH_CHECK(copy_size("expert_count", {"num_local_experts", "num_experts", "n_routed_experts"}));
  HEARTH_CHECK(copy_size("expert_used_count", {"num_experts_per_tok", "top_k_experts"}));
  HEARTH_CHECK(copy_size("vocab_size", {"vocab_size"}));
  return add_rope_keys();
}

Result<void> Conversion::add_rope_keys() {
  const HfConfig rope = config.rope();
  if (rope.has({"rope_theta"})) {
    HEARTH_TRY(const double base, rope.real({"rope_theta"}));
    set_real("rope.freq_base", base);
  } else {
    HEARTH_CHECK(copy_real("rope.freq_base", {"rope_theta"}));
  }
  const HfConfig sliding = config.sliding_rope();
  if (sliding.has({"rope_theta"})) {
    HEARTH_TRY(const double base, sliding.real({"rope_theta"}));
    set_real("rope.freq_base_swa", base);
  } else {
    HEARTH_CHECK(copy_real("rope.freq_base_swa", {"rope_local_base_freq"}));
  }
  HEARTH_TRY(const std::string type, rope.text_or({"rope_type", "type"}, "default"));
  if (type == "linear" || type == "yarn") {
    HEARTH_TRY(const double factor, rope.real({"factor"}));
    set_text("rope.scaling.type", type);
    set_real("rope.scaling.factor", factor);
  }
  if (type == "yarn") {
    HEARTH_TRY(const uint32_t before, rope.size({"original_max_position_embeddings"}));
    set_size("rope.scaling.original_context_length", before);
    struct Copy {
      std::string_view to;
      Names from;
    };
    for (const Copy& copy :
         {Copy{"rope.scaling.yarn_ext_factor", {"extrapolation_factor"}},
          Copy{"rope.scaling.yarn_attn_factor", {"attention_factor", "attn_factor"}},
          Copy{"rope.scaling.yarn_beta_fast", {"beta_fast"}},
          Copy{"rope.scaling.yarn_beta_slow", {"beta_slow"}}}) {
      if (!rope.has(copy.from)) continue;
      HEARTH_TRY(const double value, rope.real(copy.from));
      set_real(copy.to, value);
    }
  } else if (type == "longrope" || type == "su") {
    set_text("rope.scaling.type", "longrope");
  } else if (type != "default" && type != "linear" && type != "llama3" && type != "proportional" &&
             type != "mrope") {
    return fail(ErrorCode::unsupported, "config.json: rope of the type '", printable(type, 40),
                "' is not known to hearth");
  }
  return {};
}

Result<double> Conversion::turned_part(double usual) const {
  HEARTH_TRY(const double top, config.real_or({"partial_rotary_factor"}, usual));
  HEARTH_TRY(const double part, config.rope().real_or({"partial_rotary_factor"}, top));
  if (!(part > 0 && part <= 1)) {
    return fail(ErrorCode::bad_file, "config.json: 'partial_rotary_factor' is not from 0 to 1");
  }
  return part;
}

Result<void> Conversion::add_rope_divisors() {
  const HfConfig rope = config.rope();
  HEARTH_TRY(const std::string type, rope.text_or({"rope_type", "type"}, "default"));
  if (type != "llama3") return {};
  HEARTH_TRY(const double top_base, config.real_or({"rope_theta"}, 10000.0));
  HEARTH_TRY(const double base, rope.real_or({"rope_theta"}, top_base));
  HEARTH_TRY(const double factor, rope.real_or({"factor"}, 8.0));
  HEARTH_TRY(const double low, rope.real_or({"low_freq_factor"}, 1.0));
  HEARTH_TRY(const double high, rope.real_or({"high_freq_factor"}, 4.0));
  HEARTH_TRY(const double context, rope.real_or({"original_max_position_embeddings"}, 8192.0));
  HEARTH_TRY(const uint32_t dim, head_dim());
  // As the model's own code has it, all in 32 bits. Turns over the old context decide: few are
  // slowed down by the factor, many stay, between the two is mixed.
  std::vector<float> divisors;
  for (uint32_t i = 0; i < dim; i += 2) {
    const float frequency =
        1.0f / std::pow(static_cast<float>(base), static_cast<float>(i) / static_cast<float>(dim));
    const float wavelength = kTurn / frequency;
    float divisor = 1;
    if (wavelength > static_cast<float>(context / low)) {
      divisor = static_cast<float>(factor);
    } else if (wavelength >= static_cast<float>(context / high)) {
      const float mix = (static_cast<float>(context) / wavelength - static_cast<float>(low)) /
                        static_cast<float>(high - low);
      divisor = 1.0f / ((1.0f - mix) / static_cast<float>(factor) + mix);
    }
    divisors.push_back(divisor);
  }
  add_values("rope_freqs.weight", std::move(divisors));
  return {};
}

}  // namespace hearth::convert
