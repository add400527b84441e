#include "engine/answer.h"

#include <algorithm>

#include "grammar/constraint.h"

namespace hearth::engine {

Result<std::optional<text::Token>> AnswerWriter::next(std::span<float> logits,
                                                      std::span<const text::Token> history) {
  const auto over = [&](FinishReason reason) {
    finish_ = reason;
    return std::optional<text::Token>();
  };
  grammar::Constraint* constraint = options_.constraint;
  if (tokens_ >= options_.max_tokens) return over(FinishReason::length);
  if (constraint != nullptr && constraint->is_over()) return over(FinishReason::end);
  if (constraint != nullptr) HEARTH_CHECK(constraint->apply(logits));
  HEARTH_TRY(const text::Token token, sampler_.sample(logits, history));
  const bool may_end = !options_.ignore_eos || constraint != nullptr;
  if (may_end && tokenizer_.vocab().is_end_of_generation(token)) return over(FinishReason::end);
  if (constraint != nullptr) HEARTH_CHECK(constraint->accept(token));
  ++tokens_;
  const auto& shown = options_.shown;
  const bool visible = std::binary_search(shown.begin(), shown.end(), token);
  HEARTH_CHECK(show(stop_.push(
      decoder_.push(token, visible ? text::SpecialTokens::show : text::SpecialTokens::hide))));
  if (stop_.stopped()) return over(FinishReason::stop_string);
  return token;
}

}  // namespace hearth::engine
