// hearth bench: how fast this machine runs a model, beside what it could do at most.
#include <algorithm>

#include "cli/bench_report.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "engine/measure.h"
#include "flags/flags.h"

namespace hearth::cli {
namespace {

constexpr size_t kFirstPrompt = 32;  // tokens of the prompt whose first answer is timed
constexpr size_t kWarmUp = 4;        // tokens decoded before anything is timed

struct BenchOptions {
  ModelOptions model;
  std::vector<size_t> prompts{512};
  std::vector<size_t> answers{128};
  std::vector<size_t> depths{0};
  std::vector<size_t> sequences;
  size_t repetitions = 5;
  bool json = false;
};

using Sessions = std::vector<std::unique_ptr<engine::Session>>;

// In the order of depth, so that what one row put into the context serves the next.
std::vector<BenchRow> rows_of(const BenchOptions& options) {
  std::vector<BenchRow> rows;
  std::vector<size_t> depths = options.depths;
  std::sort(depths.begin(), depths.end());
  for (const size_t depth : depths) {
    for (const size_t tokens : options.prompts) {
      if (tokens > 0) rows.push_back({BenchRow::Kind::prefill, tokens, depth, 1, {}});
    }
    for (const size_t tokens : options.answers) {
      if (tokens > 0) rows.push_back({BenchRow::Kind::decode, tokens, depth, 1, {}});
    }
  }
  for (const size_t sequences : options.sequences) {
    rows.push_back({BenchRow::Kind::batched, options.answers.front(), 0, sequences, {}});
  }
  return rows;
}

size_t context_needed(const std::vector<BenchRow>& rows) {
  size_t needed = kFirstPrompt;
  for (const BenchRow& row : rows) needed = std::max(needed, row.depth + row.tokens);
  return needed;
}

Result<double> measure(const BenchRow& row, const Sessions& sessions) {
  engine::Session& first = *sessions.front();
  if (row.kind == BenchRow::Kind::prefill)
    return engine::measure_prefill(first, row.tokens, row.depth);
  if (row.kind == BenchRow::Kind::decode)
    return engine::measure_decode(first, row.tokens, row.depth);
  std::vector<engine::Session*> together;
  for (size_t i = 0; i < row.sequences; ++i) {
    sessions[i]->rewind(0);
    together.push_back(sessions[i].get());
  }
  return engine::measure_batched_decode(together, row.tokens);
}

// Opens as many sessions as the largest batch has sequences; the first is there already.
Result<void> open_all(const std::vector<BenchRow>& rows, Sessions& sessions) {
  const auto& runtime = sessions.front()->runtime();
  for (const BenchRow& row : rows) {
    if (row.sequences > runtime->together()) {
      return fail(ErrorCode::bad_usage, "-npl asks for ", row.sequences,
                  " sequences, but this model decodes at most ", runtime->together(), " together");
    }
    while (sessions.size() < row.sequences) {
      HEARTH_TRY(auto session, engine::Session::open(runtime));
      sessions.push_back(std::move(session));
    }
  }
  return {};
}

// Measures the rows, and the limits of the machine between them.
Result<void> measure_rows(const BenchOptions& options, const Sessions& sessions,
                          BenchReport& report) {
  engine::Session& session = *sessions.front();
  const IsaLevel level = session.kernels().level;
  report.arithmetic = engine::arithmetic_of(session.model().model(), level);
  HEARTH_TRY(engine::LimitsMeter meter, engine::LimitsMeter::create(level, report.arithmetic));
  HEARTH_CHECK(engine::measure_decode(session, kWarmUp, 0));
  Progress progress("measuring", report.rows.size() * options.repetitions, "runs");
  size_t done = 0;
  for (BenchRow& row : report.rows) {
    for (size_t i = 0; i < options.repetitions; ++i) {
      HEARTH_TRY(const double rate, measure(row, sessions));
      row.rates.push_back(rate);
      meter.sample(session.runtime()->pool());
      progress.update(++done);
    }
  }
  report.limits = meter.limits();
  // The meter's memory was there all the time; it is none of the model's.
  report.memory = os::process_memory();
  report.memory.peak_resident -= std::min(report.memory.peak_resident, meter.bytes());
  report.memory.anonymous -= std::min(report.memory.anonymous, meter.bytes());
  return {};
}

Result<void> bench(BenchOptions& options) {
  BenchReport report;
  report.rows = rows_of(options);
  if (report.rows.empty()) {
    return fail(ErrorCode::bad_usage, "nothing to measure: -p and -n are both 0");
  }
  const size_t needed = context_needed(report.rows);
  if (options.model.context == 0) options.model.context = needed;
  const double start = os::monotonic_seconds();
  HEARTH_TRY(const auto model, load_model(options.model));
  report.load_seconds = os::monotonic_seconds() - start;
  HEARTH_TRY(const engine::SessionOptions session_opts, session_options(options.model));
  Sessions sessions(1);
  HEARTH_TRY(sessions[0], engine::Session::open(*model, session_opts));
  report.ready_seconds = os::monotonic_seconds() - start;
  report.first_prompt = std::min(kFirstPrompt, sessions[0]->context());
  HEARTH_CHECK(engine::measure_prefill(*sessions[0], report.first_prompt, 0));
  report.first_token_seconds = os::monotonic_seconds() - start;
  HEARTH_CHECK(open_all(report.rows, sessions));
  HEARTH_CHECK(measure_rows(options, sessions, report));
  for (const auto& session : sessions) report.kv_bytes += session->kv_bytes();
  return print(options.json ? bench_json(report, *sessions[0]) : bench_table(report, *sessions[0]));
}

void add_list(CLI::App& command, const char* names, std::vector<size_t>& target, int64_t least,
              int64_t most, const char* help) {
  command.add_option(names, target, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("N,N,...")
      ->check(flags::whole_number(least, most));
}

}  // namespace

void add_bench(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command =
      app.add_subcommand("bench", "Measure tokens per second, beside the limits of this machine");
  constexpr auto kMost = static_cast<int64_t>(model::kMaxContext / 2);
  add_list(*command, "-p,--n-prompt", options->prompts, 0, kMost,
           "Tokens of the prompt; 0 leaves prefill out (default: 512)");
  add_list(*command, "-n,--n-gen", options->answers, 0, kMost,
           "Tokens to decode; 0 leaves decode out (default: 128)");
  add_list(*command, "-d,--n-depth", options->depths, 0, kMost,
           "Tokens in the context before (default: 0)");
  add_list(*command, "--npl,--sequences", options->sequences, 1, engine::kMaxTogether,
           "Also decode this many sequences together");
  command->add_option("-r,--repetitions", options->repetitions, "Runs; the median counts")
      ->capture_default_str()
      ->type_name("N")
      ->check(flags::whole_number(1, 1000));
  command->add_flag("--json", options->json, "Print one JSON object; rates are tokens/s");
  add_model_flags(*command, options->model, ModelFlags::compute);
  command->callback([options, &chosen] { chosen = [options] { return bench(*options); }; });
}

}  // namespace hearth::cli
