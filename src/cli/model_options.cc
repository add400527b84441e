#include "cli/model_options.h"

#include <filesystem>

#include "base/utf8.h"
#include "cli/command.h"
#include "flags/flags.h"
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
      ->type_name("FILE")
      ->check(flags::not_empty());
  if (flags == ModelFlags::file_only) return;
  add_compute_flags(command, options);
  command.add_flag("--exact", options.exact,
                   "Do not round activations to 8 bits: slow, shows what the file itself is worth");
}

void add_compute_flags(CLI::App& command, ModelOptions& options) {
  const auto add = [&](const char* names, auto& target, const char* type, const char* help) {
    return command.add_option(names, target, help)->type_name(type);
  };
  add("-c,--ctx-size", options.context, "N",
      "Tokens that fit, prompt and answer (default: the model's, at most 4096)")
      ->check(flags::whole_number(0, model::kMaxContext));
  add("-t,--threads", options.threads, "N", "Threads (default: every CPU this process may use)")
      ->check(flags::whole_number(0, engine::kMaxThreads));
  add("-b,--batch-size", options.prompt_chunk, "N",
      "Prompt tokens computed together; changes speed and memory, never the answer")
      ->check(flags::whole_number(1, engine::kMaxPromptChunk))
      ->capture_default_str();
  add("--kv", options.kv, "TYPE", "Format of the KV cache: q8_0, f16 or f32")
      ->capture_default_str();
  add("--cache-type-k", options.kv_keys, "TYPE", "The same, as llama.cpp calls it: of the keys");
  add("--cache-type-v", options.kv_values, "TYPE", "And of the values, which must be equal");
  add("--isa", options.isa, "NAME",
      "Instruction set: reference, avx2, avxvnni or avx512 (default: the best of this CPU)");
}

void add_sampling_flags(CLI::App& command, sample::SamplingParams& params) {
  const auto add = [&](const char* names, auto& target, const char* help) {
    return command.add_option(names, target, help)->capture_default_str();
  };
  add("--temp", params.temperature, "Temperature; 0 always takes the most likely token");
  add("--top-k", params.top_k, "Keep the k most likely tokens, 0 for all");
  add("--top-p", params.top_p, "Keep the most likely tokens that together reach p");
  add("--min-p", params.min_p, "Keep tokens at least p times as likely as the best");
  add("--repeat-penalty", params.repeat_penalty,
      "Make tokens that were seen less likely, 1 for off");
  add("--presence-penalty", params.presence_penalty,
      "Take this off the logits of tokens that were seen");
  add("--frequency-penalty", params.frequency_penalty, "The same, as often as they were seen");
  add("--repeat-last-n", params.penalty_window,
      "Tokens that the penalties look back at, -1 for all");
  add("-s,--seed", params.seed,
      "Seed; the same seed gives the same answer (default: a new one each time)")
      ->default_str("")
      ->check(flags::any_seed());
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
      ->check(flags::whole_number(-1, INT32_MAX));
}

