// hearth tokenize: text to token ids.
#include "cli/command.h"
#include "cli/model_options.h"
#include "engine/loader.h"
#include "os/file.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;

struct TokenizeOptions {
  ModelOptions model;
  std::string text;
  bool ids = false;
  bool add_special = false;
  bool no_parse_special = false;
};

Result<void> tokenize(const TokenizeOptions& options) {
  HEARTH_TRY(const std::string path, model_path(options.model));
  // The vocabulary alone: files without weights work too.
  HEARTH_TRY(const engine::ModelFile file, engine::open_model_file(path));
  Result<text::Tokenizer> tokenizer = text::Tokenizer::create(file.gguf.metadata);
  if (!tokenizer) return fail_with_context(printable(path, 400), tokenizer.error());
  for (const std::string& warning : tokenizer->warnings()) say(cat("hearth: warning: ", warning));
  std::string text = options.text;
  if (text.empty()) {
    HEARTH_TRY(text, os::read_text("-", kMaxTextBytes));
  }
  HEARTH_CHECK(check_utf8(text, "the text"));
  const text::EncodeOptions how{.add_special = options.add_special,
                                .parse_special = !options.no_parse_special};
  const std::vector<text::Token> tokens = tokenizer->encode(text, how);
  std::string out;
  for (const text::Token token : tokens) {
    if (options.ids) {
      out += cat(out.empty() ? "" : " ", token);
    } else {
      out +=
          cat(token, "\t'", printable(tokenizer->piece(token, text::SpecialTokens::show)), "'\n");
    }
  }
  if (options.ids) out += "\n";
  HEARTH_CHECK(print(out));
  return {};
}

}  // namespace

void add_tokenize(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = app.add_subcommand(
      "tokenize", "Show the tokens of a text (from standard input, or the argument)");
  command->add_option("TEXT", options->text, "The text (default: standard input)");
  command->add_flag("--ids", options->ids, "Only the ids, on one line");
  command->add_flag("--add-special", options->add_special,
                    "Add the tokens that the model wants at the start and end");
  command->add_flag("--no-parse-special", options->no_parse_special,
                    "Take marks such as <|im_start|> as plain text");
  add_model_flags(*command, options->model, ModelFlags::file_only);
  command->callback([options, &chosen] { chosen = [options] { return tokenize(*options); }; });
}

}  // namespace hearth::cli
