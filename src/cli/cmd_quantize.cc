// hearth quantize: a smaller file of a model.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "cli/quantize_report.h"
#include "cli/recipe_options.h"
#include "engine/sequence_memory.h"
#include "flags/flags.h"
#include "os/file.h"
#include "os/system.h"
#include "quantize/calibration.h"
#include "quantize/collection.h"
#include "quantize/quantized_file.h"
#include "quantize/search.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;

struct QuantizeOptions {
  std::string input;
  std::string output;
  std::string type;
  std::string importance;
  std::string text;
  std::string size;
  std::string fit;
  RecipeFlags recipe;
  bool tensors = false;
  bool json = false;
  double bits_per_weight = 0;
  size_t context = engine::kDefaultContext;
  size_t windows = 64;
  size_t probe_windows = 16;
  size_t passes = 2;
  size_t threads = 0;
  uint64_t seed = 1;
  bool own_text = false;
  bool dry_run = false;

  [[nodiscard]] bool searches() const {
    return bits_per_weight > 0 || !size.empty() || !fit.empty();
  }
  [[nodiscard]] bool measures() const { return searches() || own_text || !text.empty(); }
};

Result<void> check(const QuantizeOptions& options) {
  const int ways = (options.type.empty() ? 0 : 1) + (options.size.empty() ? 0 : 1) +
                   (options.fit.empty() ? 0 : 1) + (options.bits_per_weight > 0 ? 1 : 0);
  if (ways != 1) {
    return fail(ErrorCode::bad_usage,
                "say how small the file is to be in one way: a type, as in 'hearth quantize IN OUT "
                "Q4_K_M', or one of --size, --bpw and --fit");
  }
  if (options.searches() && options.recipe.given()) {
    return fail(ErrorCode::bad_usage,
                "--pure, --leave-output-tensor and the flags that name formats change a TYPE: they "
                "have no place beside --size, --bpw and --fit");
  }
  if (os::same_file(options.input, options.output)) {
    return fail(ErrorCode::bad_usage, "'", printable(options.output),
                "' is the model itself: give another name for the smaller file");
  }
  return {};
}

Result<uint64_t> bytes_from(const std::string& text, std::string_view flag) {
  const auto bytes = parse_bytes(text);
  if (bytes) return *bytes;
  return fail(ErrorCode::bad_usage, flag, " is '", printable(text),
              "', it must be a number of bytes such as 3742496, 3.7M or 4GiB");
}

// What a model takes in memory beside its file.
uint64_t bytes_beside(const engine::LoadedModel& model, size_t context) {
  constexpr size_t kPromptChunk = 256;
  constexpr uint64_t kProgram = uint64_t{64} << 20;
  const uint64_t kv =
      engine::SequenceMemory::bytes_needed(model.config(), DType::Q8_0, context, kPromptChunk);
  return kv + model::Forward::bytes_per_column(model.model()) * kPromptChunk + kProgram;
}

// Bytes of the file that the flags ask for.
Result<uint64_t> budget_of(const QuantizeOptions& options, const engine::LoadedModel& model) {
  const gguf::File& file = model.file().gguf;
  if (!options.fit.empty()) {
    HEARTH_TRY(const uint64_t memory, bytes_from(options.fit, "--fit"));
    const uint64_t beside = bytes_beside(model, options.context);
    if (memory > beside) return memory - beside;
    return fail(ErrorCode::bad_usage, "--fit is ", human_bytes(memory), ", but ",
                human_bytes(beside), " are needed beside the model for a context of ",
                options.context, " tokens: allow more, or choose a smaller --context");
  }
  if (!options.size.empty()) {
    if (quantize::find_recipe(options.size) == nullptr) return bytes_from(options.size, "--size");
    HEARTH_TRY(const quantize::Plan plan, plan_by_name(options.size, {}, true, file));
    return quantize::file_bytes(file, plan);
  }
  quantize::Plan same;
  uint64_t weights = 0, bytes = 0;
  for (const gguf::TensorInfo& tensor : file.tensors) {
    same.types.push_back(tensor.type);
    weights += tensor.weights();
    bytes += tensor.data.size();
  }
  HEARTH_TRY(const uint64_t whole, quantize::file_bytes(file, same));
  const double wanted = options.bits_per_weight * static_cast<double>(weights) / 8;
  return whole - bytes + static_cast<uint64_t>(wanted);
}

