// The flags that put LoRA adapters on a model.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "engine/adapter_file.h"
#include "engine/session.h"

namespace hearth::cli {

struct AdapterFlags {
  std::vector<std::string> files;
  std::vector<std::string> scaled;  // FILE:SCALE
};

// Adapters that stay loaded as long as this does.
struct LoadedAdapters {
  std::vector<std::unique_ptr<const engine::LoadedAdapter>> files;
  engine::Adapters active;
};

void add_adapter_flags(CLI::App& command, AdapterFlags& flags);

// Loads them for this model, and shows their warnings on standard error.
[[nodiscard]] Result<LoadedAdapters> load_adapters(const engine::LoadedModel& model,
                                                   const AdapterFlags& flags);

}  // namespace hearth::cli
