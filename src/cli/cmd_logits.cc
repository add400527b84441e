// hearth logits: what a model computes for given tokens, to a file, for comparing engines. Layout,
// little endian: int32 n_tokens, int32 n_vocab, float32 logits[n_tokens][n_vocab].
#include <algorithm>
#include <charconv>

#include "cli/adapter_options.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "engine/session.h"
#include "os/file.h"

namespace hearth::cli {
namespace {

struct LogitsOptions {
  ModelOptions model;
  AdapterFlags adapters;
  std::string tokens;
  std::string output;
  size_t decode_from = SIZE_MAX;
};

Result<std::vector<text::Token>> parse_tokens(const std::string& list) {
  std::vector<text::Token> tokens;
  for (const std::string_view item : split(list, ',')) {
    const std::string_view digits = trim(item);
    text::Token token = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), token);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      return fail(ErrorCode::bad_usage, "--tokens: '", printable(item),
                  "' is no token id; give them as 1,2,3");
    }
    tokens.push_back(token);
  }
  return tokens;
}

Result<void> logits(LogitsOptions& options) {
  HEARTH_TRY(const std::vector<text::Token> tokens, parse_tokens(options.tokens));
  HEARTH_TRY(const auto model, load_model(options.model));
  if (options.model.context == 0) options.model.context = tokens.size();
  HEARTH_TRY(const LoadedAdapters adapters, load_adapters(*model, options.adapters));
  HEARTH_TRY(const auto session, open_session(*model, options.model, adapters.active));
  HEARTH_TRY(os::FileWriter file, os::FileWriter::create(options.output));
  const int32_t header[2] = {static_cast<int32_t>(tokens.size()),
                             static_cast<int32_t>(model->config().n_vocab)};
  HEARTH_CHECK(file.write(std::as_bytes(std::span(header))));
  Progress progress("computing", tokens.size(), "tokens");
  const size_t prompt = std::min(options.decode_from, tokens.size());
  HEARTH_CHECK(
      session->advance_with_logits(std::span(tokens).first(prompt),
                                   [&](size_t first, size_t count, std::span<const float> rows) {
                                     progress.update(first + count);
                                     return file.write(std::as_bytes(rows));
                                   }));
  for (size_t i = prompt; i < tokens.size(); ++i) {
    HEARTH_TRY(const std::span<float> row, session->decode(std::span(tokens).subspan(i, 1)));
    HEARTH_CHECK(file.write(std::as_bytes(row)));
    progress.update(i + 1);
  }
  return file.commit();
}

}  // namespace

void add_logits(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<LogitsOptions>();
  options->model.kv = "f32";
  CLI::App* command = app.add_subcommand("logits", "Write the logits of given tokens to a file");
  command->add_option("--tokens", options->tokens, "Token ids: 1,2,3")
      ->required()
      ->type_name("IDS");
  command
      ->add_option("-o,--output", options->output,
                   "File to write: int32 n_tokens, int32 n_vocab, float32 logits")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--decode-from", options->decode_from,
                   "Compute the tokens from this one on one by one, as those of an answer")
      ->type_name("N");
  add_model_flags(*command, options->model, ModelFlags::compute);
  add_adapter_flags(*command, options->adapters);
  command->callback([options, &chosen] { chosen = [options] { return logits(*options); }; });
}

}  // namespace hearth::cli
