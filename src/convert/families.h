// The families of models that can be converted: by the names that their config.json has.
#pragma once

#include <string_view>
#include <vector>

#include "convert/conversion.h"

namespace hearth::convert {

struct FamilySpec {
  std::string_view hf_name;       // in `architectures` of config.json
  std::string_view architecture;  // general.architecture
  Result<void> (*fill)(Conversion& conversion);
};

// nullptr when hearth does not know the name.
[[nodiscard]] const FamilySpec* find_family(std::string_view hf_name);
// Names as config.json has them, and as GGUF has them.
[[nodiscard]] std::vector<std::string_view> known_families();
[[nodiscard]] std::vector<std::string_view> known_architectures();

}  // namespace hearth::convert
