// Gemma 2 (Riviere et al. 2024, arXiv 2408.00118): every other layer sees a window, norms before
// and behind each block, GeGLU, scores and logits below a cap.
#include <cmath>

#include "model/family.h"

namespace hearth::model {
namespace {

// The largest model of the second and third generation scales scores by its width.
constexpr size_t kLayersOfLargest2 = 46;

}  // namespace

Result<void> bind_gemma2(Family& family) {
  constexpr size_t kPeriod = 2;
  ModelConfig& config = family.config();
  config.activation = Activation::gelu;
  config.embedding_scale = std::sqrt(static_cast<float>(config.n_embd));
  HEARTH_CHECK(family.read_attention());
  HEARTH_CHECK(family.read_windows(kPeriod));
  HEARTH_TRY(const RopeConfig rope, family.read_rope(RopeConfig::Pairs::halves));
  config.ropes = {rope};
  HEARTH_TRY(const double cap, family.keys.real_or("attn_logit_softcapping", 0, 1e6, 50));
  HEARTH_TRY(const double final_cap, family.keys.real_or("final_logit_softcapping", 0, 1e6, 30));
  config.logit_softcap = static_cast<float>(final_cap);
  for (size_t i = 0; i < family.n_layers(); ++i) {
    AttentionConfig& attention = family.layer_config(i).attention;
    attention.softcap = static_cast<float>(cap);
    if (family.n_layers() == kLayersOfLargest2) {
      attention.scale = 1.0f / std::sqrt(static_cast<float>(config.n_embd / attention.n_heads));
    }
    HEARTH_CHECK(family.bind_normed_layer(i));
  }
  return family.bind_ends();
}

}  // namespace hearth::model
