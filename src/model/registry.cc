#include "model/registry.h"

namespace hearth::model {
namespace {

struct Architecture {
  std::string_view name;  // general.architecture
  Result<Model> (*bind)(const gguf::File& file);
};

constexpr Architecture kArchitectures[] = {
    {"llama", bind_llama},
};

}  // namespace

std::vector<std::string_view> known_architectures() {
  std::vector<std::string_view> names;
  for (const Architecture& architecture : kArchitectures) names.push_back(architecture.name);
  return names;
}

Result<Model> bind(const gguf::File& file) {
  HEARTH_TRY(const std::string_view name, file.metadata.text("general.architecture"));
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == name) return architecture.bind(file);
  }
  std::string known;
  for (const std::string_view each : known_architectures())
    known += cat(known.empty() ? "" : ", ", each);
  return fail(ErrorCode::unsupported, "the architecture '", printable(name),
              "' is not known to this hearth, which runs: ", known);
}

}  // namespace hearth::model
