// hearth quantize: a smaller file of a model.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "cli/quantize_report.h"
#include "cli/recipe_options.h"
#include "engine/float_weights.h"
#include "os/file.h"
#include "os/system.h"
#include "quantize/collection.h"
#include "quantize/own_text.h"
#include "quantize/quantized_file.h"
#include "quantize/search.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;
constexpr size_t kWindow = 512;

struct QuantizeOptions {
  std::string input;
  std::string output;
  std::string type;
  std::string importance;
  std::string text;
  bool own_text = false;
  RecipeFlags recipe;
  bool dry_run = false;
  bool tensors = false;
  bool json = false;
  double bits_per_weight = 0;
  uint64_t size = 0;
  size_t windows = 64;
  size_t probe_windows = 16;
  size_t passes = 2;
  uint64_t seed = 1;
  size_t threads = 0;

  [[nodiscard]] bool searches() const { return bits_per_weight > 0 || size > 0; }
};

// Everything that measuring a model takes.
struct Bench {
  std::unique_ptr<const engine::LoadedModel> model;
  std::unique_ptr<const engine::LoadedModel> floats;  // or null where the file is in F32
  std::unique_ptr<engine::Session> session;
  std::vector<text::Token> tokens;  // whole windows
  size_t window = 0;

  [[nodiscard]] const engine::LoadedModel& computed() const { return floats ? *floats : *model; }
};

Result<void> read_tokens(const QuantizeOptions& options, Bench& bench) {
  if (options.text.empty()) {
    Progress progress("writing text", options.windows * bench.window, "tokens");
    HEARTH_TRY(bench.tokens,
               quantize::write_own_text(bench.session->runtime(), options.windows, bench.window,
                                        options.seed, [&](size_t done) { progress.update(done); }));
    return {};
  }
  HEARTH_TRY(const std::string text, os::read_text(options.text, kMaxTextBytes));
  HEARTH_CHECK(check_utf8(text, cat("'", printable(options.text), "'")));
  HEARTH_TRY(const text::Tokenizer* tokenizer, tokenizer_of(*bench.model));
  bench.tokens = tokenizer->encode(text, {.add_special = true, .parse_special = false});
  const size_t windows = std::min(options.windows, bench.tokens.size() / bench.window);
  if (windows == 0) {
    return fail(ErrorCode::bad_usage, "'", printable(options.text), "' has ", bench.tokens.size(),
                " tokens, fewer than one window of ", bench.window, ": give a longer text");
  }
  bench.tokens.resize(windows * bench.window);
  const auto bos = tokenizer->vocab().add_bos() ? tokenizer->vocab().bos() : std::nullopt;
  for (size_t w = 0; bos && w < windows; ++w) bench.tokens[w * bench.window] = *bos;
  return {};
}

Result<Bench> open_bench(const QuantizeOptions& options) {
  Bench bench;
  HEARTH_TRY(bench.model, engine::LoadedModel::load(options.input));
  engine::SessionOptions chosen;
  chosen.threads = options.threads;
  chosen.kv_type = DType::F32;
  bench.window = std::min<size_t>(kWindow, bench.model->config().context_length);
  chosen.context = bench.window;
  if (engine::float_weights_bytes(*bench.model) > 0) {
    if (engine::float_weights_bytes(*bench.model) > os::memory_info().available / 2) {
      chosen.precision = model::Precision::exact;
    } else {
      ThreadPool pool(options.threads == 0 ? os::cpu_info().usable_threads : options.threads);
      HEARTH_TRY(bench.floats, engine::with_float_weights(*bench.model, pool));
    }
  }
  HEARTH_TRY(bench.session, engine::Session::open(bench.computed(), chosen));
  HEARTH_CHECK(read_tokens(options, bench));
  return bench;
}

