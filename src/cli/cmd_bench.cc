// hearth bench: how fast this machine runs a model, beside what its memory would allow.
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "engine/measure.h"
#include "os/pages.h"
#include "os/system.h"

namespace hearth::cli {
namespace {

struct BenchOptions {
  ModelOptions model;
  size_t prompt = 512;
  size_t answer = 128;
  size_t depth = 0;
  size_t repetitions = 5;
  bool json = false;
};

struct BenchResult {
  std::vector<double> prefill;  // tokens/s
  std::vector<double> decode;   // tokens/s
  std::vector<double> read;     // bytes/s of streamed reads, measured between
  double load_seconds = 0;
};

// Larger than any cache that would flatter it.
Result<os::Pages> touched_memory() {
  constexpr uint64_t kBytes = uint64_t{256} << 20;
  HEARTH_TRY(os::Pages pages, os::Pages::allocate(kBytes));
  for (uint64_t i = 0; i < kBytes; i += 4096) pages.data()[i] = std::byte{1};
  return pages;
}

Result<BenchResult> measure(engine::Session& session, const BenchOptions& options) {
  HEARTH_TRY(const os::Pages memory, touched_memory());
  ThreadPool readers(session.threads());
  BenchResult result;
  HEARTH_CHECK(engine::measure_decode(session, std::min<size_t>(options.answer, 4), 0));  // warm-up
  Progress progress("measuring", options.repetitions, "runs");
  for (size_t i = 0; i < options.repetitions; ++i) {
    if (options.prompt > 0) {
      HEARTH_TRY(const double rate, engine::measure_prefill(session, options.prompt));
      result.prefill.push_back(rate);
    }
    result.read.push_back(
        engine::measure_read_bandwidth(readers, Bytes(memory.data(), memory.size())));
    if (options.answer > 0) {
      HEARTH_TRY(const double rate, engine::measure_decode(session, options.answer, options.depth));
      result.decode.push_back(rate);
    }
    progress.update(i + 1);
  }
  return result;
}

nlohmann::json to_json(const BenchOptions& options, const BenchResult& result,
                       engine::Session& session, uint64_t weight_bytes) {
  return {{"model", session.model().config().name},
          {"prefill", engine::median(result.prefill)},
          {"decode", engine::median(result.decode)},
          {"prefill_runs", result.prefill},
          {"decode_runs", result.decode},
          {"prompt_tokens", options.prompt},
          {"answer_tokens", options.answer},
          {"depth", options.depth},
          {"threads", session.threads()},
          {"isa", session.kernels().name},
          {"bytes_per_token", weight_bytes},
          {"read_bandwidth", engine::median(result.read)},
          {"load_seconds", result.load_seconds},
          {"cpu", os::cpu_info().model},
          {"peak_resident_bytes", os::process_memory().peak_resident}};
}

std::string table(const BenchOptions& options, const BenchResult& result, engine::Session& session,
                  uint64_t weight_bytes) {
  const double read = engine::median(result.read);
  const double decode = engine::median(result.decode);
  const double limit = read / static_cast<double>(weight_bytes);
  const std::string& name = session.model().config().name;
  std::string out = cat(name.empty() ? "a model without a name" : name, ", ", session.threads(),
                        " threads, ", session.kernels().name, ", ", os::cpu_info().model, "\n");
  if (options.prompt > 0) {
    out += cat("  prefill  ", fixed(engine::median(result.prefill), 1), " tokens/s  (",
               options.prompt, " tokens, median of ", options.repetitions, ")\n");
  }
  if (options.answer > 0) {
    out += cat("  decode   ", fixed(decode, 1), " tokens/s  (", options.answer, " tokens behind ",
               options.depth, ", median of ", options.repetitions, ")\n           ",
               fixed(100 * decode / limit, 0), " % of the ", fixed(limit, 1),
               " tokens/s that reading ", human_bytes(weight_bytes), " a token at ",
               human_bytes(static_cast<uint64_t>(read)), "/s allows\n");
  }
  return out + cat("  loading  ", fixed(1000 * result.load_seconds, 0), " ms\n");
}

Result<void> bench(BenchOptions& options) {
  if (options.prompt == 0 && options.answer == 0) {
    return fail(ErrorCode::bad_usage, "nothing to measure: -p and -n are both 0");
  }
  const double start = os::monotonic_seconds();
  HEARTH_TRY(const auto model, load_model(options.model));
  const size_t needed = std::max({options.prompt, options.depth + options.answer, size_t{8}});
  if (options.model.context == 0) options.model.context = needed;
  HEARTH_TRY(const engine::SessionOptions session_opts, session_options(options.model));
  HEARTH_TRY(const auto session, engine::Session::open(*model, session_opts));
  const double load_seconds = os::monotonic_seconds() - start;
  HEARTH_TRY(BenchResult result, measure(*session, options));
  result.load_seconds = load_seconds;
  const uint64_t weight_bytes = engine::bytes_per_token(model->model());
  if (options.json) return print(to_json(options, result, *session, weight_bytes).dump() + "\n");
  return print(table(options, result, *session, weight_bytes));
}

}  // namespace

void add_bench(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand(
      "bench", "Measure tokens per second, beside the limit of this machine's memory");
  const auto count = [&](const char* names, size_t& target, int64_t least, int64_t most,
                         const char* help) {
    command->add_option(names, target, help)
        ->capture_default_str()
        ->type_name("N")
        ->check(whole_number(least, most));
  };
  constexpr auto kMost = static_cast<int64_t>(model::kMaxContext / 2);
  count("-p,--n-prompt", options->prompt, 0, kMost, "Tokens of the prompt; 0 leaves prefill out");
  count("-n,--n-gen", options->answer, 0, kMost, "Tokens to decode; 0 leaves decode out");
  count("-d,--n-depth", options->depth, 0, kMost, "Tokens in the context before decoding");
  count("-r,--repetitions", options->repetitions, 1, 1000, "Runs; the median counts");
  command->add_flag("--json", options->json,
                    "Print one JSON object; prefill and decode are tokens/s");
  add_model_flags(*command, options->model, ModelFlags::compute);
  command->callback([options, &chosen] { chosen = [options] { return bench(*options); }; });
}

}  // namespace hearth::cli
