// hearth perplexity: how well a model predicts a text.
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/adapter_options.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "engine/perplexity.h"
#include "flags/flags.h"
#include "os/file.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;

struct PerplexityOptions {
  ModelOptions model;
  AdapterFlags adapters;
  std::string file;
  size_t chunks = SIZE_MAX;
  bool every_token = false;
  bool json = false;
};

Result<void> run_perplexity(PerplexityOptions& options) {
  HEARTH_TRY(const std::string text, os::read_text(options.file, kMaxTextBytes));
  HEARTH_CHECK(check_utf8(text, cat("'", printable(options.file), "'")));
  HEARTH_TRY(const auto model, load_model(options.model));
  HEARTH_TRY(const text::Tokenizer* tokenizer, tokenizer_of(*model));
  if (options.model.context == 0)
    options.model.context = std::min<size_t>(512, model->config().context_length);
  HEARTH_TRY(const LoadedAdapters adapters, load_adapters(*model, options.adapters));
  HEARTH_TRY(const auto session, open_session(*model, options.model, adapters.active));
  const auto scoring =
      options.every_token ? engine::WindowScoring::every_token : engine::WindowScoring::second_half;
  const std::vector<text::Token> tokens =
      tokenizer->encode(text, {.add_special = !options.every_token, .parse_special = false});
  const size_t window = session->context();
  const size_t windows = std::min(tokens.size() / window, options.chunks);
  Progress progress("perplexity", windows * window, "tokens");
  HEARTH_TRY(const engine::PerplexityResult result,
             engine::perplexity(*session, tokens, window, options.chunks, scoring,
                                [&](size_t done, double) { progress.update(done * window); }));
  progress.clear();
  if (options.json) {
    const nlohmann::json object{{"perplexity", result.perplexity},
                                {"standard_error", result.standard_error},
                                {"tokens", result.scored_tokens},
                                {"windows", result.windows},
                                {"window", window}};
    return print(object.dump() + "\n");
  }
  return print(cat("perplexity ", fixed(result.perplexity, 4), " +/- ",
                   fixed(result.standard_error, 4), " (", result.scored_tokens, " tokens in ",
                   result.windows, " windows of ", window, ")\n"));
}

}  // namespace

void add_perplexity(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App* command = app.add_subcommand(
      "perplexity", "Measure how well a model predicts a text (lower is better)");
  command->add_option("-f,--file", options->file, "The text, - for standard input")
      ->required()
      ->type_name("FILE");
  command->add_option("--chunks", options->chunks, "Windows at most (default: the whole text)")
      ->type_name("N")
      ->check(flags::whole_number(1, INT32_MAX));
  command->add_flag("--every-token", options->every_token,
                    "Score every token of a window instead of its second half (which is what "
                    "llama-perplexity does)");
  command->add_flag("--json", options->json, "Print one JSON object");
  add_model_flags(*command, options->model, ModelFlags::compute);
  add_adapter_flags(*command, options->adapters);
  command->get_option("--ctx-size")->description("Tokens in a window (default: 512)");
  command->callback(
      [options, &chosen] { chosen = [options] { return run_perplexity(*options); }; });
}

}  // namespace hearth::cli