Result<uint64_t> budget_of(const QuantizeOptions& options, const gguf::File& file) {
  if (options.size > 0) return options.size;
  uint64_t weights = 0, bytes = 0;
  for (const gguf::TensorInfo& tensor : file.tensors) {
    weights += tensor.weights();
    bytes += tensor.data.size();
  }
  quantize::Plan same;
  for (const gguf::TensorInfo& tensor : file.tensors) same.types.push_back(tensor.type);
  HEARTH_TRY(const uint64_t whole, quantize::file_bytes(file, same));
  return whole - bytes +
         static_cast<uint64_t>(options.bits_per_weight * static_cast<double>(weights) / 8);
}

std::vector<const gguf::TensorInfo*> matrices_of(const gguf::File& file) {
  std::vector<const gguf::TensorInfo*> tensors;
  for (const gguf::TensorInfo& tensor : file.tensors) {
    if (quantize::quantizable(tensor) && tensor.dims[2] * tensor.dims[3] == 1)
      tensors.push_back(&tensor);
  }
  return tensors;
}

Result<void> collect(quantize::ProductsCollector& collector, const Bench& bench) {
  const size_t windows = bench.tokens.size() / bench.window;
  Progress progress("reading text", bench.tokens.size(), "tokens");
  for (size_t w = 0; w < windows; ++w) {
    HEARTH_CHECK(collector.add(std::span(bench.tokens).subspan(w * bench.window, bench.window)));
    progress.update((w + 1) * bench.window);
  }
  return {};
}

Result<quantize::Plan> search(const QuantizeOptions& options, Bench& bench,
                              quantize::Knowledge& knowledge, uint64_t budget) {
  const gguf::File& file = bench.model->file().gguf;
  HEARTH_TRY(auto windows, engine::TextWindows::cut(*bench.model, bench.tokens, bench.window,
                                                    options.probe_windows,
                                                    engine::WindowScoring::second_half));
  HEARTH_TRY(const auto reference,
             quantize::ReferenceDistributions::compute(*bench.session, std::move(windows),
                                                       os::memory_info().available / 4));
  quantize::DamageMeter meter(*bench.model, *bench.session, reference, knowledge);
  std::unique_ptr<Progress> progress;
  std::string shown;
  quantize::SearchHooks hooks;
  hooks.progress = [&](std::string_view what, size_t done, size_t all) {
    if (shown != what) progress = std::make_unique<Progress>(std::string(what), all, "tensors");
    shown = what;
    progress->update(done);
  };
  HEARTH_TRY(quantize::SearchResult found,
             quantize::search_plan(file, meter, budget, options.passes, hooks));
  if (progress) progress->clear();
  say(cat("hearth: KL divergence of the plan on that text: ", fixed(found.measured, 5),
          " (its tensors' added up: ", fixed(found.predicted, 5), ")"));
  return found.plan;
}

Result<void> show_plan(const QuantizeOptions& options, const engine::ModelFile& file,
                       const quantize::Plan& plan) {
  if (options.json) return print(plan_json(file, plan).dump() + "\n");
  const std::string each = options.tensors ? tensors_table(file.gguf, plan) + "\n" : "";
  return print(each + plan_table(file, plan));
}

