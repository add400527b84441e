// One sequence of a model: its tokens so far and their keys and values.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/runtime.h"
#include "engine/sequence_memory.h"
#include "text/vocab.h"

namespace hearth::engine {

// Of a session, each with how much of it counts. They must outlive it.
using Adapters = std::vector<model::ActiveAdapter>;

class Session {
 public:
  // A session with a runtime of its own. The model must outlive the session.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const LoadedModel& model,
                                                             const SessionOptions& options,
                                                             const Adapters& adapters = {});
  // One that shares a runtime; its context and KV type are the runtime's. An error for an encoder,
  // which writes no text.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(std::shared_ptr<Runtime> runtime,
                                                             const Adapters& adapters = {});

  [[nodiscard]] size_t context() const { return memory_.positions(); }
  [[nodiscard]] size_t threads() const { return runtime_->pool().size(); }
  // Of keys, values and states.
  [[nodiscard]] uint64_t kv_bytes() const { return memory_.bytes(); }
  [[nodiscard]] const Kernels& kernels() const { return runtime_->kernels(); }
  [[nodiscard]] const LoadedModel& model() const { return runtime_->model(); }
  [[nodiscard]] const std::shared_ptr<Runtime>& runtime() const { return runtime_; }
  [[nodiscard]] const Adapters& adapters() const { return adapters_; }
  // From now on computes with these; forgets everything that was computed with others. An error
  // when there are too many.
  [[nodiscard]] Result<void> use(const Adapters& adapters);

  // Everything computed so far, prompt and answer.
  [[nodiscard]] std::span<const text::Token> tokens() const { return tokens_; }
  [[nodiscard]] size_t room() const { return context() - tokens_.size(); }
  // How many of them, from the first on, were computed as a prompt with nothing but a prompt before
  // them. What these left is the same bits in every session of this runtime, so it can be taken
  // over; what tokens of an answer left differs from it in the last bits.
  [[nodiscard]] size_t prefilled() const { return prefilled_; }

  // Forgets everything from position `length` on. Layers that see a window of their past or keep a
  // state of it cannot go back to every place: then more is forgotten, and tokens() says what is
  // left.
  void rewind(size_t length);

  [[nodiscard]] const SequenceMemory& memory() const { return memory_; }
  // Takes over tokens of a prompt that another session of this runtime has computed: `block` is
  // what it saved from position `first` on, a multiple of kBlockPositions, and `tokens` are the
  // first of these positions. All tokens before were computed as a prompt; those behind `first` are
  // forgotten. A model with states needs restore_states() before it computes again.
  void restore_block(size_t first, std::span<const text::Token> tokens, Bytes block);
  // The states behind all tokens that are there.
  void restore_states(Bytes states) { memory_.load_states(tokens_.size(), states); }

  // Called with how many tokens of an advance() are done.
  using Progress = std::function<void(size_t done)>;

  // Computes the tokens of a prompt behind what is there. Errors: an id that the model has not, no
  // room, interrupted (then a part of the tokens may have been computed).
  [[nodiscard]] Result<void> advance(std::span<const text::Token> tokens,
                                     const Progress& progress = {});

  // Logits [n_vocab] behind the last token of an advance(), until the runtime computes again.
  [[nodiscard]] std::span<float> logits();

  // As advance(), and hands the logits of every token to `sink`, in pieces of consecutive tokens:
  // sink(first index into `tokens`, count, logits [count][n_vocab]).
  using LogitsSink =
      std::function<Result<void>(size_t first, size_t count, std::span<const float> logits)>;
  [[nodiscard]] Result<void> advance_with_logits(std::span<const text::Token> tokens,
                                                 const LogitsSink& sink);

  // Computes tokens of an answer, 1 to runtime()->together() of them: the first is certain, the
  // others are guesses that rewind() takes back. Returns the logits behind each,
  // [tokens.size()][n_vocab], until the runtime computes again. They are the same bits for any
  // grouping of the tokens. Errors as advance().
  [[nodiscard]] Result<std::span<float>> decode(std::span<const text::Token> tokens);

  // Computes tokens[i] behind sessions[i], for 1 to together() different sessions of one runtime.
  // Returns logits [sessions.size()][n_vocab], until the runtime computes again: the same bits as
  // decode() for each alone. Errors as advance(); then none has moved.
  [[nodiscard]] static Result<std::span<float>> decode_together(
      std::span<Session* const> sessions, std::span<const text::Token> tokens);

 private:
  Session(std::shared_ptr<Runtime> runtime, SequenceMemory memory);

  // Tokens behind those that are there.
  [[nodiscard]] model::Stretch stretch_of(std::span<const text::Token> tokens) const;

  Result<void> check_advance(std::span<const text::Token> tokens) const;
  // After tokens were forgotten.
  void shorten(size_t length);
  // After a run that was interrupted between layers; the error that says so.
  Result<void> stop_halfway();
  Result<void> run_prompt(std::span<const text::Token> chunk);

  std::shared_ptr<Runtime> runtime_;
  SequenceMemory memory_;
  Adapters adapters_;
  std::vector<text::Token> tokens_;
  size_t prefilled_ = 0;
  size_t last_columns_ = 0;  // of the last run, for logits()
};

}  // namespace hearth::engine
