// hearth imatrix: what the inputs of a model's matrices are like on a text, for quantizers.
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "flags/flags.h"
#include "os/file.h"
#include "os/system.h"
#include "quantize/collection.h"
#include "quantize/importance_collector.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;

struct ImatrixOptions {
  ModelOptions model;
  std::string file;
  std::string output = "imatrix.gguf";
  std::vector<std::string> inputs;
  size_t chunks = SIZE_MAX;
  size_t save_every = 10;
  bool process_output = false;
  bool parse_special = false;
};

// The matrices of earlier runs as one.
Result<quantize::ImportanceMatrix> merged(const std::vector<std::string>& paths,
                                          size_t chunk_size) {
  quantize::ImportanceMatrix all;
  all.chunk_size = static_cast<uint32_t>(chunk_size);
  for (const std::string& path : paths) {
    HEARTH_TRY(const quantize::ImportanceMatrix one, quantize::load_importance(path));
    if (all.chunk_size == 0) all.chunk_size = one.chunk_size;
    const auto added = quantize::merge(all, one);
    if (!added) return fail_with_context(printable(path, 400), added.error());
  }
  return all;
}

// Without a text files are only merged.
Result<void> merge_files(const ImatrixOptions& options) {
  if (options.inputs.empty()) {
    return fail(ErrorCode::bad_usage,
                "there is nothing to collect from: give a text with -f FILE, or matrices to merge "
                "with --in-file FILE");
  }
  // Files of the old format do not say of how many tokens their chunks were.
  constexpr size_t kUsualChunk = 512;
  HEARTH_TRY(quantize::ImportanceMatrix all, merged(options.inputs, options.model.context));
  if (all.chunk_size == 0) {
    HEARTH_TRY(all, merged(options.inputs, kUsualChunk));
  }
  HEARTH_CHECK(quantize::save_importance(all, options.output));
  return print(cat(options.output, ": ", all.tensors.size(), " tensors of ", options.inputs.size(),
                   " files\n"));
}

// Digests of the files, whose sums are in those of the run from the start.
Result<std::string> digest_of_inputs(const ImatrixOptions& options) {
  std::string all;
  for (const std::string& path : options.inputs) {
    HEARTH_TRY(const os::MappedFile file, os::MappedFile::open(path));
    all += cat(all.empty() ? "" : " ", quantize::digest(file.bytes()));
  }
  return all.empty() ? "none" : all;
}

Result<quantize::CollectionState> state_of(const ImatrixOptions& options,
                                           const engine::Session& session, std::string_view text) {
  const engine::SessionOptions& chosen = session.runtime()->options();
  const bool exact = chosen.precision == model::Precision::exact;
  HEARTH_TRY(const std::string inputs, digest_of_inputs(options));
  quantize::CollectionState state;
  state.text = quantize::digest(as_bytes(text));
  state.model = quantize::digest(session.model().file().gguf);
  state.settings =
      cat("windows of ", session.context(), " tokens, KV cache ", name_of(chosen.kv_type),
          exact ? ", exact" : "", options.process_output ? ", with the output" : "",
          options.parse_special ? ", control tokens" : "", ", merged: ", inputs);
  return state;
}

// What an earlier run left under the name of the output, or a new matrix.
Result<quantize::ImportanceMatrix> begin(const ImatrixOptions& options,
                                         const engine::Session& session, std::string_view text) {
  HEARTH_TRY(const quantize::CollectionState state, state_of(options, session, text));
  if (os::file_exists(options.output)) {
    HEARTH_TRY(quantize::ImportanceMatrix left, quantize::load_importance(options.output));
    const auto same = quantize::check_same_run(left.state, state);
    if (!same) return fail_with_context(printable(options.output, 400), same.error());
    return left;
  }
  HEARTH_TRY(quantize::ImportanceMatrix matrix, merged(options.inputs, session.context()));
  matrix.datasets.push_back(options.file);
  matrix.state = state;
  return matrix;
}

// What was done before an interruption is kept.
Result<void> keep_part(const quantize::ImportanceMatrix& matrix, const ImatrixOptions& options,
                       size_t windows) {
  if (matrix.state.windows_done == 0) return fail(ErrorCode::interrupted, "interrupted");
  os::clear_interrupted();
  HEARTH_CHECK(quantize::save_importance(matrix, options.output));
  return fail(ErrorCode::interrupted, "interrupted: '", printable(options.output), "' holds ",
              matrix.state.windows_done, " of ", windows,
              " windows, and the same command goes on from there");
}