Result<void> run_quantize(const QuantizeOptions& options) {
  if (options.searches() != options.type.empty()) {
    return fail(ErrorCode::bad_usage, "say how small: with a type, as in 'hearth quantize IN OUT "
                "Q4_K_M', or with one of --size, --bpw and --fit");
  }
  if (options.searches() && options.recipe.given()) {
    return fail(ErrorCode::bad_usage,
                "--pure, --leave-output-tensor and the flags that name formats change a TYPE: they "
                "have no place beside --size, --bpw and --fit");
  }
  const bool measures = options.searches() || !options.text.empty() || options.own_text;
  HEARTH_TRY(const engine::ModelFile file, engine::open_model_file(options.input));
  quantize::ImportanceMatrix importance;
  if (!options.importance.empty()) {
    HEARTH_TRY(importance, quantize::load_importance(options.importance));
  }
  quantize::Plan plan;
  if (!options.searches()) {
    const bool knows = measures || !options.importance.empty();
    HEARTH_TRY(plan, plan_by_name(options.type, options.recipe, knows, file.gguf));
    HEARTH_CHECK(show_plan(options, file, plan));
    if (options.dry_run) return {};
    HEARTH_CHECK(quantize::check_encodable(file.gguf, plan));
  }
  Bench bench;
  if (measures) {
    HEARTH_TRY(bench, open_bench(options));
  }
  std::unique_ptr<ThreadPool> own_pool;
  if (!measures) {
    own_pool = std::make_unique<ThreadPool>(
        options.threads == 0 ? os::cpu_info().usable_threads : options.threads);
  }
  ThreadPool& pool = measures ? bench.session->runtime()->pool() : *own_pool;
  const bool tied = measures && bench.model->model().weights.tied_output;
  quantize::Knowledge knowledge(options.importance.empty() ? nullptr : &importance, tied, pool);
  std::unique_ptr<quantize::ProductsCollector> collector;
  if (measures) {
    const auto tensors = matrices_of(bench.computed().file().gguf);
    collector = std::make_unique<quantize::ProductsCollector>(*bench.session, tensors);
    HEARTH_CHECK(collect(*collector, bench));
    knowledge.set_products(collector.get());
  }
  if (options.searches()) {
    HEARTH_TRY(const uint64_t budget, budget_of(options, file.gguf));
    HEARTH_TRY(plan, search(options, bench, knowledge, budget));
    HEARTH_CHECK(show_plan(options, file, plan));
  }
  if (options.dry_run) return {};
  uint64_t weights = 0;
  for (const gguf::TensorInfo& tensor : file.gguf.tensors) weights += tensor.weights();
  Progress progress("quantizing", weights, "weights");
  quantize::WriteHooks hooks;
  hooks.progress = [&](uint64_t done) { progress.update(done); };
  const size_t rounds[] = {file.gguf.tensors.size()};
  HEARTH_CHECK(
      quantize::write_quantized(file.gguf, plan, knowledge, pool, rounds, hooks, options.output));
  progress.clear();
  return {};
}

}  // namespace

void add_quantize(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<QuantizeOptions>();
  CLI::App* command =
      app.add_subcommand("quantize", "Make a smaller file of a model");
  command->add_option("IN", options->input, "The model, best in F32, F16 or BF16")->required();
  command->add_option("OUT", options->output, "The file to make")->required();
  command->add_option("TYPE", options->type, "A mixture of formats, such as Q4_K_M");
  command->add_option("--imatrix", options->importance, "An importance matrix")->type_name("FILE");
  command->add_option("-f,--file", options->text, "A text to measure with")->type_name("FILE");
  command->add_flag("--own-text", options->own_text, "Measure with a text that the model writes");
  command->add_option("--size", options->size, "Bytes of the file")->type_name("BYTES");
  command->add_option("--bpw", options->bits_per_weight, "Bits per weight")->type_name("B");
  command->add_option("--windows", options->windows, "Windows of text to learn inputs from");
  command->add_option("--probe-windows", options->probe_windows, "Windows to measure damage with");
  command->add_option("--passes", options->passes, "How often to measure again");
  add_recipe_flags(*command, options->recipe);
  command->add_flag("--dry-run", options->dry_run, "Show the plan only");
  command->add_flag("--tensors", options->tensors, "Show the plan for each tensor");
  command->add_flag("--json", options->json, "Show the plan as one JSON object");
  command->add_option("-t,--threads", options->threads, "Threads (default: one for each CPU)");
  command->add_option("-s,--seed", options->seed, "For --own-text");
  command->footer(recipe_help());
  command->callback([options, &chosen] { chosen = [options] { return run_quantize(*options); }; });
}

}  // namespace hearth::cli
