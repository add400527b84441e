#include "cli/model_options.h"

#include <filesystem>

#include "base/utf8.h"
#include "cli/command.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::cli {
namespace {

constexpr std::string_view kBundledModel = "hearth-stories-6m-q8_0.gguf";

}  // namespace

void add_model_flags(CLI::App& command, ModelOptions& options, ModelFlags flags) {
  command
      .add_option("-m,--model", options.path,
                  "GGUF file (default: the story model that comes with hearth)")
      ->type_name("FILE");
  if (flags == ModelFlags::file_only) return;
  command
      .add_option("-c,--ctx-size", options.context,
                  "Tokens that fit, prompt and answer (default: the model's, at most 4096)")
      ->type_name("N");
  command
      .add_option("-t,--threads", options.threads,
                  "Threads (default: every CPU this process may use)")
      ->type_name("N");
  command
      .add_option("-b,--batch-size", options.prompt_chunk,
                  "Prompt tokens computed together; changes speed and memory, never the answer")
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--kv", options.kv, "Format of the KV cache: f16 or f32")
      ->type_name("TYPE")
      ->capture_default_str();
  command
      .add_option("--isa", options.isa,
                  "Instruction set: reference, avx2 or avx512 (default: the best of this CPU)")
      ->type_name("NAME");
}

void add_sampling_flags(CLI::App& command, sample::SamplingParams& params) {
  command
      .add_option("--temp", params.temperature, "Temperature; 0 always takes the most likely token")
      ->capture_default_str();
  command.add_option("--top-k", params.top_k, "Keep the k most likely tokens, 0 for all")
      ->capture_default_str();
  command.add_option("--top-p", params.top_p, "Keep the most likely tokens that together reach p")
      ->capture_default_str();
  command.add_option("--min-p", params.min_p, "Keep tokens at least p times as likely as the best")
      ->capture_default_str();
  command
      .add_option("--repeat-penalty", params.repeat_penalty,
                  "Make tokens that were seen less likely, 1 for off")
      ->capture_default_str();
  command
      .add_option("--presence-penalty", params.presence_penalty,
                  "Take this off the logits of tokens that were seen")
      ->capture_default_str();
  command
      .add_option("--frequency-penalty", params.frequency_penalty,
                  "The same, as often as they were seen")
      ->capture_default_str();
  command
      .add_option("--repeat-last-n", params.penalty_window,
                  "Tokens that the penalties look back at, -1 for all")
      ->capture_default_str();
  command
      .add_option("-s,--seed", params.seed,
                  "Seed; the same seed gives the same answer (default: a new one each time)")
      ->default_str("");
}

void add_length_flag(CLI::App& command, size_t& max_tokens) {
  const auto set = [&max_tokens](const int64_t& n) {
    max_tokens = n < 0 ? SIZE_MAX : static_cast<size_t>(n);
  };
  command
      .add_option_function<int64_t>(
          "-n,--predict,--n-predict", set,
          "Tokens to write at most, -1 for no limit (default: until the model ends)")
      ->type_name("N")
      ->check(CLI::Range(int64_t{-1}, int64_t{1} << 40));
}

Result<std::string> model_path(const ModelOptions& options) {
  if (!options.path.empty()) return options.path;
  const std::string program = os::program_folder();
  // Beside a build folder of the source tree, and where an installation puts it.
  const std::filesystem::path candidates[] = {
      cat(program, "/../../../models/", kBundledModel),
      cat(program, "/../share/hearth/models/", kBundledModel)};
  for (const std::filesystem::path& candidate : candidates) {
    if (os::file_exists(candidate)) return candidate.lexically_normal().string();
  }
  return fail(ErrorCode::not_found, "the bundled model '", kBundledModel,
              "' is not beside the program: give a model with -m FILE.gguf");
}

Result<std::unique_ptr<const engine::LoadedModel>> load_model(const ModelOptions& options) {
  HEARTH_TRY(const std::string path, model_path(options));
  HEARTH_TRY(auto model, engine::LoadedModel::load(path));
  for (const std::string& warning : model->warnings()) say(cat("hearth: warning: ", warning));
  return model;
}

Result<const text::Tokenizer*> tokenizer_of(const engine::LoadedModel& model) {
  if (model.tokenizer() != nullptr) return model.tokenizer();
  return tl::unexpected<Error>(model.tokenizer_error());
}

namespace {

Result<const Kernels*> find_kernels(std::string_view name) {
  std::string names;
  for (const IsaLevel level : available_levels()) {
    if (name_of(level) == name) return &kernels_for(level);
    names += cat(names.empty() ? "" : ", ", name_of(level));
  }
  return fail(ErrorCode::bad_usage, "--isa is '", printable(name), "', this CPU has: ", names);
}

}  // namespace

Result<std::unique_ptr<engine::Session>> open_session(const engine::LoadedModel& model,
                                                      const ModelOptions& options) {
  engine::SessionOptions session;
  session.context = options.context;
  session.threads = options.threads;
  session.prompt_chunk = options.prompt_chunk;
  const auto kv = dtype_by_name(options.kv);
  if (!kv || (*kv != DType::F16 && *kv != DType::F32)) {
    return fail(ErrorCode::bad_usage, "--kv is '", printable(options.kv),
                "', it must be f16 or f32");
  }
  session.kv_type = *kv;
  if (!options.isa.empty()) {
    HEARTH_TRY(session.kernels, find_kernels(options.isa));
  }
  const size_t trained = model.config().context_length;
  if (options.context > trained) {
    say(cat("hearth: warning: the context of ", options.context, " tokens is beyond the ", trained,
            " that the model was trained for; answers get worse there"));
  }
  return engine::Session::open(model, session);
}

void introduce_storyteller(const ModelOptions& options, std::string_view command) {
  if (!options.path.empty()) return;
  say(cat("hearth: the bundled model tells stories, it is no assistant (for one: hearth ", command,
          " -m FILE.gguf)"));
}

Result<void> check_utf8(std::string_view text, std::string_view what) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (!c.valid) {
      return fail(ErrorCode::bad_usage, what, " is not valid UTF-8 at byte ", at,
                  ": save it as UTF-8 and try again");
    }
    at += c.length;
  }
  return {};
}

}  // namespace hearth::cli
