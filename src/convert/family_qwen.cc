// Qwen 2 and 3.
#include "convert/name_tables.h"

namespace hearth::convert {
namespace {

Result<void> fill_but_feed_forward(Conversion& conversion) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_CHECK(conversion.add_tensors(kEnds));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_tensors(kLayerNorms));
  return conversion.add_tensors(kAttention);
}

}  // namespace

Result<void> fill_qwen2(Conversion& conversion) {
  HEARTH_CHECK(fill_but_feed_forward(conversion));
  return conversion.add_tensors(kFeedForward);
}

Result<void> fill_qwen3(Conversion& conversion) {
  HEARTH_CHECK(fill_qwen2(conversion));
  return conversion.add_tensors(kQueryKeyNorms);
}

Result<void> fill_qwen3moe(Conversion& conversion) {
  HEARTH_CHECK(fill_but_feed_forward(conversion));
  HEARTH_CHECK(conversion.copy_size("expert_feed_forward_length", {"moe_intermediate_size"}));
  HEARTH_CHECK(conversion.add_tensors(kQueryKeyNorms));
  return conversion.add_tensors(kExperts);
}

}  // namespace hearth::convert
