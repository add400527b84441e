#include "model/registry.h"

#include "model/family.h"

namespace hearth::model {

// Each in the file of its name.
Result<void> bind_bert(Family& family);
Result<void> bind_deepseek2(Family& family);
Result<void> bind_gemma2(Family& family);
Result<void> bind_gemma3(Family& family);
Result<void> bind_gemma4(Family& family);
Result<void> bind_glm4(Family& family);
Result<void> bind_gpt_oss(Family& family);
Result<void> bind_granite(Family& family);
Result<void> bind_lfm2(Family& family);
Result<void> bind_llama(Family& family);
Result<void> bind_mistral3(Family& family);
Result<void> bind_olmo2(Family& family);
Result<void> bind_phi3(Family& family);
Result<void> bind_qwen2(Family& family);
Result<void> bind_qwen3(Family& family);
Result<void> bind_qwen35(Family& family);
Result<void> bind_qwen3moe(Family& family);
Result<void> bind_smollm3(Family& family);
Result<void> bind_starcoder2(Family& family);

namespace {

struct Architecture {
  std::string_view name;  // general.architecture
  Result<void> (*bind)(Family& family);
};

constexpr Architecture kArchitectures[] = {
    {"bert", bind_bert},
    {"deepseek2", bind_deepseek2},
    {"gemma2", bind_gemma2},
    {"gemma3", bind_gemma3},
    {"gemma4", bind_gemma4},
    {"glm4", bind_glm4},
    {"gpt-oss", bind_gpt_oss},
    {"granite", bind_granite},
    {"lfm2", bind_lfm2},
    {"llama", bind_llama},
    {"mistral3", bind_mistral3},
    {"olmo2", bind_olmo2},
    {"phi3", bind_phi3},
    {"qwen2", bind_qwen2},
    {"qwen3", bind_qwen3},
    {"qwen35", bind_qwen35},
    {"qwen3moe", bind_qwen3moe},
    {"smollm3", bind_smollm3},
    {"starcoder2", bind_starcoder2},
};

}  // namespace

std::vector<std::string_view> known_architectures() {
  std::vector<std::string_view> names;
  for (const Architecture& architecture : kArchitectures) names.push_back(architecture.name);
  return names;
}

namespace {

// Files that belong to a model are no models themselves.
Result<void> check_is_model(const gguf::File& file) {
  HEARTH_TRY(const std::string_view type, file.metadata.text_or("general.type", "model"));
  if (type == "adapter") {
    return fail(ErrorCode::bad_file,
                "this is an adapter, no model: give its model with -m and the adapter with --lora");
  }
  if (type != "model") {
    return fail(ErrorCode::unsupported, "this is a file of the type '", printable(type, 40),
                "' ('general.type'), no language model");
  }
  return {};
}

}  // namespace

Result<Model> bind(const gguf::File& file) {
  HEARTH_CHECK(check_is_model(file));
  HEARTH_TRY(const std::string_view name, file.metadata.text("general.architecture"));
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name != name) continue;
    Family family(file);
    HEARTH_CHECK(family.open());
    HEARTH_CHECK(architecture.bind(family));
    return family.finish();
  }
  std::string known;
  for (const std::string_view each : known_architectures())
    known += cat(known.empty() ? "" : ", ", each);
  return fail(ErrorCode::unsupported, "the architecture '", printable(name),
              "' is not known to this hearth, which runs: ", known);
}

}  // namespace hearth::model
