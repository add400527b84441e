// measure_prefix: how long the first token takes when a prompt begins as an earlier one did. Each
// round has a prefix of its own and asks five times, each time with another end:
//   first     nothing is known
//   beside    while the first is being answered in another place
//   taken     when all places have been given to other prompts since
//   restart   by a new scheduler, with the file (whose pages are then in memory)
//   cold      the same, when the system has forgotten the file's pages
//   without   by a scheduler without a cache
// Every answer is compared with that of a scheduler without a cache.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "cli/command.h"
#include "engine/limits.h"
#include "engine/scheduler.h"
#include "os/system.h"

namespace hearth::bench {
namespace {

struct Options {
  std::string model;
  std::string file = "/var/tmp/measure_prefix.cache";
  size_t prefix = 2000;
  size_t end = 24;
  size_t rounds = 5;
};

struct Answer {
  double seconds = 0;
  size_t reused = 0;
  std::string text;
};

struct Process {
  std::unique_ptr<engine::Scheduler> scheduler;
  int fd = -1;
  ~Process() {
    scheduler.reset();
    if (fd >= 0) ::close(fd);
  }
};

class Bench {
 public:
  Bench(const Options& options, const engine::LoadedModel& model)
      : options_(options), model_(model) {}

  Result<nlohmann::json> run() {
    for (size_t round = 0; round < options_.rounds; ++round) HEARTH_CHECK(measure(round));
    nlohmann::json out = {{"prefix", options_.prefix}, {"end", options_.end}};
    const double first = engine::median(seconds_.at("first"));
    for (const auto& [name, seconds] : seconds_) {
      out[name] = {{"seconds", engine::median(seconds)},
                   {"all", seconds},
                   {"share_of_first", engine::median(seconds) / first}};
    }
    return out;
  }

 private:
  std::vector<text::Token> prompt(uint64_t prefix, uint64_t end) const {
    std::vector<text::Token> tokens{1};
    Rng shared(prefix), own(1000 + end);
    while (tokens.size() < options_.prefix + options_.end) {
      Rng& rng = tokens.size() < options_.prefix ? shared : own;
      tokens.push_back(static_cast<text::Token>(300 + rng.below(3000)));
    }
    return tokens;
  }

  Result<std::unique_ptr<Process>> open(bool with_file) const {
    auto process = std::make_unique<Process>();
    engine::Scheduler::Options options{.places = 2};
    options.prefix.memory_bytes = with_file ? uint64_t{1} << 30 : 0;
    if (with_file) {
      process->fd = ::open(options_.file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      options.prefix.fd = process->fd;
      options.prefix.file_bytes = uint64_t{2} << 30;
    }
    HEARTH_TRY(auto runtime,
               engine::Runtime::create(
                   model_, {.context = options_.prefix + options_.end + kAnswer + 200}));
    HEARTH_TRY(process->scheduler, engine::Scheduler::create(std::move(runtime), options));
    if (with_file && !process->scheduler->prefix_file_problem().empty())
      return fail(ErrorCode::io, process->scheduler->prefix_file_problem());
    return process;
  }

  static engine::Job job(std::vector<text::Token> prompt, Answer& answer, size_t tokens) {
    engine::Job job;
    job.prompt = std::move(prompt);
    job.sampling.temperature = 1;
    job.sampling.seed = 3;
    job.generate.max_tokens = tokens;
    job.generate.ignore_eos = true;
    job.sink = [&answer](std::string_view text) -> Result<void> {
      answer.text += text;
      return {};
    };
    job.done = [&answer](const Result<engine::GenerateResult>& result) {
      if (!result) return;
      answer.seconds = result->first_token_seconds;
      answer.reused = result->remembered_tokens;
    };
    return job;
  }

  static Result<Answer> ask(engine::Scheduler& scheduler, std::vector<text::Token> prompt) {
    Answer answer;
    HEARTH_CHECK(scheduler.submit(job(std::move(prompt), answer, kAnswer)));
    while (scheduler.step()) {
    }
    return answer;
  }

  Result<void> check(std::string_view name, const std::vector<text::Token>& prompt,
                     const Answer& answer) {
    seconds_[std::string(name)].push_back(answer.seconds);
    HEARTH_TRY(const auto fresh, open(false));
    HEARTH_TRY(const Answer want, ask(*fresh->scheduler, prompt));
    seconds_["without"].push_back(want.seconds);
    if (want.text == answer.text) return {};
    return fail(ErrorCode::internal, "another answer '", printable(name), "'");
  }

  Result<void> measure(uint64_t round) {
    Answer first, beside;
    const auto beginning = prompt(round, 0);
    {
      HEARTH_TRY(const auto process, open(true));
      engine::Scheduler& scheduler = *process->scheduler;
      HEARTH_CHECK(scheduler.submit(job(beginning, first, kAnswer + 100)));
      while (first.text.empty()) scheduler.step();
      HEARTH_CHECK(scheduler.submit(job(prompt(round, 1), beside, kAnswer)));
      while (scheduler.step()) {
      }
      seconds_["first"].push_back(first.seconds);
      HEARTH_CHECK(check("beside", prompt(round, 1), beside));
      for (const uint64_t other : {100u, 101u})
        HEARTH_CHECK(ask(scheduler, prompt(1000 * (round + 1) + other, 2)));
      HEARTH_TRY(const Answer taken, ask(scheduler, prompt(round, 3)));
      HEARTH_CHECK(check("taken", prompt(round, 3), taken));
    }
    for (const bool cold : {false, true}) {
      HEARTH_TRY(const auto process, open(true));
      if (cold) {
        (void)::fdatasync(process->fd);
        (void)::posix_fadvise(process->fd, 0, 0, POSIX_FADV_DONTNEED);
      }
      const auto asked = prompt(round, cold ? 5 : 4);
      HEARTH_TRY(const Answer again, ask(*process->scheduler, asked));
      HEARTH_CHECK(check(cold ? "cold" : "restart", asked, again));
    }
    return {};
  }

  static constexpr size_t kAnswer = 8;

  const Options& options_;
  const engine::LoadedModel& model_;
  std::map<std::string, std::vector<double>> seconds_;
};

Result<void> measure(const Options& options) {
  HEARTH_TRY(const auto model, engine::LoadedModel::load(options.model));
  HEARTH_TRY(const nlohmann::json out, Bench(options, *model).run());
  ::unlink(options.file.c_str());
  return cli::print(out.dump(1) + "\n");
}

}  // namespace
}  // namespace hearth::bench

int main(int argc, char** argv) {
  hearth::os::install_signal_handlers();
  hearth::bench::Options options;
  CLI::App app{"Time to the first token of prompts that begin alike"};
  app.add_option("-m,--model", options.model, "GGUF, its weights may be random")->required();
  app.add_option("--file", options.file, "File of the cache; removed")->capture_default_str();
  app.add_option("--prefix", options.prefix, "Tokens that are the same")->capture_default_str();
  app.add_option("--end", options.end, "Tokens behind them")->capture_default_str();
  app.add_option("--rounds", options.rounds, "Rounds; medians are shown")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto done = hearth::bench::measure(options);
  if (done) return hearth::cli::kExitDone;
  hearth::cli::say(hearth::cat("measure_prefix: ", done.error().message));
  return hearth::cli::exit_code(done.error());
}
