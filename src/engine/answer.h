// One answer while it is written: what is chosen from logits, what of it is shown, when it ends.
#pragma once

#include <optional>
#include <span>

#include "base/result.h"
#include "engine/generate.h"
#include "sample/sampler.h"
#include "sample/stop.h"
#include "text/stream_decoder.h"

namespace hearth::engine {

// Refers to all that it is made of.
class AnswerWriter {
 public:
  AnswerWriter(const text::Tokenizer& tokenizer, sample::Sampler& sampler,
               const GenerateOptions& options, const TextSink& sink)
      : tokenizer_(tokenizer),
        sampler_(sampler),
        options_(options),
        sink_(sink),
        decoder_(tokenizer),
        stop_(options.stops) {}

  // Chooses the next token from logits [n_vocab], which may be changed, behind `history`, and shows
  // what is complete with it. None when the answer is over: finish() says why. Errors are those of
  // sampler, constraint and sink.
  [[nodiscard]] Result<std::optional<text::Token>> next(std::span<float> logits,
                                                        std::span<const text::Token> history);

  // Shows what was held back, when the answer ends.
  [[nodiscard]] Result<void> end() { return show(stop_.push(decoder_.finish()) + stop_.finish()); }

  [[nodiscard]] FinishReason finish() const { return finish_; }
  [[nodiscard]] size_t tokens() const {
    return tokens_;
  }  // chosen so far, but for one that ends it

  // The stop string that ended it; "" when none did.
  [[nodiscard]] const std::string& stop() const { return stop_.found(); }

 private:
  // From what the model says, the constraint allows and the sampler draws.
  [[nodiscard]] Result<ChosenToken> choose(std::span<float> logits,
                                           std::span<const text::Token> history,
                                           grammar::Constraint* constraint);
  [[nodiscard]] Result<void> show(std::string_view text) {
    return text.empty() ? Result<void>{} : sink_(text);
  }

  const text::Tokenizer& tokenizer_;
  sample::Sampler& sampler_;
  const GenerateOptions& options_;
  const TextSink& sink_;
  text::StreamDecoder decoder_;
  sample::StopMatcher stop_;
  FinishReason finish_ = FinishReason::end;
  size_t tokens_ = 0;
};

}  // namespace hearth::engine
