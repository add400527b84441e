// make_bench_model: writes a GGUF of random weights in the shape of a real model, to measure speed
// with.
#include <CLI/CLI.hpp>

#include "bench/random_model.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::bench {
namespace {

struct Options {
  std::string shape = "1b";
  std::string type = "Q4_K_M";
  std::string output;
  uint64_t seed = 1;
};

Result<void> make(const Options& options) {
  const Shape* shape = find_shape(options.shape);
  if (shape == nullptr) {
    return fail(ErrorCode::bad_usage, "there is no shape '", printable(options.shape),
                "': choose tiny, 0.6b, 1b or 7b");
  }
  HEARTH_TRY(os::FileWriter file, os::FileWriter::create(options.output));
  cli::Progress progress("writing", 100, "percent");
  const auto sink = [&](Bytes bytes) -> Result<void> {
    if (os::interrupted()) return fail(ErrorCode::interrupted, "interrupted");
    return file.write(bytes);
  };
  HEARTH_CHECK(write_random_model(
      *shape, options.type, options.seed, sink,
      [&](uint64_t done, uint64_t total) { progress.update(100 * done / total); }));
  return file.commit();
}

}  // namespace
}  // namespace hearth::bench

int main(int argc, char** argv) {
  hearth::os::install_signal_handlers();
  hearth::bench::Options options;
  CLI::App app{"Writes a GGUF model of random weights, directly in any format", "make_bench_model"};
  app.add_option("--shape", options.shape, "tiny, 0.6b, 1b or 7b")->capture_default_str();
  app.add_option("--type", options.type,
                 "A format (Q4_0, IQ4_XS, MXFP4, F16 ...) or Q3_K_M, Q4_K_M, Q5_K_M")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of the weights")->capture_default_str();
  app.add_option("-o,--output", options.output, "File to write")->required();
  CLI11_PARSE(app, argc, argv);
  const auto done = hearth::bench::make(options);
  if (done) return hearth::cli::kExitDone;
  hearth::cli::say(hearth::cat("make_bench_model: ", done.error().message));
  return hearth::cli::exit_code(done.error());
}
