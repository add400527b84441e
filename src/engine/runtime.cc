#include "engine/runtime.h"

#include <algorithm>

#include "os/system.h"

namespace hearth::engine {
namespace {

// What a runtime may take, whatever a file says its widths are. Prompts of models that are wider
// than usual are computed in smaller chunks, which does not change the answer.
constexpr size_t kScratchBytes = 96 << 20;
constexpr size_t kLogitsBytes = 16 << 20;

size_t fitting_columns(const model::Model& model, size_t wanted) {
  const size_t fitting = kScratchBytes / model::Forward::bytes_per_column(model);
  return std::clamp<size_t>(fitting, 1, wanted);
}

// Columns whose logits there is room for; encoders have none.
size_t fitting_logits(const model::Model& model) {
  if (!model.weights.output.present()) return 0;
  const size_t fitting = kLogitsBytes / (model.config.n_vocab * sizeof(float));
  return std::clamp<size_t>(fitting, 1, kMaxTogether);
}

// A prompt is computed in chunks, but an encoder has to see all of a text.
size_t wanted_columns(const LoadedModel& model, const SessionOptions& options) {
  if (!model.config().causal) return options.context;
  return std::max(std::min(options.prompt_chunk, options.context), kMaxTogether);
}

}  // namespace

Result<void> check_tokens(const LoadedModel& model, std::span<const text::Token> tokens) {
  const size_t n_vocab = model.config().n_vocab;
  for (const text::Token token : tokens) {
    if (token < 0 || static_cast<size_t>(token) >= n_vocab) {
      return fail(ErrorCode::bad_usage, "token ", token, " does not exist: the model has ", n_vocab,
                  " tokens, from 0");
    }
  }
  return {};
}

Result<std::shared_ptr<Runtime>> Runtime::create(const LoadedModel& model,
                                                 const SessionOptions& options) {
  SessionOptions chosen = options;
  const size_t trained = model.config().context_length;
  if (chosen.context == 0) chosen.context = std::min(trained, kDefaultContext);
  if (chosen.context > model::kMaxContext) {
    return fail(ErrorCode::bad_usage, "a context of ", chosen.context,
                " tokens is beyond the limit of ", model::kMaxContext);
  }
  if (model.model().weights.text.positions.rows != 0 && chosen.context > trained) {
    return fail(ErrorCode::bad_usage, "a context of ", chosen.context, " tokens is more than the ",
                trained, " positions that the model has");
  }
  if (chosen.threads == 0) chosen.threads = os::cpu_info().usable_threads;
  if (chosen.threads > kMaxThreads) {
    return fail(ErrorCode::bad_usage, chosen.threads, " threads are beyond the limit of ",
                kMaxThreads);
  }
  if (chosen.prompt_chunk == 0 || chosen.prompt_chunk > kMaxPromptChunk) {
    return fail(ErrorCode::bad_usage, "a prompt chunk of ", chosen.prompt_chunk,
                " tokens is out of range: choose 1 to ", kMaxPromptChunk);
  }
  if (chosen.kernels == nullptr) chosen.kernels = &best_kernels();
  return std::shared_ptr<Runtime>(new Runtime(model, chosen));
}

Runtime::Runtime(const LoadedModel& model, const SessionOptions& options)
    : model_(model),
      options_(options),
      pool_(options.threads),
      forward_(model.model(), *options.kernels, pool_,
               fitting_columns(model.model(), wanted_columns(model, options)), options.context,
               options.precision),
      logits_(fitting_logits(model.model()) * model.config().n_vocab) {}

model::Forward::Gate Runtime::layer_gate() const {
  return [&loaded = model_](size_t layer) {
    loaded.read_ahead().wait_for_layer(layer);
    return !os::interrupted();
  };
}

size_t Runtime::prompt_columns() const {
  if (!model_.config().causal) return forward_.max_columns();
  return std::min(options_.prompt_chunk, forward_.max_columns());
}

size_t Runtime::together() const {
  return std::min(logits_.size() / model_.config().n_vocab, forward_.max_columns());
}

}  // namespace hearth::engine
