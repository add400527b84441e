// One conversation with a model: its tokens so far and their keys and values.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/kv_cache.h"
#include "engine/loader.h"
#include "model/forward.h"
#include "tensor/kernels.h"
#include "text/vocab.h"

namespace hearth::engine {

struct SessionOptions {
  size_t context = 0;         // positions; 0 takes the model's, at most kDefaultContext
  size_t threads = 0;         // 0 takes every CPU that the process may use
  size_t prompt_chunk = 256;  // tokens computed together; the answer does not depend on it
  DType kv_type = DType::F16;
  model::Forward::Precision precision = model::Forward::Precision::fast;
  const Kernels* kernels = nullptr;  // null takes the best of this CPU
};

inline constexpr size_t kDefaultContext = 4096;
inline constexpr size_t kMaxThreads = 512;
inline constexpr size_t kMaxPromptChunk = 4096;

class Session {
 public:
  // Checks the options and takes all memory. The model must outlive the session.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const LoadedModel& model,
                                                             const SessionOptions& options);

  [[nodiscard]] size_t context() const { return kv_.view().capacity; }
  [[nodiscard]] size_t threads() const { return pool_.size(); }
  [[nodiscard]] uint64_t kv_bytes() const { return kv_.bytes(); }
  [[nodiscard]] const Kernels& kernels() const { return kernels_; }
  [[nodiscard]] const LoadedModel& model() const { return model_; }

  // Everything computed so far, prompt and answer.
  [[nodiscard]] std::span<const text::Token> tokens() const { return tokens_; }
  [[nodiscard]] size_t room() const { return context() - tokens_.size(); }

  // Forgets everything from position `length` on.
  void rewind(size_t length);

  // Called with how many tokens of an advance() are done.
  using Progress = std::function<void(size_t done)>;

  // Computes `tokens` behind what is there. Errors: an id that the model has not, no room,
  // interrupted (then a part of the tokens may have been computed).
  [[nodiscard]] Result<void> advance(std::span<const text::Token> tokens,
                                     const Progress& progress = {});

  // Logits [n_vocab] behind the last token; valid until the next call. There must have been an
  // advance().
  [[nodiscard]] std::span<float> logits();

  // As advance(), and hands the logits of every token to `sink`, in pieces of consecutive tokens:
  // sink(first index into `tokens`, count, logits [count][n_vocab]).
  using LogitsSink =
      std::function<Result<void>(size_t first, size_t count, std::span<const float> logits)>;
  [[nodiscard]] Result<void> advance_with_logits(std::span<const text::Token> tokens,
                                                 const LogitsSink& sink);

 private:
  Session(const LoadedModel& model, const SessionOptions& options, const Kernels& kernels,
          KvCache kv);

  Result<void> check_advance(std::span<const text::Token> tokens) const;
  Result<void> run_chunk(std::span<const text::Token> chunk);

  const LoadedModel& model_;
  const Kernels& kernels_;
  KvCache kv_;
  ThreadPool pool_;
  model::Forward forward_;
  std::vector<text::Token> tokens_;
  size_t last_columns_ = 0;  // of the last run, for logits()
  Buffer<float> logits_;     // [rows computed together][n_vocab]
};

}  // namespace hearth::engine
