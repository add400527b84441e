// Texts to vectors, or pairs of texts to scores: for search, and for ordering what a search found.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/runtime.h"
#include "engine/sequence_memory.h"
#include "text/vocab.h"

namespace hearth::engine {

// A text as tokens; of a pair, where the second begins.
struct EmbedInput {
  std::vector<text::Token> tokens;
  size_t second_from = SIZE_MAX;
};

[[nodiscard]] std::string_view name_of(model::Pooling pooling);
[[nodiscard]] std::optional<model::Pooling> pooling_by_name(std::string_view name);

// Divides by the Euclidean length, if there is one, so that a dot product is a cosine.
void normalize(std::span<float> vector);

// What a text gets depends on nothing but the model and the text.
class Embedder {
 public:
  // Without `pooling` the model's own; mean where the file has none. The model must outlive it.
  // Errors: those of Runtime::create; rank for a model without a classifier.
  [[nodiscard]] static Result<std::unique_ptr<Embedder>> open(
      const LoadedModel& model, const SessionOptions& options,
      std::optional<model::Pooling> pooling = std::nullopt);

  [[nodiscard]] model::Pooling pooling() const { return pooling_; }
  [[nodiscard]] const LoadedModel& model() const { return runtime_->model(); }
  // Tokens of a text at most.
  [[nodiscard]] size_t longest() const { return longest_; }
  // Floats of a vector, or how many scores there are.
  [[nodiscard]] size_t width() const;

  // sink(index of the input, its vector [width]); with Pooling::none [tokens][width]. In order.
  using Sink = std::function<Result<void>(size_t index, std::span<const float> vector)>;
  // Errors: a text that is empty or too long, an id that the model has not, interrupted; the sink's
  // own.
  [[nodiscard]] Result<void> embed(std::span<const EmbedInput> inputs, const Sink& sink);

 private:
  Embedder(std::shared_ptr<Runtime> runtime, model::Pooling pooling);

  [[nodiscard]] Result<void> check(const EmbedInput& input, size_t index) const;
  // How many inputs from the first on are computed in one run.
  [[nodiscard]] size_t fitting(std::span<const EmbedInput> inputs) const;
  [[nodiscard]] Result<void> make_room(size_t sequences);
  // All of several texts.
  [[nodiscard]] Result<void> embed_whole(std::span<const EmbedInput> inputs, size_t first_index,
                                         const Sink& sink);
  // One that is longer than a run.
  [[nodiscard]] Result<void> embed_in_chunks(const EmbedInput& input, size_t index,
                                             const Sink& sink);
  [[nodiscard]] Result<void> run(std::span<const model::Stretch> stretches);
  // Takes in what the last run gave for `count` tokens of a text, the first of which is `first`.
  void gather(size_t column, size_t count, size_t first, size_t n_tokens);
  [[nodiscard]] Result<void> hand_over(size_t index, size_t n_tokens, const Sink& sink);

  std::shared_ptr<Runtime> runtime_;
  model::Pooling pooling_;
  size_t longest_;
  std::vector<SequenceMemory> memories_;
  std::vector<float> rows_;    // of the tokens of a run
  std::vector<float> pooled_;  // of the text under way
};

}  // namespace hearth::engine