// Products are known of tensors that hold one matrix.
std::vector<const gguf::TensorInfo*> matrices_of(const gguf::File& file) {
  std::vector<const gguf::TensorInfo*> tensors;
  for (const gguf::TensorInfo& tensor : file.tensors) {
    if (quantize::quantizable(tensor) && tensor.dims[2] * tensor.dims[3] == 1)
      tensors.push_back(&tensor);
  }
  return tensors;
}

// One kind of work after another, each with its own line.
class Steps {
 public:
  void show(std::string_view what, uint64_t done, uint64_t all, std::string_view unit) {
    if (what != what_) {
      clear();
      progress_ = std::make_unique<Progress>(std::string(what), all, std::string(unit));
      what_ = what;
    }
    progress_->update(done);
  }
  void clear() {
    if (progress_) progress_->clear();
    what_.clear();
  }

 private:
  std::string what_;
  std::unique_ptr<Progress> progress_;
};

// How a model is measured while it is quantized.
struct Measuring {
  std::unique_ptr<const engine::LoadedModel> model;
  std::optional<quantize::Calibration> calibration;
};

Result<Measuring> open_measuring(const QuantizeOptions& options, Steps& steps) {
  Measuring measuring;
  HEARTH_TRY(measuring.model, engine::LoadedModel::load(options.input));
  if (options.searches()) {
    HEARTH_TRY(const uint64_t budget, budget_of(options, *measuring.model));
    HEARTH_CHECK(quantize::check_budget(measuring.model->file().gguf, budget));
  }
  std::string text;
  if (!options.text.empty()) {
    HEARTH_TRY(text, os::read_text(options.text, kMaxTextBytes));
    HEARTH_CHECK(check_utf8(text, cat("'", printable(options.text), "'")));
  }
  quantize::CalibrationOptions wanted;
  wanted.text = text;
  wanted.name = options.text;
  wanted.windows = options.windows;
  wanted.seed = options.seed;
  wanted.threads = options.threads;
  wanted.memory = os::memory_info().available / 3;
  wanted.progress = [&](size_t done, size_t all) {
    steps.show("writing a text", done, all, "tokens");
  };
  HEARTH_TRY(measuring.calibration, quantize::Calibration::open(*measuring.model, wanted));
  steps.clear();
  return measuring;
}

Result<quantize::Plan> search(const QuantizeOptions& options, const Measuring& measuring,
                              quantize::Knowledge& knowledge, Steps& steps) {
  const quantize::Calibration& calibration = *measuring.calibration;
  HEARTH_TRY(auto windows,
             engine::TextWindows::cut(*measuring.model, calibration.tokens(), calibration.window(),
                                      options.probe_windows, engine::WindowScoring::second_half));
  HEARTH_TRY(const auto reference,
             quantize::ReferenceDistributions::compute(calibration.session(), std::move(windows),
                                                       os::memory_info().available / 4));
  quantize::DamageMeter meter(*measuring.model, calibration.session(), reference, knowledge);
  quantize::SearchOptions wanted;
  HEARTH_TRY(wanted.budget, budget_of(options, *measuring.model));
  wanted.passes = options.passes;
  wanted.memory = os::memory_info().available / 2;
  wanted.progress = [&](std::string_view what, size_t done, size_t all) {
    steps.show(what, done, all, "tensors");
  };
  HEARTH_TRY(quantize::SearchResult found,
             quantize::search_plan(measuring.model->file().gguf, meter, wanted));
  steps.clear();
  say(cat("hearth: KL divergence on the text that was measured with: ",
          fixed(found.measured.value_or(found.predicted), 5), " nats",
          found.measured ? "" : ", estimated tensor by tensor"));
  return found.plan;
}

