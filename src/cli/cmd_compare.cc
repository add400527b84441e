// hearth compare: how much of a model is left in other files of it.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/compare_report.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "engine/float_weights.h"
#include "flags/flags.h"
#include "os/file.h"
#include "os/system.h"
#include "quantize/collection.h"
#include "quantize/tensor_error.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;

struct CompareOptions {
  ModelOptions compute;
  std::string reference;
  std::vector<std::string> candidates;
  std::string file;
  std::string importance;
  std::string svg;
  size_t chunks = SIZE_MAX;
  bool fast = false;
  bool json = false;
  bool tensors = false;
};

// A model may take half of what is free when it is expanded to floats.
uint64_t memory_for_floats() { return os::memory_info().available / 2; }

// A model and what computes it. Expanded to floats where they fit: the same results as those of
// exact products, much sooner.
struct Opened {
  std::unique_ptr<const engine::LoadedModel> floats;  // or null
  std::unique_ptr<engine::Session> session;
};

Result<Opened> open_for_scoring(const engine::LoadedModel& model, const CompareOptions& options) {
  Opened opened;
  HEARTH_TRY(engine::SessionOptions chosen, session_options(options.compute));
  if (!options.fast && engine::float_weights_bytes(model) <= memory_for_floats()) {
    ThreadPool pool(chosen.threads == 0 ? os::cpu_info().usable_threads : chosen.threads);
    HEARTH_TRY(opened.floats, engine::with_float_weights(model, pool));
  } else if (!options.fast) {
    chosen.precision = model::Precision::exact;
  }
  const engine::LoadedModel& computed = opened.floats ? *opened.floats : model;
  HEARTH_TRY(opened.session, engine::Session::open(computed, chosen));
  return opened;
}

ComparedFile facts_of(const std::string& path, const engine::LoadedModel& model) {
  uint64_t weights = 0, bytes = 0;
  for (const gguf::TensorInfo& tensor : model.file().gguf.tensors) {
    weights += tensor.weights();
    bytes += tensor.data.size();
  }
  ComparedFile file;
  file.path = path;
  file.bytes = model.file().bytes;
  file.bits_per_weight = 8 * static_cast<double>(bytes) / static_cast<double>(weights);
  return file;
}

Result<void> check_same_model(const engine::LoadedModel& reference,
                              const engine::LoadedModel& candidate) {
  const model::ModelConfig& want = reference.config();
  const model::ModelConfig& got = candidate.config();
  if (got.architecture != want.architecture) {
    return fail(ErrorCode::bad_usage, "this is a ", got.architecture, " model, the reference a ",
                want.architecture, " model: only files of one model can be compared");
  }
  constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
  const auto tokens_of = [&](const engine::LoadedModel& model) {
    const gguf::Value* value = model.file().gguf.metadata.find(kTokens);
    return value == nullptr ? std::string_view() : as_text(value->array.bytes);
  };
  if (got.n_vocab != want.n_vocab || tokens_of(candidate) != tokens_of(reference)) {
    return fail(ErrorCode::bad_usage, "the vocabulary (", got.n_vocab,
                " tokens) is not that of the reference (", want.n_vocab,
                "): only files of one model can be compared");
  }
  return {};
}

using Models = std::vector<std::unique_ptr<const engine::LoadedModel>>;

Result<std::vector<TensorRow>> compare_tensors(const engine::LoadedModel& reference,
                                               const Models& candidates,
                                               const CompareOptions& options) {
  quantize::ImportanceMatrix importance;
  if (!options.importance.empty()) {
    HEARTH_TRY(importance, quantize::load_importance(options.importance));
  }
  ThreadPool pool(options.compute.threads == 0 ? os::cpu_info().usable_threads
                                               : options.compute.threads);
  std::vector<TensorRow> rows;
  Progress progress("tensors", reference.file().gguf.tensors.size(), "tensors");
  for (const gguf::TensorInfo& tensor : reference.file().gguf.tensors) {
    TensorRow row{
        std::string(tensor.name), std::string(name_of(tensor.type)), tensor.weights(), {}};
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (os::interrupted()) return fail(ErrorCode::interrupted, "interrupted");
      ComparedTensor& compared = row.candidates.emplace_back();
      const gguf::TensorInfo* other = candidates[i]->file().gguf.find(tensor.name);
      if (other == nullptr) continue;
      compared.type = name_of(other->type);
      const auto error =
          quantize::relative_error(tensor, *other, importance.find(tensor.name), pool);
      if (!error) return fail_with_context(printable(options.candidates[i], 400), error.error());
      compared.error = *error;
    }
    rows.push_back(std::move(row));
    progress.update(rows.size());
  }
  return rows;
}

// For logits of the reference: what leaves room to expand each candidate as well.
uint64_t memory_for_logits(const Models& candidates, const CompareOptions& options) {
  uint64_t largest = 0;
  for (const auto& candidate : candidates) {
    if (!options.fast) largest = std::max(largest, engine::float_weights_bytes(*candidate));
  }
  const uint64_t available = os::memory_info().available;
  return available / 2 > largest ? available / 2 - largest : 0;
}

