// Qwen 3 (Yang et al. 2025, arXiv 2505.09388): queries and keys are normed head by head.
#include "model/family.h"

namespace hearth::model {

Result<void> bind_qwen2(Family& family);

Result<void> bind_qwen3(Family& family) {
  HEARTH_CHECK(bind_qwen2(family));
  for (size_t i = 0; i < family.n_layers(); ++i) {
    HEARTH_CHECK(family.bind_head_norms(i, std::get<AttentionWeights>(family.layer(i).mixer)));
  }
  family.model.weights.classifier.softmax = true;  // its rerankers score "yes" and "no"
  return {};
}

}  // namespace hearth::model
