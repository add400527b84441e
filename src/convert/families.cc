#include "convert/families.h"

#include <algorithm>
#include <iterator>

namespace hearth::convert {

// Each in a file family_*.cc.
Result<void> fill_llama(Conversion& conversion);
Result<void> fill_mixtral(Conversion& conversion);
Result<void> fill_qwen2(Conversion& conversion);
Result<void> fill_qwen3(Conversion& conversion);

namespace {

constexpr FamilySpec kFamilies[] = {
    {"LlamaForCausalLM", "llama", fill_llama},   {"LlamaModel", "llama", fill_llama},
    {"MistralForCausalLM", "llama", fill_llama}, {"MixtralForCausalLM", "llama", fill_mixtral},
    {"Qwen2ForCausalLM", "qwen2", fill_qwen2},   {"Qwen2Model", "qwen2", fill_qwen2},
    {"Qwen3ForCausalLM", "qwen3", fill_qwen3},   {"Qwen3Model", "qwen3", fill_qwen3},
};

}  // namespace

const FamilySpec* find_family(std::string_view hf_name) {
  const auto* found = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                   [&](const FamilySpec& f) { return f.hf_name == hf_name; });
  return found == std::end(kFamilies) ? nullptr : found;
}

std::vector<std::string_view> known_families() {
  std::vector<std::string_view> names;
  for (const FamilySpec& family : kFamilies) names.push_back(family.hf_name);
  return names;
}

}  // namespace hearth::convert
