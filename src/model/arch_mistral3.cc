// Mistral 3: a Llama whose queries grow with their position beyond the original context.
#include <cmath>

#include "model/family.h"

namespace hearth::model {

Result<void> bind_llama(Family& family);

Result<void> bind_mistral3(Family& family) {
  HEARTH_CHECK(bind_llama(family));
  const RopeConfig& rope = family.config().ropes[0];
  HEARTH_TRY(const double temperature,
             family.keys.real_or("attention.temperature_scale", 0, 1e3, 0));
  HEARTH_TRY(const double scale, family.keys.real_or("attention.scale", 0, 1e3, 0));
  for (LayerConfig& layer : family.config().layers) {
    layer.attention.temperature = static_cast<float>(temperature);
    layer.attention.temperature_step = static_cast<size_t>(rope.original_context);
    if (scale != 0) layer.attention.scale = static_cast<float>(scale);
  }
  return {};
}

}  // namespace hearth::model
