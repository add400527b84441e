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

// Loads and runs the model; what went wrong is the error.
Result<std::string> model_rows(const ModelOptions& options) {
  HEARTH_TRY(const std::string path, model_path(options));
  const double start = os::monotonic_seconds();
  HEARTH_TRY(const auto model, engine::LoadedModel::load(path));
  HEARTH_TRY(const auto session, engine::Session::open(*model, {.context = 128}));
  const double ready = os::monotonic_seconds() - start;
  HEARTH_TRY(const double speed, engine::measure_decode(*session, 32, 0));
  return row("model", printable(path, 400)) +
         row("", cat("ready in ", fixed(1000 * ready, 0), " ms, decodes ", fixed(speed, 0),
                     " tokens/s"));
}

Result<void> doctor(const ModelOptions& options) {
  HEARTH_CHECK(print(cat("hearth ", HEARTH_VERSION, "\n", machine_rows())));
  const Result<std::string> rows = model_rows(options);
  HEARTH_CHECK(print(rows ? *rows : row("model", cat("does not run: ", rows.error().message))));
  if (!rows) return tl::unexpected<Error>(rows.error());
  return {};
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
