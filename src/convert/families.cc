#include "convert/families.h"

#include <algorithm>
#include <iterator>

namespace hearth::convert {

// Each in a file family_*.cc.
Result<void> fill_bert(Conversion& conversion);
Result<void> fill_bert_classifier(Conversion& conversion);
Result<void> fill_deepseek2(Conversion& conversion);
Result<void> fill_gemma2(Conversion& conversion);
Result<void> fill_gemma3(Conversion& conversion);
Result<void> fill_gemma4(Conversion& conversion);
Result<void> fill_glm4(Conversion& conversion);
Result<void> fill_gpt_oss(Conversion& conversion);
Result<void> fill_granite(Conversion& conversion);
Result<void> fill_lfm2(Conversion& conversion);
Result<void> fill_llama(Conversion& conversion);
Result<void> fill_mistral3(Conversion& conversion);
Result<void> fill_mixtral(Conversion& conversion);
Result<void> fill_olmo2(Conversion& conversion);
Result<void> fill_phi3(Conversion& conversion);
Result<void> fill_qwen2(Conversion& conversion);
Result<void> fill_qwen3(Conversion& conversion);
Result<void> fill_qwen35(Conversion& conversion);
Result<void> fill_qwen3moe(Conversion& conversion);
Result<void> fill_roberta_classifier(Conversion& conversion);
Result<void> fill_smollm3(Conversion& conversion);
Result<void> fill_starcoder2(Conversion& conversion);

namespace {

constexpr FamilySpec kFamilies[] = {
    {"LlamaForCausalLM", "llama", fill_llama},
    {"LlamaModel", "llama", fill_llama},
    {"MistralForCausalLM", "llama", fill_llama},
    {"MixtralForCausalLM", "llama", fill_mixtral},
    {"Ministral3ForCausalLM", "mistral3", fill_mistral3},
    {"Mistral3ForConditionalGeneration", "mistral3", fill_mistral3},
    {"Qwen2ForCausalLM", "qwen2", fill_qwen2},
    {"Qwen2Model", "qwen2", fill_qwen2},
    {"Qwen3ForCausalLM", "qwen3", fill_qwen3},
    {"Qwen3Model", "qwen3", fill_qwen3},
    {"Qwen3MoeForCausalLM", "qwen3moe", fill_qwen3moe},
    {"Qwen3_5ForCausalLM", "qwen35", fill_qwen35},
    {"Qwen3_5ForConditionalGeneration", "qwen35", fill_qwen35},
    {"Gemma2ForCausalLM", "gemma2", fill_gemma2},
    {"Gemma3ForCausalLM", "gemma3", fill_gemma3},
    {"Gemma3ForConditionalGeneration", "gemma3", fill_gemma3},
    {"Gemma4ForCausalLM", "gemma4", fill_gemma4},
    {"Gemma4ForConditionalGeneration", "gemma4", fill_gemma4},
    {"Phi3ForCausalLM", "phi3", fill_phi3},
    {"GptOssForCausalLM", "gpt-oss", fill_gpt_oss},
    {"GraniteForCausalLM", "granite", fill_granite},
    {"SmolLM3ForCausalLM", "smollm3", fill_smollm3},
    {"Lfm2ForCausalLM", "lfm2", fill_lfm2},
    {"Olmo2ForCausalLM", "olmo2", fill_olmo2},
    {"Olmo3ForCausalLM", "olmo2", fill_olmo2},
    {"Starcoder2ForCausalLM", "starcoder2", fill_starcoder2},
    {"Glm4ForCausalLM", "glm4", fill_glm4},
    {"DeepseekV2ForCausalLM", "deepseek2", fill_deepseek2},
    {"DeepseekV3ForCausalLM", "deepseek2", fill_deepseek2},
    {"BertModel", "bert", fill_bert},
    {"BertForMaskedLM", "bert", fill_bert},
    {"RobertaModel", "bert", fill_bert},
    {"XLMRobertaModel", "bert", fill_bert},
    {"BertForSequenceClassification", "bert", fill_bert_classifier},
    {"RobertaForSequenceClassification", "bert", fill_roberta_classifier},
    {"XLMRobertaForSequenceClassification", "bert", fill_roberta_classifier},
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

std::vector<std::string_view> known_architectures() {
  std::vector<std::string_view> names;
  for (const FamilySpec& family : kFamilies) {
    if (std::find(names.begin(), names.end(), family.architecture) == names.end()) {
      names.push_back(family.architecture);
    }
  }
  return names;
}

}  // namespace hearth::convert