Result<void> collect(const ImatrixOptions& options, engine::Session& session,
                     const engine::TextWindows& windows, quantize::ImportanceMatrix& matrix) {
  const size_t first = matrix.state.windows_done;
  Progress progress("importance", (windows.count() - first) * windows.size(), "tokens");
  quantize::ImportanceCollector collector(session, options.process_output);
  for (size_t w = first; w < windows.count(); ++w) {
    const auto added = collector.add(windows.window(w), matrix);
    if (!added && added.error().code == ErrorCode::interrupted) {
      progress.clear();
      return keep_part(matrix, options, windows.count());
    }
    if (!added) return added;
    if ((w + 1) % options.save_every == 0 && w + 1 < windows.count())
      HEARTH_CHECK(quantize::save_importance(matrix, options.output));
    progress.update((w + 1 - first) * windows.size());
  }
  return {};
}

void warn_of_idle_experts(const quantize::ImportanceMatrix& matrix) {
  size_t idle = 0, all = 0;
  for (const auto& [name, importance] : matrix.tensors) {
    for (const float count : importance.counts) idle += count > 0 ? 0 : 1;
    all += importance.matrices();
  }
  if (idle == 0) return;
  say(cat("hearth: warning: ", idle, " of ", all,
          " matrices are of experts that no token of the text chose; quantizers take all of their "
          "weights for equally important. A longer text reaches more of them"));
}

Result<void> run_imatrix(ImatrixOptions& options) {
  if (options.file.empty()) return merge_files(options);
  HEARTH_TRY(const std::string text, os::read_text(options.file, kMaxTextBytes));
  HEARTH_CHECK(check_utf8(text, cat("'", printable(options.file), "'")));
  HEARTH_TRY(const auto model, load_model(options.model));
  HEARTH_TRY(const text::Tokenizer* tokenizer, tokenizer_of(*model));
  if (options.model.context == 0)
    options.model.context = std::min<size_t>(512, model->config().context_length);
  HEARTH_TRY(const auto session, open_session(*model, options.model));
  const std::vector<text::Token> tokens =
      tokenizer->encode(text, {.add_special = true, .parse_special = options.parse_special});
  HEARTH_TRY(const engine::TextWindows windows,
             engine::TextWindows::cut(*model, tokens, session->context(), options.chunks,
                                      engine::WindowScoring::second_half));
  HEARTH_TRY(quantize::ImportanceMatrix matrix, begin(options, *session, text));
  if (matrix.state.windows_done > windows.count()) {
    return fail(ErrorCode::bad_usage, printable(options.output, 400), ": already holds ",
                matrix.state.windows_done, " windows, more than the ", windows.count(),
                " that are asked for");
  }
  const size_t before = matrix.state.windows_done;
  HEARTH_CHECK(collect(options, *session, windows, matrix));
  warn_of_idle_experts(matrix);
  if (before < windows.count()) HEARTH_CHECK(quantize::save_importance(matrix, options.output));
  return print(cat(options.output, ": ", matrix.tensors.size(), " tensors, ", windows.count(),
                   " windows of ", windows.size(), " tokens",
                   before == 0 ? "" : cat(", ", before, " of them done before"), "\n"));
}

}  // namespace

void add_imatrix(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ImatrixOptions>();
  options->model.kv = "f32";
  options->model.prompt_chunk = 512;
  CLI::App* command = app.add_subcommand(
      "imatrix", "Find out how important the weights of a model are, for quantizing it");
  command->footer(
      "Writes the importance matrix that llama-quantize --imatrix and hearth read. Interrupted, or "
      "started\nagain with more --chunks, the same command goes on where the output stands.");
  command->add_option("-f,--file", options->file, "The text, - for standard input")
      ->type_name("FILE");
  command->add_option("-o,--output", options->output, "Where the matrix goes")
      ->type_name("FILE")
      ->capture_default_str()
      ->check(flags::not_empty());
  command
      ->add_option("--in-file", options->inputs,
                   "A matrix whose sums are added, or several with commas; also without -f")
      ->type_name("FILE")
      ->delimiter(',');
  command->add_option("--chunks", options->chunks, "Windows at most (default: the whole text)")
      ->type_name("N")
      ->check(flags::whole_number(1, INT32_MAX));
  command->add_option("--output-frequency", options->save_every, "Windows between two savings")
      ->type_name("N")
      ->capture_default_str()
      ->check(flags::whole_number(1, INT32_MAX));
  command->add_flag("--process-output", options->process_output,
                    "Also collect for the output matrix and others beside the layers");
  command->add_flag("--parse-special", options->parse_special,
                    "Read <|...|> in the text as the control tokens they spell");
  add_model_flags(*command, options->model, ModelFlags::compute);
  command->get_option("--ctx-size")->description("Tokens in a window (default: 512)");
  command->callback([options, &chosen] { chosen = [options] { return run_imatrix(*options); }; });
}

}  // namespace hearth::cli