Result<void> write(const QuantizeOptions& options, const gguf::File& file,
                   const quantize::Plan& plan, quantize::Knowledge& knowledge, ThreadPool& pool,
                   Steps& steps) {
  uint64_t weights = 0;
  for (const gguf::TensorInfo& tensor : file.tensors) weights += tensor.weights();
  const auto progress = [&](uint64_t done) { steps.show("quantizing", done, weights, "weights"); };
  HEARTH_CHECK(quantize::write_quantized(file, plan, knowledge, pool, progress, options.output));
  steps.clear();
  return {};
}

Result<void> show_plan(const QuantizeOptions& options, const engine::ModelFile& file,
                       const quantize::Plan& plan) {
  if (options.json) return print(plan_json(file, plan).dump() + "\n");
  const std::string each = options.tensors ? tensors_table(file.gguf, plan) + "\n" : "";
  return print(each + plan_table(file, plan));
}

// The plan of a TYPE is shown before anything is measured.
Result<quantize::Plan> plan_of_type(const QuantizeOptions& options, const engine::ModelFile& file) {
  const bool knows = options.measures() || !options.importance.empty();
  HEARTH_TRY(quantize::Plan plan, plan_by_name(options.type, options.recipe, knows, file.gguf));
  HEARTH_CHECK(show_plan(options, file, plan));
  HEARTH_CHECK(quantize::check_encodable(file.gguf, plan));
  return plan;
}

Result<void> quantize_plainly(const QuantizeOptions& options,
                              quantize::ImportanceMatrix* importance, Steps& steps) {
  HEARTH_TRY(const engine::ModelFile file, engine::open_model_file(options.input));
  HEARTH_TRY(const quantize::Plan plan, plan_of_type(options, file));
  if (options.dry_run) return {};
  if (importance != nullptr) HEARTH_CHECK(quantize::adapt(*importance, file.gguf));
  ThreadPool pool(options.threads == 0 ? os::cpu_info().usable_threads : options.threads);
  quantize::Knowledge knowledge(importance, false, pool);
  return write(options, file.gguf, plan, knowledge, pool, steps);
}

Result<void> quantize_by_measure(const QuantizeOptions& options,
                                 quantize::ImportanceMatrix* importance, Steps& steps) {
  quantize::Plan plan;
  if (!options.searches()) {
    HEARTH_TRY(const engine::ModelFile file, engine::open_model_file(options.input));
    HEARTH_TRY(plan, plan_of_type(options, file));
    if (options.dry_run) return {};
  }
  HEARTH_TRY(const Measuring measuring, open_measuring(options, steps));
  const quantize::Calibration& calibration = *measuring.calibration;
  const engine::ModelFile& file = measuring.model->file();
  if (importance != nullptr) HEARTH_CHECK(quantize::adapt(*importance, file.gguf));
  ThreadPool& pool = calibration.session().runtime()->pool();
  quantize::Knowledge knowledge(importance, measuring.model->model().weights.tied_output, pool);
  quantize::ProductsText text;
  text.session = &calibration.session();
  text.tokens = calibration.tokens();
  text.window = calibration.window();
  text.memory = os::memory_info().available / 4;
  text.progress = [&](size_t done, size_t all) {
    steps.show("reading the text", done, all, "tokens");
  };
  knowledge.learn_from(text, matrices_of(calibration.computed().file().gguf));
  if (options.searches()) {
    HEARTH_TRY(plan, search(options, measuring, knowledge, steps));
    HEARTH_CHECK(show_plan(options, file, plan));
  }
  if (options.dry_run) return {};
  return write(options, file.gguf, plan, knowledge, pool, steps);
}

Result<void> run_quantize(const QuantizeOptions& options) {
  HEARTH_CHECK(check(options));
  quantize::ImportanceMatrix importance;
  if (!options.importance.empty()) {
    HEARTH_TRY(importance, quantize::load_importance(options.importance));
  }
  quantize::ImportanceMatrix* known = options.importance.empty() ? nullptr : &importance;
  // Before hours of measuring, not behind them.
  if (!options.dry_run) HEARTH_CHECK(os::FileWriter::create(options.output));
  Steps steps;
  return options.measures() ? quantize_by_measure(options, known, steps)
                            : quantize_plainly(options, known, steps);
}

