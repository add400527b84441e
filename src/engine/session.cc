#include "engine/session.h"

#include <algorithm>
#include <utility>

#include "os/system.h"

namespace hearth::engine {

using model::Path;
using model::Stretch;

Result<std::unique_ptr<Session>> Session::open(const LoadedModel& model,
                                               const SessionOptions& options,
                                               const Adapters& adapters) {
  HEARTH_TRY(auto runtime, Runtime::create(model, options));
  return open(std::move(runtime), adapters);
}

Result<std::unique_ptr<Session>> Session::open(std::shared_ptr<Runtime> runtime,
                                               const Adapters& adapters) {
  if (!runtime->model().model().weights.output.present()) {
    return fail(ErrorCode::unsupported, "this ", runtime->model().config().architecture,
                " model writes no text, it makes vectors of texts: use hearth embed");
  }
  const SessionOptions& options = runtime->options();
  HEARTH_TRY(SequenceMemory memory,
             SequenceMemory::create(runtime->model().config(), options.kv_type, options.context,
                                    runtime->forward().max_columns()));
  auto session = std::unique_ptr<Session>(new Session(std::move(runtime), std::move(memory)));
  HEARTH_CHECK(session->use(adapters));
  return session;
}

Session::Session(std::shared_ptr<Runtime> runtime, SequenceMemory memory)
    : runtime_(std::move(runtime)), memory_(std::move(memory)) {
  tokens_.reserve(context());
}

Result<void> Session::use(const Adapters& adapters) {
  if (adapters == adapters_) return {};
  if (adapters.size() > model::kMaxAdapters) {
    return fail(ErrorCode::bad_usage, adapters.size(), " adapters are too many: the limit is ",
                model::kMaxAdapters);
  }
  rewind(0);
  adapters_ = adapters;
  size_t rank = 0;
  for (const model::ActiveAdapter& active : adapters_) rank += active.adapter->largest_rank();
  runtime_->forward().reserve_adapters(rank);
  return {};
}

void Session::rewind(size_t length) { shorten(memory_.rewind(length, tokens_.size())); }

void Session::shorten(size_t length) {
  tokens_.resize(length);
  prefilled_ = std::min(prefilled_, length);
}

void Session::restore_block(size_t first, std::span<const text::Token> tokens, Bytes block) {
  memory_.load_block(first, block);
  tokens_.resize(first);
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  prefilled_ = tokens_.size();
}

Stretch Session::stretch_of(std::span<const text::Token> tokens) const {
  return {tokens, tokens_.size(), &memory_.view(), SIZE_MAX, adapters_};
}

Result<void> Session::check_advance(std::span<const text::Token> tokens) const {
  if (tokens.size() > room()) {
    return fail(ErrorCode::too_large, tokens.size(), " tokens do not fit behind the ",
                tokens_.size(), " that are there: the context holds ", context(),
                "; shorten the text or choose a larger context with -c");
  }
  return check_tokens(model(), tokens);
}

Result<void> Session::stop_halfway() {
  shorten(memory_.recover(tokens_.size()));
  return fail(ErrorCode::interrupted, "interrupted");
}

Result<void> Session::run_prompt(std::span<const text::Token> chunk) {
  if (os::interrupted()) return fail(ErrorCode::interrupted, "interrupted");
  const Stretch stretch = stretch_of(chunk);
  if (!runtime_->forward().run({&stretch, 1}, Path::prompt, runtime_->layer_gate()))
    return stop_halfway();
  if (prefilled_ == tokens_.size()) prefilled_ += chunk.size();
  tokens_.insert(tokens_.end(), chunk.begin(), chunk.end());
  last_columns_ = chunk.size();
  return {};
}

Result<void> Session::advance(std::span<const text::Token> tokens, const Progress& progress) {
  HEARTH_CHECK(check_advance(tokens));
  const size_t step = runtime_->prompt_columns();
  for (size_t done = 0; done < tokens.size(); done += step) {
    HEARTH_CHECK(run_prompt(tokens.subspan(done, std::min(step, tokens.size() - done))));
    if (progress) progress(std::min(done + step, tokens.size()));
  }
  memory_.keep(SequenceMemory::Checkpoint::prompt, tokens_.size());
  return {};
}

std::span<float> Session::logits() {
  runtime_->forward().logits(last_columns_ - 1, 1, runtime_->logits());
  return {runtime_->logits(), model().config().n_vocab};
}

Result<void> Session::advance_with_logits(std::span<const text::Token> tokens,
                                          const LogitsSink& sink) {
  HEARTH_CHECK(check_advance(tokens));
  const size_t n_vocab = model().config().n_vocab;
  const size_t rows = runtime_->together();
  const size_t step = runtime_->prompt_columns();
  for (size_t done = 0; done < tokens.size(); done += step) {
    const size_t columns = std::min(step, tokens.size() - done);
    HEARTH_CHECK(run_prompt(tokens.subspan(done, columns)));
    for (size_t first = 0; first < columns; first += rows) {
      const size_t count = std::min(rows, columns - first);
      runtime_->forward().logits(first, count, runtime_->logits());
      HEARTH_CHECK(sink(done + first, count, {runtime_->logits(), count * n_vocab}));
    }
  }
  return {};
}

Result<std::span<float>> Session::decode(std::span<const text::Token> tokens) {
  HEARTH_CHECK(check_advance(tokens));
  if (tokens.size() > 1) memory_.keep(SequenceMemory::Checkpoint::guesses, tokens_.size());
  const Stretch stretch = stretch_of(tokens);
  if (!runtime_->forward().run({&stretch, 1}, Path::decode, runtime_->layer_gate())) {
    HEARTH_CHECK(stop_halfway());
  }
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  runtime_->forward().logits(0, tokens.size(), runtime_->logits());
  return std::span(runtime_->logits(), tokens.size() * model().config().n_vocab);
}

Result<std::span<float>> Session::decode_together(std::span<Session* const> sessions,
                                                  std::span<const text::Token> tokens) {
  Stretch stretches[kMaxTogether];
  for (size_t i = 0; i < sessions.size(); ++i) {
    HEARTH_CHECK(sessions[i]->check_advance(tokens.subspan(i, 1)));
    stretches[i] = sessions[i]->stretch_of(tokens.subspan(i, 1));
  }
  Runtime& runtime = *sessions[0]->runtime_;
  if (!runtime.forward().run({stretches, sessions.size()}, Path::decode, runtime.layer_gate())) {
    for (Session* session : sessions) (void)session->stop_halfway();
    return fail(ErrorCode::interrupted, "interrupted");
  }
  for (size_t i = 0; i < sessions.size(); ++i) sessions[i]->tokens_.push_back(tokens[i]);
  runtime.forward().logits(0, sessions.size(), runtime.logits());
  return std::span(runtime.logits(), sessions.size() * runtime.model().config().n_vocab);
}

}  // namespace hearth::engine
