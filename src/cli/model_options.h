// The flags that every command with a model takes, and how they become a model and a session.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/generate.h"
#include "engine/session.h"
#include "sample/params.h"

namespace hearth::cli {

struct ModelOptions {
  std::string path;  // empty: the bundled model
  size_t context = 0;
  size_t threads = 0;
  size_t prompt_chunk = 256;
  std::string kv = "q8_0";
  std::string kv_keys;    // empty: as kv
  std::string kv_values;  // empty: as kv
  std::string isa;        // empty: the best of this CPU
  bool exact = false;
};

// How answers are sped up by guessing (engine/speculate.h).
struct SpeculationFlags {
  std::string kind;        // empty: a draft model if one is given, else n-grams
  std::string draft_path;  // of the draft model
  size_t most = engine::SpeculationOptions{}.most;
  size_t least = engine::SpeculationOptions{}.least;
};

// The options that the flags ask for, and the draft model that they may refer to.
struct Speculation {
  engine::SpeculationOptions options;
  std::unique_ptr<const engine::LoadedModel> draft_model;
  std::unique_ptr<engine::Session> draft;
};

// Which of the flags a command has use for.
enum class ModelFlags { file_only, compute };

void add_model_flags(CLI::App& command, ModelOptions& options, ModelFlags flags);
// How a model is computed, where the command names its files in another way: all but -m, --exact.
void add_compute_flags(CLI::App& command, ModelOptions& options);
void add_sampling_flags(CLI::App& command, sample::SamplingParams& params);
// -n: at most so many tokens; -1 or no flag leaves SIZE_MAX.
void add_length_flag(CLI::App& command, size_t& max_tokens);

void add_speculation_flags(CLI::App& command, SpeculationFlags& flags);

// Loads the draft model, if there is one, for guesses in this session.
[[nodiscard]] Result<Speculation> open_speculation(const SpeculationFlags& flags,
                                                   const engine::Session& session,
                                                   const ModelOptions& options);

// The file that the options name: a path, or the model that came with hearth.
[[nodiscard]] Result<std::string> model_path(const ModelOptions& options);

// Loads it, and shows its warnings on standard error.
[[nodiscard]] Result<std::unique_ptr<const engine::LoadedModel>> load_model(
    const ModelOptions& options);

// The tokenizer of a model, or why it has none.
[[nodiscard]] Result<const text::Tokenizer*> tokenizer_of(const engine::LoadedModel& model);

// What the flags ask of a session.
[[nodiscard]] Result<engine::SessionOptions> session_options(const ModelOptions& options);

// Such a session; warns when its context is beyond what the model was trained for.
[[nodiscard]] Result<std::unique_ptr<engine::Session>> open_session(
    const engine::LoadedModel& model, const ModelOptions& options,
    const engine::Adapters& adapters = {});

// Where people meet the bundled model: says that it tells stories, and how to get an assistant.
void introduce_storyteller(const ModelOptions& options, std::string_view command);

// An error that names the first byte when `text` is not UTF-8; `what` is what the user knows it as.
[[nodiscard]] Result<void> check_utf8(std::string_view text, std::string_view what);

}  // namespace hearth::cli
