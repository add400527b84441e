// hearth run: a prompt goes in, text streams out.
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/adapter_options.h"
#include "cli/command.h"
#include "cli/grammar_options.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "engine/generate.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxPromptBytes = uint64_t{64} << 20;

struct RunOptions {
  ModelOptions model;
  AdapterFlags adapters;
  sample::SamplingParams sampling;
  engine::GenerateOptions generate;
  SpeculationFlags speculation;
  GrammarFlags grammar;
  std::string positional;
  std::string prompt;
  std::string file;
  bool seeded = false;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
};

Result<std::string> find_prompt(const RunOptions& options) {
  const int given = !options.positional.empty() + !options.prompt.empty() + !options.file.empty();
  if (given > 1)
    return fail(ErrorCode::bad_usage, "give the prompt once: as an argument, with -p, or with -f");
  const bool piped = given == 0 && !os::is_terminal(0);
  if (!piped && options.file.empty()) return cat(options.positional, options.prompt);
  HEARTH_TRY(std::string text, os::read_text(piped ? "-" : options.file, kMaxPromptBytes));
  // The newline that ends a line or file is not part of what the model should continue.
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string speed_line(const engine::GenerateResult& r) {
  const auto rate = [](size_t tokens, double seconds) {
    return seconds > 0 ? fixed(static_cast<double>(tokens) / seconds, 1) : "-";
  };
  const size_t decoded = r.answer_tokens > 0 ? r.answer_tokens - 1 : 0;
  return cat("hearth: prompt ", r.prompt_tokens, " tokens at ",
             rate(r.prompt_tokens, r.prompt_seconds), "/s, answer ", r.answer_tokens, " tokens at ",
             rate(decoded, r.answer_seconds), "/s, first token after ",
             fixed(r.first_token_seconds, 2), " s, ", r.accepted_tokens, " of ", r.guessed_tokens,
             " guesses right");
}

nlohmann::json to_json(const engine::GenerateResult& r, const RunOptions& options,
                       const std::string& prompt, const std::string& answer) {
  return {{"prompt", prompt},
          {"text", answer},
          {"finish", name_of(r.finish)},
          {"prompt_tokens", r.prompt_tokens},
          {"answer_tokens", r.answer_tokens},
          {"guessed_tokens", r.guessed_tokens},
          {"accepted_tokens", r.accepted_tokens},
          {"prompt_seconds", r.prompt_seconds},
          {"first_token_seconds", r.first_token_seconds},
          {"answer_seconds", r.answer_seconds},
          {"seed", options.sampling.seed}};
}

Result<std::vector<text::Token>> encode_prompt(const text::Tokenizer& tokenizer,
                                               const std::string& prompt) {
  if (prompt.empty()) {
    return fail(ErrorCode::bad_usage,
                "the prompt is empty: give one, as in: hearth run \"Once upon a time\"");
  }
  HEARTH_CHECK(check_utf8(prompt, "the prompt"));
  return tokenizer.encode(prompt, {.add_special = true, .parse_special = true});
}

Result<void> run(RunOptions& options) {
  HEARTH_CHECK(sample::check(options.sampling));
  HEARTH_TRY(const std::string prompt, find_prompt(options));
  HEARTH_TRY(const auto model, load_model(options.model));
  HEARTH_TRY(const text::Tokenizer* tokenizer, tokenizer_of(*model));
  HEARTH_TRY(const std::vector<text::Token> tokens, encode_prompt(*tokenizer, prompt));
  HEARTH_TRY(const LoadedAdapters adapters, load_adapters(*model, options.adapters));
  HEARTH_TRY(const auto session, open_session(*model, options.model, adapters.active));
  if (tokens.size() >= session->context()) {
    return fail(ErrorCode::too_large, "the prompt has ", tokens.size(),
                " tokens, but the context holds ", session->context(),
                " with the answer: shorten it, or choose a larger context with -c (the model was "
                "trained for ",
                model->config().context_length, ")");
  }
  HEARTH_TRY(const Speculation speculation,
             open_speculation(options.speculation, *session, options.model));
  options.generate.speculation = speculation.options;
  HEARTH_TRY(const auto constraint, open_grammar(options.grammar, *tokenizer));
  options.generate.constraint = constraint.get();
  if (!options.seeded) options.sampling.seed = os::random_seed();
  if (!options.quiet) introduce_storyteller(options.model, "run");
  const bool terminal = os::is_terminal(1) && !options.json;
  if (terminal && os::is_terminal(2) && options.file.empty()) {
    (void)os::write_all(2, as_bytes(cat("\x1b[2m", prompt, "\x1b[0m")), "standard error");
  }
  sample::Sampler sampler(options.sampling, model->config().n_vocab);
  Progress progress("reading the prompt", tokens.size(), "tokens");
  std::string answer;
  const auto show = [&](std::string_view text) -> Result<void> {
    progress.clear();
    if (!options.json) return print_answer(text);
    answer += text;
    return {};
  };
  HEARTH_TRY(const engine::GenerateResult result,
             engine::generate(*session, sampler, tokens, options.generate, show,
                              [&](size_t done) { progress.update(done); }));
  progress.clear();
  if (options.json) HEARTH_CHECK(print(to_json(result, options, prompt, answer).dump() + "\n"));
  if (terminal) HEARTH_CHECK(print("\n"));
  if (options.verbose || (terminal && os::is_terminal(2) && !options.quiet))
    say(speed_line(result));
  if (result.finish == engine::FinishReason::interrupted)
    return fail(ErrorCode::interrupted, "interrupted");
  if (result.finish == engine::FinishReason::context) {
    say(cat("hearth: the answer ends here because the context of ", session->context(),
            " tokens is full; -c makes it larger"));
  }
  return {};
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command =
      app.add_subcommand("run", "Continue a text: the answer streams to standard output");
  command->add_option("PROMPT", options->positional,
                      "The text to continue (or -p, -f, or standard input)");
  command->add_option("-p,--prompt", options->prompt, "The same as a flag")->type_name("TEXT");
  command
      ->add_option("-f,--file", options->file, "Read the prompt from a file, - for standard input")
      ->type_name("FILE");
  add_length_flag(*command, options->generate.max_tokens);
  command
      ->add_option("-r,--reverse-prompt,--stop", options->generate.stops,
                   "End before this text; may be given several times")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command->add_flag("--ignore-eos", options->generate.ignore_eos,
                    "Go on when the model wants to end");
  add_sampling_flags(*command, options->sampling);
  add_grammar_flags(*command, options->grammar);
  add_model_flags(*command, options->model, ModelFlags::compute);
  add_adapter_flags(*command, options->adapters);
  add_speculation_flags(*command, options->speculation);
  command->add_flag("--json", options->json,
                    "Print one JSON object with text, counts and times at the end");
  command->add_flag("-q,--quiet", options->quiet, "No remarks on standard error");
  command->add_flag("-v,--verbose", options->verbose, "Tell counts and speed on standard error");
  command->callback([options, command, &chosen] {
    options->seeded = command->count("--seed") > 0;
    chosen = [options] { return run(*options); };
  });
}

}  // namespace hearth::cli