void add_speculation_flags(CLI::App& command, SpeculationFlags& flags) {
  command
      .add_option("--speculation", flags.kind,
                  "How to guess ahead: ngram (what followed the same words before), draft or off; "
                  "changes speed, never the answer (default: ngram, or draft with a draft model)")
      ->type_name("KIND")
      ->check(flags::not_empty());
  command
      .add_option(
          "--model-draft", flags.draft_path,
          "A smaller GGUF model of the same family, whose guesses the model checks; also -md")
      ->type_name("FILE")
      ->check(flags::not_empty());
  command.add_option("--draft-max,--draft", flags.most, "Tokens to guess at most in one go")
      ->type_name("N")
      ->check(flags::whole_number(0, engine::kMaxGuesses))
      ->capture_default_str();
  command.add_option("--draft-min", flags.least, "Do not try with fewer guesses than this")
      ->type_name("N")
      ->check(flags::whole_number(0, engine::kMaxGuesses))
      ->capture_default_str();
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

Result<DType> parse_kv_type(std::string_view flag, std::string_view name) {
  const auto type = dtype_by_name(name);
  if (type && KvFormat::supports(*type)) return *type;
  return fail(ErrorCode::bad_usage, flag, " is '", printable(name),
              "', it must be q8_0, f16 or f32");
}

// llama.cpp names the two sides apart, here they are of one type.
Result<DType> kv_type(const ModelOptions& options) {
  if (options.kv_keys.empty() && options.kv_values.empty())
    return parse_kv_type("--kv", options.kv);
  HEARTH_TRY(const DType keys, parse_kv_type("--cache-type-k", options.kv_keys));
  HEARTH_TRY(const DType values, parse_kv_type("--cache-type-v", options.kv_values));
  if (keys == values) return keys;
  return fail(ErrorCode::bad_usage, "--cache-type-k is ", name_of(keys), " and --cache-type-v is ",
              name_of(values), ": give the same type for both");
}

}  // namespace

Result<engine::SessionOptions> session_options(const ModelOptions& options) {
  engine::SessionOptions session;
  session.context = options.context;
  session.threads = options.threads;
  session.prompt_chunk = options.prompt_chunk;
  HEARTH_TRY(session.kv_type, kv_type(options));
  if (options.exact) session.precision = model::Precision::exact;
  if (!options.isa.empty()) {
    HEARTH_TRY(session.kernels, find_kernels(options.isa));
  }
  return session;
}

Result<std::unique_ptr<engine::Session>> open_session(const engine::LoadedModel& model,
                                                      const ModelOptions& options,
                                                      const engine::Adapters& adapters) {
  HEARTH_TRY(const engine::SessionOptions wanted, session_options(options));
  HEARTH_TRY(auto session, engine::Session::open(model, wanted, adapters));
  const size_t trained = model.config().context_length;
  if (session->context() > trained) {
    say(cat("hearth: warning: the context of ", session->context(), " tokens is beyond the ",
            trained, " that the model was trained for; answers get worse there"));
  }
  return session;
}

Result<Speculation> open_speculation(const SpeculationFlags& flags, const engine::Session& session,
                                     const ModelOptions& options) {
  using Kind = engine::SpeculationOptions::Kind;
  const bool with_draft = !flags.draft_path.empty();
  const std::string kind = !flags.kind.empty() ? flags.kind : with_draft ? "draft" : "ngram";
  if (kind != "ngram" && kind != "draft" && kind != "off") {
    return fail(ErrorCode::bad_usage, "--speculation is '", printable(kind),
                "', it must be ngram, draft or off");
  }
  if (kind == "draft" && !with_draft) {
    return fail(ErrorCode::bad_usage, "--speculation draft needs a model: give it with ",
                "-md FILE.gguf");
  }
  Speculation speculation;
  speculation.options.kind = kind == "ngram"   ? Kind::ngram
                             : kind == "draft" ? Kind::draft
                                               : Kind::off;
  speculation.options.most = flags.most;
  speculation.options.least = flags.least;
  if (kind != "draft") return speculation;
  HEARTH_TRY(const text::Tokenizer* tokenizer, tokenizer_of(session.model()));
  HEARTH_TRY(speculation.draft_model, engine::LoadedModel::load(flags.draft_path));
  HEARTH_TRY(const text::Tokenizer* draft_tokenizer, tokenizer_of(*speculation.draft_model));
  HEARTH_CHECK(engine::check_same_vocabulary(tokenizer->vocab(), draft_tokenizer->vocab()));
  HEARTH_TRY(engine::SessionOptions wanted, session_options(options));
  wanted.context = session.context();
  HEARTH_TRY(speculation.draft, engine::Session::open(*speculation.draft_model, wanted));
  speculation.options.draft = speculation.draft.get();
  return speculation;
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