Result<void> score(const engine::LoadedModel& reference, const Models& candidates,
                   const CompareOptions& options, Comparison& comparison) {
  HEARTH_TRY(const std::string text, os::read_text(options.file, kMaxTextBytes));
  HEARTH_CHECK(check_utf8(text, cat("'", printable(options.file), "'")));
  HEARTH_TRY(const text::Tokenizer* tokenizer, tokenizer_of(reference));
  const auto tokens = tokenizer->encode(text, {.add_special = true, .parse_special = false});
  HEARTH_TRY(const Opened opened, open_for_scoring(reference, options));
  HEARTH_TRY(const engine::TextWindows windows,
             engine::TextWindows::cut(reference, tokens, opened.session->context(), options.chunks,
                                      engine::WindowScoring::second_half));
  comparison.windows = windows.count();
  comparison.window = windows.size();
  const uint64_t all_tokens = windows.count() * windows.size();
  Progress progress("reference", all_tokens, "tokens");
  const auto update = [&](Progress& line) {
    return [&](size_t done) { line.update(done * windows.size()); };
  };
  HEARTH_TRY(const auto truth, quantize::ReferenceDistributions::compute(
                                   *opened.session, windows, memory_for_logits(candidates, options),
                                   update(progress)));
  progress.clear();
  for (size_t i = 0; i < candidates.size(); ++i) {
    HEARTH_TRY(const Opened candidate, open_for_scoring(*candidates[i], options));
    Progress line(cat("file ", i + 1, " of ", candidates.size()), all_tokens, "tokens");
    const auto found = truth.compare(*candidate.session, SIZE_MAX, update(line));
    if (!found && os::interrupted()) return tl::unexpected<Error>(found.error());
    if (!found) return fail_with_context(printable(options.candidates[i], 400), found.error());
    comparison.candidates[i].divergence = *found;
  }
  return {};
}

Result<void> write_plot(const Comparison& comparison, const std::string& path) {
  HEARTH_TRY(os::FileWriter file, os::FileWriter::create(path));
  HEARTH_CHECK(file.write(as_bytes(plot_of(comparison))));
  return file.commit();
}

Result<void> check_flags(const CompareOptions& options) {
  if (options.file.empty() && !options.tensors) {
    return fail(ErrorCode::bad_usage,
                "there is nothing to compare on: give a text with -f FILE, or --tensors");
  }
  if (options.file.empty() && !options.svg.empty())
    return fail(ErrorCode::bad_usage, "--svg shows what a text tells: give one with -f FILE");
  if (!options.importance.empty() && !options.tensors) {
    return fail(ErrorCode::bad_usage,
                "--imatrix weighs the errors of tensors: ask for them with --tensors");
  }
  return {};
}

Result<void> run_compare(CompareOptions& options) {
  HEARTH_CHECK(check_flags(options));
  HEARTH_TRY(const auto reference, engine::LoadedModel::load(options.reference));
  if (options.compute.context == 0)
    options.compute.context = std::min<size_t>(512, reference->config().context_length);
  Comparison comparison;
  comparison.reference = facts_of(options.reference, *reference);
  comparison.text = options.file;
  comparison.fast = options.fast;
  comparison.weighted = !options.importance.empty();
  Models candidates;
  for (const std::string& path : options.candidates) {
    HEARTH_TRY(auto candidate, engine::LoadedModel::load(path));
    const auto same = check_same_model(*reference, *candidate);
    if (!same) return fail_with_context(printable(path, 400), same.error());
    comparison.candidates.push_back(facts_of(path, *candidate));
    candidates.push_back(std::move(candidate));
  }
  if (options.tensors) {
    HEARTH_TRY(comparison.tensors, compare_tensors(*reference, candidates, options));
  }
  if (!options.file.empty()) HEARTH_CHECK(score(*reference, candidates, options, comparison));
  if (!options.svg.empty()) HEARTH_CHECK(write_plot(comparison, options.svg));
  if (options.json) return print(json_report(comparison).dump() + "\n");
  return print(text_report(comparison));
}

}  // namespace

void add_compare(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<CompareOptions>();
  options->compute.kv = "f32";
  CLI::App* command =
      app.add_subcommand("compare", "Measure how much of a model is left in quantized files of it");
  command->footer(
      "Judges the files, not the engine: activations are floats unless --fast says otherwise, and "
      "so is the\nKV cache. Perplexity and KL divergence are those of the second half of each "
      "window, as\nllama-perplexity has them.");
  command->add_option("REFERENCE", options->reference, "The model as it was, in F32, F16 or BF16")
      ->type_name("FILE")
      ->required()
      ->check(flags::not_empty());
  command->add_option("CANDIDATE", options->candidates, "Other files of it")
      ->type_name("FILE")
      ->required()
      ->check(flags::not_empty());
  command->add_option("-f,--file", options->file, "The text, - for standard input")
      ->type_name("FILE");
  command->add_option("--chunks", options->chunks, "Windows at most (default: the whole text)")
      ->type_name("N")
      ->check(flags::whole_number(1, INT32_MAX));
  command->add_flag("--fast", options->fast,
                    "Round activations to 8 bits, as commands that write text do");
  command->add_flag("--tensors", options->tensors,
                    "Also the error of each tensor's weights; alone, without a text, only that");
  command
      ->add_option("--imatrix", options->importance, "Weigh these errors by an importance matrix")
      ->type_name("FILE");
  command->add_option("--svg", options->svg, "Draw quality over size into this file")
      ->type_name("FILE")
      ->check(flags::not_empty());
  command->add_flag("--json", options->json, "Print one JSON object");
  add_compute_flags(*command, options->compute);
  command->get_option("--ctx-size")->description("Tokens in a window (default: 512)");
  command->callback([options, &chosen] { chosen = [options] { return run_compare(*options); }; });
}

}  // namespace hearth::cli
