// hearth doctor: what this machine offers, what hearth will use of it, and whether it works.
#include <cmath>

#include "base/rng.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "engine/measure.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::cli {
namespace {

std::string row(std::string_view name, std::string_view value) {
  return cat("  ", name, std::string(name.size() < 12 ? 12 - name.size() : 1, ' '), value, "\n");
}

// Multiplies random F32 and 8-bit data on a level and on the reference; the largest relative
// difference.
double kernel_difference(const Kernels& kernels) {
  constexpr size_t kWidth = 512;
  Rng rng(11);
  std::vector<float> weights(kWidth), x(kWidth);
  for (float& w : weights) w = static_cast<float>(rng.uniform() - 0.5);
  for (float& v : x) v = static_cast<float>(rng.uniform() - 0.5);
  float results[2] = {};
  const Kernels* both[2] = {&kernels, &kernels_for(IsaLevel::reference)};
  for (int i = 0; i < 2; ++i) {
    DotArgs args;
    args.rows = reinterpret_cast<const std::byte*>(weights.data());
    args.row_bytes = kWidth * sizeof(float);
    args.n_rows = 1;
    args.x = {.n = kWidth, .columns = 1, .values = x.data()};
    args.out = &results[i];
    args.out_stride = 1;
    both[i]->dot(DType::F32, args);
  }
  return std::fabs(static_cast<double>(results[0]) - static_cast<double>(results[1]));
}

std::string machine_rows() {
  const os::CpuInfo cpu = os::cpu_info();
  const os::MemoryInfo memory = os::memory_info();
  std::string levels;
  for (const IsaLevel level : available_levels()) {
    const bool works = kernel_difference(kernels_for(level)) < 1e-4;
    levels += cat(levels.empty() ? "" : ", ", name_of(level), works ? "" : " (BROKEN)");
  }
  std::string out = row("processor", cpu.model);
  out += row("threads", cat(cpu.usable_threads, " (all that this process may use)"));
  out += row("kernels", cat(name_of(available_levels().back()), " of ", levels));
  out += row("memory", cat(human_bytes(memory.available), " free of ", human_bytes(memory.total)));
  if (best_kernels().level == IsaLevel::reference) {
    out += row("warning", "this processor has no AVX2: hearth works, but slowly");
  }
  return out;
}

std::string model_rows(const ModelOptions& options) {
  const auto path = model_path(options);
  if (!path) return row("model", cat("not found: ", path.error().message));
  const double start = os::monotonic_seconds();
  const auto model = engine::LoadedModel::load(*path);
  if (!model) return row("model", cat("broken: ", model.error().message));
  const auto session = engine::Session::open(**model, {.context = 128});
  if (!session) return row("model", cat("does not run: ", session.error().message));
  const auto ready = os::monotonic_seconds() - start;
  const auto speed = engine::measure_decode(**session, 32, 0);
  std::string out = row("model", printable(*path, 400));
  out += row("", cat("ready in ", fixed(1000 * ready, 0), " ms, decodes ",
                     speed ? fixed(*speed, 0) : "no", " tokens/s"));
  return out;
}

Result<void> doctor(const ModelOptions& options) {
  return print(cat("hearth ", HEARTH_VERSION, "\n", machine_rows(), model_rows(options)));
}

}  // namespace

void add_doctor(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ModelOptions>();
  CLI::App* command = app.add_subcommand(
      "doctor", "Check this machine: processor, memory, model, and what will be used");
  add_model_flags(*command, *options, ModelFlags::file_only);
  command->callback([options, &chosen] { chosen = [options] { return doctor(*options); }; });
}

}  // namespace hearth::cli
