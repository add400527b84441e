#include "cli/adapter_options.h"

#include <cmath>
#include <cstdlib>

#include "cli/command.h"
#include "flags/flags.h"

namespace hearth::cli {
namespace {

struct Wanted {
  std::string path;
  float scale = 1;
};

// A path may hold colons: the scale stands behind the last.
Result<Wanted> parse_scaled(const std::string& text) {
  const size_t colon = text.rfind(':');
  const std::string number = colon == text.npos ? "" : text.substr(colon + 1);
  char* end = nullptr;
  const float scale = std::strtof(number.c_str(), &end);
  if (colon == 0 || number.empty() || *end != '\0' || !std::isfinite(scale)) {
    return fail(ErrorCode::bad_usage, "--lora-scaled is '", printable(text, 100),
                "', it must be FILE:SCALE, as in style.gguf:0.5");
  }
  return Wanted{text.substr(0, colon), scale};
}

}  // namespace

void add_adapter_flags(CLI::App& command, AdapterFlags& flags) {
  command
      .add_option("--lora", flags.files,
                  "A LoRA adapter (GGUF) to put on the model; may be given several times")
      ->type_name("FILE")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(flags::not_empty());
  command
      .add_option("--lora-scaled", flags.scaled,
                  "The same with how much of it counts, as in style.gguf:0.5")
      ->type_name("FILE:SCALE")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(flags::not_empty());
}

Result<LoadedAdapters> load_adapters(const engine::LoadedModel& model, const AdapterFlags& flags) {
  std::vector<Wanted> wanted;
  for (const std::string& path : flags.files) wanted.push_back({path, 1});
  for (const std::string& text : flags.scaled) {
    HEARTH_TRY(Wanted scaled, parse_scaled(text));
    wanted.push_back(std::move(scaled));
  }
  LoadedAdapters loaded;
  for (const Wanted& each : wanted) {
    HEARTH_TRY(auto file, engine::LoadedAdapter::load(each.path, model));
    for (const std::string& warning : file->adapter().warnings())
      say(cat("hearth: warning: ", printable(each.path, 400), ": ", warning));
    loaded.active.push_back({&file->adapter(), each.scale});
    loaded.files.push_back(std::move(file));
  }
  return loaded;
}

}  // namespace hearth::cli
