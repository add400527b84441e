// A model ready to compute on this machine: kernels, threads and the memory of a run. Sessions of
// one runtime take turns, or are computed together.
#pragma once

#include <memory>
#include <span>

#include "base/buffer.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/loader.h"
#include "model/forward.h"
#include "tensor/kernels.h"

namespace hearth::engine {

struct SessionOptions {
  size_t context = 0;         // positions; 0 takes the model's, at most kDefaultContext
  size_t threads = 0;         // 0 takes every CPU that the process may use
  size_t prompt_chunk = 512;  // tokens computed together; the answer does not depend on it
  DType kv_type = DType::Q8_0;
  model::Precision precision = model::Precision::fast;
  const Kernels* kernels = nullptr;  // null takes the best of this CPU
};

// An error that names the first id that the model has not.
[[nodiscard]] Result<void> check_tokens(const LoadedModel& model,
                                        std::span<const text::Token> tokens);

inline constexpr size_t kDefaultContext = 4096;
inline constexpr size_t kMaxThreads = 512;
inline constexpr size_t kMaxPromptChunk = 4096;
// Columns of the decode path: sequences, or tokens of a guess, that are computed together.
inline constexpr size_t kMaxTogether = 16;

class Runtime {
 public:
  // Checks the options and takes the memory. The model must outlive the runtime.
  [[nodiscard]] static Result<std::shared_ptr<Runtime>> create(const LoadedModel& model,
                                                               const SessionOptions& options);

  [[nodiscard]] const LoadedModel& model() const { return model_; }
  [[nodiscard]] const SessionOptions& options() const { return options_; }  // all of them chosen
  [[nodiscard]] const Kernels& kernels() const { return *options_.kernels; }
  [[nodiscard]] ThreadPool& pool() { return pool_; }
  [[nodiscard]] model::Forward& forward() { return forward_; }

  // Holds a layer until its weights are in memory, and all of them when the person interrupts.
  [[nodiscard]] model::Forward::Gate layer_gate() const;

  // Tokens of a prompt that are computed in one run: all of it in an encoder.
  [[nodiscard]] size_t prompt_columns() const;
  // Tokens that one run of the decode path takes, each with its logits; at least 1.
  [[nodiscard]] size_t together() const;
  // Logits of the last `together()` tokens at most: [together()][n_vocab].
  [[nodiscard]] float* logits() { return logits_.data(); }

 private:
  Runtime(const LoadedModel& model, const SessionOptions& options);

  const LoadedModel& model_;
  SessionOptions options_;
  ThreadPool pool_;
  model::Forward forward_;
  Buffer<float> logits_;
};

}  // namespace hearth::engine
