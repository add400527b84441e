// hearth convert: a Hugging Face model folder becomes a GGUF file.
#include "base/units.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "convert/convert.h"
#include "engine/loader.h"
#include "flags/flags.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::cli {
namespace {

constexpr char kFooter[] =
    R"(The folder is one as Hugging Face has it: config.json, model.safetensors (or its parts with
model.safetensors.index.json), and the tokenizer (tokenizer.json or tokenizer.model). Nothing of it
is run, and nothing is downloaded.

Examples:
  hearth convert Qwen3-0.6B qwen3-0.6b.gguf               weights as they are, mostly BF16
  hearth convert Qwen3-0.6B qwen3-0.6b.gguf --type Q8_0   half the size, hardly a difference
  hearth convert Qwen3-0.6B out.gguf --dry-run            what would be written)";

struct ConvertOptions {
  std::string folder;
  std::string output;
  std::string type = "auto";
  std::string name;
  std::string pre;
  size_t threads = 0;
  bool dry_run = false;
  bool force = false;
};

std::string shape_of(const convert::TensorPlan& plan) {
  std::string shape;
  for (const uint64_t dim : plan.dims) shape += cat(shape.empty() ? "" : " x ", dim);
  return shape;
}

std::string source_of(const convert::TensorPlan& plan) {
  if (plan.sources.empty()) return "config.json";
  const convert::SourceTensor& first = *plan.sources[0].values;
  const size_t others = plan.sources.size() - 1;
  return cat(printable(first.name), others == 0 ? "" : cat(" and ", others, " more"), " (",
             convert::name_of(first.type), ")");
}

std::string summary_of(const convert::Plan& plan) {
  uint64_t parameters = 0;
  for (const convert::TensorPlan& tensor : plan.conversion->tensors) parameters += tensor.weights();
  return cat(plan.conversion->architecture(), ", ", human_count(parameters), " parameters, ",
             plan.conversion->tensors.size(), " tensors, ", human_bytes(plan.output_bytes()));
}

Result<void> show_plan(const convert::Plan& plan) {
  std::string out;
  for (const convert::TensorPlan& tensor : plan.conversion->tensors) {
    out += cat(tensor.name, "  ", name_of(tensor.type), "  ", shape_of(tensor), "  from ",
               source_of(tensor), "\n");
  }
  return print(cat(out, summary_of(plan), "\n"));
}

// The file is what hearth runs, or whoever made it should know.
Result<void> check_output(const std::string& path) {
  HEARTH_TRY(const engine::ModelFile file, engine::open_model_file(path));
  const auto model = model::bind(file.gguf);
  if (!model) {
    return fail(ErrorCode::unsupported, "'", printable(path, 400),
                "' is written, but hearth cannot run it: ", model.error().message);
  }
  const auto tokenizer = text::Tokenizer::create(file.gguf.metadata);
  if (!tokenizer) {
    say(cat("hearth: the tokenizer does not work here: ", tokenizer.error().message));
    return {};
  }
  for (const std::string& warning : tokenizer->warnings()) say(cat("hearth: ", warning));
  return {};
}

Result<void> run_convert(const ConvertOptions& options) {
  if (!options.dry_run && options.output.empty()) {
    return fail(ErrorCode::bad_usage, "the name of the file to write is missing: hearth convert ",
                printable(options.folder, 200), " OUT.gguf");
  }
  if (!options.dry_run && !options.force && os::file_exists(options.output)) {
    return fail(ErrorCode::bad_usage, "'", printable(options.output, 400),
                "' is there already: give another name, or --force to replace it");
  }
  convert::Options wanted{.type = std::nullopt, .name = options.name, .pre = options.pre};
  if (options.type != "auto") wanted.type = dtype_by_name(options.type);
  HEARTH_TRY(const convert::Plan plan, convert::plan_conversion(options.folder, wanted));
  for (const std::string& warning : plan.conversion->warnings) say(cat("hearth: ", warning));
  if (options.dry_run) return show_plan(plan);
  const size_t threads = options.threads != 0 ? options.threads : os::cpu_info().usable_threads;
  constexpr uint64_t kMegabyte = 1'000'000;
  Progress progress("convert", plan.output_bytes() / kMegabyte, "MB");
  HEARTH_CHECK(convert::write_file(plan, options.output, threads,
                                   [&](uint64_t bytes) { progress.update(bytes / kMegabyte); }));
  progress.clear();
  HEARTH_CHECK(check_output(options.output));
  return print(cat(printable(options.output, 400), ": ", summary_of(plan), "\n"));
}

// auto and the names of the formats, in any case.
CLI::Validator type_name() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        if (value == "auto" || value == "AUTO") {
          value = "auto";
          return {};
        }
        const auto type = dtype_by_name(value);
        if (type && (*type == DType::F32 || *type == DType::F16 || *type == DType::BF16 ||
                     *type == DType::Q8_0)) {
          return {};
        }
        return cat("'", printable(value), "' is none of auto, F32, F16, BF16, Q8_0");
      },
      "");
}

}  // namespace

void add_convert(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* command =
      app.add_subcommand("convert", "Make a GGUF file of a Hugging Face model folder");
  command->add_option("DIR", options->folder, "The folder of the model")
      ->required()
      ->check(flags::not_empty());
  command->add_option("OUT", options->output, "The GGUF file to write")->check(flags::not_empty());
  command
      ->add_option("--type", options->type,
                   "Format of the matrices: F32, F16, BF16, Q8_0, or auto, as the checkpoint "
                   "has them (default: auto)")
      ->type_name("NAME")
      ->check(type_name());
  command->add_option("--name", options->name, "Name of the model (default: that of the folder)")
      ->type_name("TEXT");
  command
      ->add_option("--pre", options->pre,
                   "Name of the pre-tokenizer, where hearth does not find it (docs/tokenizers.md)")
      ->type_name("NAME");
  command->add_option("-t,--threads", options->threads, "Threads (default: one for each CPU)")
      ->type_name("N")
      ->check(flags::whole_number(1, 1024));
  command->add_flag("--dry-run", options->dry_run, "Show what would be written, and write nothing");
  command->add_flag("--force", options->force, "Replace a file that is there already");
  command->footer(kFooter);
  command->callback([options, &chosen] { chosen = [options] { return run_convert(*options); }; });
}

}  // namespace hearth::cli
