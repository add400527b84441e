// Qwen 3 with experts in every layer.
#include "model/family.h"

namespace hearth::model {

Result<void> bind_qwen3(Family& family);

Result<void> bind_qwen3moe(Family& family) {
  family.config().router.normalize = true;
  return bind_qwen3(family);
}

}  // namespace hearth::model
