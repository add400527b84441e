#include "engine/session.h"

#include <algorithm>
#include <utility>

#include "os/system.h"

namespace hearth::engine {
namespace {

// What a session may take beside its KV cache, whatever a file says its widths are. Prompts of
// models that are wider than usual are computed in smaller chunks, which does not change the
// answer.
constexpr size_t kScratchBytes = 64 << 20;
constexpr size_t kLogitsBytes = 16 << 20;

size_t fitting_columns(const model::ModelConfig& config, size_t wanted) {
  const size_t fitting = kScratchBytes / model::Scratch::bytes_per_column(config);
  return std::clamp<size_t>(fitting, 1, wanted);
}

// Tokens whose logits are computed together when every token's are wanted.
size_t logits_rows(const model::ModelConfig& config) {
  return std::clamp<size_t>(kLogitsBytes / (config.n_vocab * sizeof(float)), 1, 16);
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const LoadedModel& model,
                                               const SessionOptions& options) {
  SessionOptions chosen = options;
  const size_t trained = model.config().context_length;
  if (chosen.context == 0) chosen.context = std::min(trained, kDefaultContext);
  if (chosen.context > model::kMaxContext) {
    return fail(ErrorCode::bad_usage, "a context of ", chosen.context,
                " tokens is beyond the limit of ", model::kMaxContext);
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
  if (chosen.kv_type != DType::F32 && chosen.kv_type != DType::F16) {
    return fail(ErrorCode::unsupported, "a KV cache in ", name_of(chosen.kv_type),
                " is not supported: choose f16 or f32");
  }
  HEARTH_TRY(KvCache kv, KvCache::create(model.config(), chosen.kv_type, chosen.context));
  const Kernels& kernels = chosen.kernels != nullptr ? *chosen.kernels : best_kernels();
  return std::unique_ptr<Session>(new Session(model, chosen, kernels, std::move(kv)));
}

Session::Session(const LoadedModel& model, const SessionOptions& options, const Kernels& kernels,
                 KvCache kv)
    : model_(model),
      kernels_(kernels),
      kv_(std::move(kv)),
      pool_(options.threads),
      forward_(model.model(), kernels, pool_,
               fitting_columns(model.config(), std::min(options.prompt_chunk, options.context)),
               options.context, options.precision),
      logits_(logits_rows(model.config()) * model.config().n_vocab) {
  tokens_.reserve(options.context);
}

void Session::rewind(size_t length) { tokens_.resize(std::min(length, tokens_.size())); }

Result<void> Session::check_advance(std::span<const text::Token> tokens) const {
  if (tokens.size() > room()) {
    return fail(ErrorCode::too_large, tokens.size(), " tokens do not fit behind the ",
                tokens_.size(), " that are there: the context holds ", context(),
                "; shorten the text or choose a larger context with -c");
  }
  for (const text::Token token : tokens) {
    if (token < 0 || static_cast<size_t>(token) >= model_.config().n_vocab) {
      return fail(ErrorCode::bad_usage, "token ", token, " does not exist: the model has ",
                  model_.config().n_vocab, " tokens, from 0");
    }
  }
  return {};
}

Result<void> Session::run_chunk(std::span<const text::Token> chunk) {
  if (os::interrupted()) return fail(ErrorCode::interrupted, "interrupted");
  if (!forward_.run(chunk, tokens_.size(), kv_.view(), os::interrupted))
    return fail(ErrorCode::interrupted, "interrupted");
  tokens_.insert(tokens_.end(), chunk.begin(), chunk.end());
  last_columns_ = chunk.size();
  return {};
}

Result<void> Session::advance(std::span<const text::Token> tokens, const Progress& progress) {
  HEARTH_CHECK(check_advance(tokens));
  const size_t step = forward_.max_columns();
  for (size_t done = 0; done < tokens.size(); done += step) {
    HEARTH_CHECK(run_chunk(tokens.subspan(done, std::min(step, tokens.size() - done))));
    if (progress) progress(std::min(done + step, tokens.size()));
  }
  return {};
}

std::span<float> Session::logits() {
  forward_.logits(last_columns_ - 1, 1, logits_.data());
  return {logits_.data(), model_.config().n_vocab};
}

Result<void> Session::advance_with_logits(std::span<const text::Token> tokens,
                                          const LogitsSink& sink) {
  HEARTH_CHECK(check_advance(tokens));
  const size_t n_vocab = model_.config().n_vocab;
  const size_t rows = logits_rows(model_.config());
  const size_t step = forward_.max_columns();
  for (size_t done = 0; done < tokens.size(); done += step) {
    const size_t columns = std::min(step, tokens.size() - done);
    HEARTH_CHECK(run_chunk(tokens.subspan(done, columns)));
    for (size_t first = 0; first < columns; first += rows) {
      const size_t count = std::min(rows, columns - first);
      forward_.logits(first, count, logits_.data());
      HEARTH_CHECK(sink(done + first, count, {logits_.data(), count * n_vocab}));
    }
  }
  return {};
}

}  // namespace hearth::engine