void add_measuring_flags(CLI::App& command, QuantizeOptions& options) {
  command
      .add_option("--imatrix", options.importance,
                  "Importance of the weights, as hearth imatrix or llama-imatrix write it")
      ->type_name("FILE")
      ->check(flags::not_empty());
  command
      .add_option("-f,--file", options.text,
                  "Measure the model on this text (default with --size, --bpw and --fit: one that "
                  "it writes itself)")
      ->type_name("FILE")
      ->check(flags::not_empty());
  command.add_flag("--own-text", options.own_text,
                   "With a TYPE too, measure the model on a text that it writes itself");
  command.add_option("--windows", options.windows, "Windows of 512 tokens of the text")
      ->type_name("N")
      ->capture_default_str()
      ->check(flags::whole_number(1, 1 << 20));
  command
      .add_option("--probe-windows", options.probe_windows,
                  "How many of them show the damage of a format")
      ->type_name("N")
      ->capture_default_str()
      ->check(flags::whole_number(1, 1 << 20));
  command
      .add_option("--passes", options.passes,
                  "How often a found plan is measured again, tensor by tensor")
      ->type_name("N")
      ->capture_default_str()
      ->check(flags::whole_number(0, 100));
  command.add_option("-s,--seed", options.seed, "Of the text that the model writes")
      ->type_name("N")
      ->check(flags::any_seed());
}

constexpr char kHelp[] =
    "With a TYPE, tensors get the formats that llama-quantize gives them. With --size, --bpw or "
    "--fit "
    "hearth\nmeasures how much each tensor suffers in each format and finds the best file of that "
    "size; errors of\nrounding are made to cancel on a text. That takes minutes for small models "
    "and hours for large ones.\n\n"
    "Example: hearth quantize model-f16.gguf model.gguf --fit 8GB --context 8192";

}  // namespace

void add_quantize(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<QuantizeOptions>();
  CLI::App* command = app.add_subcommand("quantize", "Make a smaller file of a model");
  command->footer(cat(kHelp, "\n\n", recipe_help()));
  command->add_option("IN", options->input, "The model, best in F32, F16 or BF16")->required();
  command->add_option("OUT", options->output, "The file to make")
      ->required()
      ->check(flags::not_empty());
  command->add_option("TYPE", options->type, "A mixture of formats, such as Q4_K_M");
  command
      ->add_option("--size", options->size,
                   "Bytes of the file at most (3742496, 3.7M, 4GiB), or a type whose size to take")
      ->type_name("BYTES")
      ->check(flags::not_empty());
  command->add_option("--bpw", options->bits_per_weight, "Bits per weight at most")
      ->type_name("B")
      ->check(CLI::Range(1.0, 32.0));
  command
      ->add_option("--fit", options->fit,
                   "Memory that the model may take at most, with all that it needs for --context")
      ->type_name("BYTES")
      ->check(flags::not_empty());
  command->add_option("-c,--context", options->context, "Tokens of context for --fit")
      ->type_name("N")
      ->capture_default_str()
      ->check(flags::whole_number(1, INT32_MAX));
  add_measuring_flags(*command, *options);
  add_recipe_flags(*command, options->recipe);
  command->add_flag("--dry-run", options->dry_run, "Show the plan and write nothing");
  command->add_flag("--tensors", options->tensors, "Show the plan for each tensor");
  command->add_flag("--json", options->json, "Show the plan as one JSON object");
  command->add_option("-t,--threads", options->threads, "Threads (default: every CPU)")
      ->type_name("N")
      ->check(flags::whole_number(1, engine::kMaxThreads));
  command->callback([options, &chosen] { chosen = [options] { return run_quantize(*options); }; });
}

}  // namespace hearth::cli
