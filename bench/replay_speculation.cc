// replay_speculation: what guessing brings on a given text. The answer is not the model's own: each
// "sampled" token is the next one of a file, so that guesses are right as often as on that text,
// while the time is that of a real model's shape (its weights may be random).
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "engine/limits.h"
#include "engine/measure.h"
#include "engine/speculate.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::bench {
namespace {

using engine::SpeculationOptions;

struct Options {
  std::string model;
  std::string tokenizer;
  std::string prompt;
  std::string answer;
  size_t most = SpeculationOptions{}.most;
  size_t pairs = 3;
};

struct Replay {
  double seconds = 0;
  size_t guessed = 0;
  size_t accepted = 0;
  size_t runs = 0;
};

// Decodes all of `answer` behind `prompt`, as engine::generate() would.
Result<Replay> replay(engine::Session& session, std::span<const text::Token> prompt,
                      std::span<const text::Token> answer, const SpeculationOptions& options) {
  session.rewind(0);
  HEARTH_CHECK(session.advance(prompt));
  (void)session.logits();
  std::vector<text::Token> text(prompt.begin(), prompt.end());
  std::vector<text::Token> run;
  Replay result;
  const double start = os::monotonic_seconds();
  engine::Speculator speculator(options, session.model().config().n_vocab);
  for (size_t at = 0; at < answer.size();) {
    text.push_back(answer[at++]);
    HEARTH_TRY(const auto guesses, speculator.guess(text, answer.size() - at));
    run.assign(1, text.back());
    run.insert(run.end(), guesses.begin(), guesses.end());
    HEARTH_CHECK(session.decode(run));
    size_t accepted = 0;
    while (accepted < guesses.size() && guesses[accepted] == answer[at]) {
      text.push_back(answer[at++]);
      ++accepted;
    }
    session.rewind(text.size());
    result.guessed += guesses.size();
    result.accepted += accepted;
    ++result.runs;
    speculator.report(accepted);
  }
  result.seconds = os::monotonic_seconds() - start;
  return result;
}

Result<std::vector<text::Token>> read_tokens(const text::Tokenizer& tokenizer,
                                             const std::string& path) {
  HEARTH_TRY(const std::string text, os::read_text(path, uint64_t{1} << 20));
  return tokenizer.encode(text, {.add_special = false});
}

Result<void> measure(const Options& options) {
  HEARTH_TRY(const auto model, engine::LoadedModel::load(options.model));
  HEARTH_TRY(const auto speller, engine::LoadedModel::load(options.tokenizer));
  if (speller->tokenizer() == nullptr) return tl::unexpected<Error>(speller->tokenizer_error());
  HEARTH_TRY(const auto prompt, read_tokens(*speller->tokenizer(), options.prompt));
  HEARTH_TRY(const auto answer, read_tokens(*speller->tokenizer(), options.answer));
  HEARTH_TRY(const auto session,
             engine::Session::open(*model, {.context = prompt.size() + answer.size() + 1}));
  const SpeculationOptions off{.kind = SpeculationOptions::Kind::off};
  const SpeculationOptions on{.most = options.most};
  Replay with;
  std::vector<double> off_rates, on_rates, ratios;
  for (size_t pair = 0; pair < options.pairs; ++pair) {
    double seconds[2] = {};
    for (const bool guess : {pair % 2 == 1, pair % 2 == 0}) {
      HEARTH_TRY(const Replay done, replay(*session, prompt, answer, guess ? on : off));
      seconds[guess] = done.seconds;
      if (guess) with = done;
    }
    off_rates.push_back(static_cast<double>(answer.size()) / seconds[0]);
    on_rates.push_back(static_cast<double>(answer.size()) / seconds[1]);
    ratios.push_back(seconds[0] / seconds[1]);
  }
  const nlohmann::json out = {{"prompt_tokens", prompt.size()},
                              {"answer_tokens", answer.size()},
                              {"without", engine::median(off_rates)},
                              {"with", engine::median(on_rates)},
                              {"ratio", engine::median(ratios)},
                              {"ratios", ratios},
                              {"runs", with.runs},
                              {"guessed_tokens", with.guessed},
                              {"accepted_tokens", with.accepted}};
  return cli::print(out.dump() + "\n");
}

}  // namespace
}  // namespace hearth::bench

int main(int argc, char** argv) {
  hearth::os::install_signal_handlers();
  hearth::bench::Options options;
  CLI::App app{"Tokens/s of decoding a given answer, with and without n-gram guesses"};
  app.add_option("-m,--model", options.model, "GGUF that is computed")->required();
  app.add_option("--tokenizer", options.tokenizer, "GGUF that cuts the texts")->required();
  app.add_option("--prompt", options.prompt, "File")->required();
  app.add_option("--answer", options.answer, "File")->required();
  app.add_option("--draft-max", options.most, "Tokens to guess at most")->capture_default_str();
  app.add_option("--pairs", options.pairs, "Runs of each")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto done = hearth::bench::measure(options);
  if (done) return hearth::cli::kExitDone;
  hearth::cli::say(hearth::cat("replay_speculation: ", done.error().message));
  return hearth::cli::exit_code(done.error());
}
