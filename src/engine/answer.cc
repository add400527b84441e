#include "engine/answer.h"

#include <algorithm>

#include "grammar/constraint.h"

namespace hearth::engine {

Result<ChosenToken> AnswerWriter::choose(std::span<float> logits,
                                         std::span<const text::Token> history,
                                         grammar::Constraint* constraint) {
  std::optional<sample::ChanceTable> table;
  if (options_.chances) table.emplace(logits, *options_.chances);
  for (const LogitBias& each : options_.logit_bias)
    logits[static_cast<size_t>(each.token)] += each.bias;
  if (constraint != nullptr) HEARTH_CHECK(constraint->apply(logits));
  ChosenToken chosen;
  const auto forced =
      options_.steering != nullptr ? options_.steering->forced() : std::optional<text::Token>();
  if (forced) {
    chosen.token = *forced;
  } else {
    HEARTH_TRY(chosen.token, sampler_.sample(logits, history));
  }
  if (!table) return chosen;
  chosen.log_probability = table->of_token(chosen.token).log_probability;
  chosen.others = table->best();
  return chosen;
}

Result<std::optional<text::Token>> AnswerWriter::next(std::span<float> logits,
                                                      std::span<const text::Token> history) {
  const auto over = [&](FinishReason reason) {
    finish_ = reason;
    return std::optional<text::Token>();
  };
  Steering* const steering = options_.steering;
  const bool free = steering != nullptr && !steering->constrained();
  grammar::Constraint* const constraint = free ? nullptr : options_.constraint;
  if (tokens_ >= options_.max_tokens) return over(FinishReason::length);
  if (constraint != nullptr && constraint->is_over()) return over(FinishReason::end);
  HEARTH_TRY(const ChosenToken chosen, choose(logits, history, constraint));
  const text::Token token = chosen.token;
  const bool may_end = !options_.ignore_eos || constraint != nullptr;
  if (may_end && tokenizer_.vocab().is_end_of_generation(token)) return over(FinishReason::end);
  if (constraint != nullptr) HEARTH_CHECK(constraint->accept(token));
  ++tokens_;
  if (steering != nullptr) steering->chosen(chosen);
  const auto& shown = options_.shown;
  const bool visible = std::binary_search(shown.begin(), shown.end(), token);
  HEARTH_CHECK(show(stop_.push(
      decoder_.push(token, visible ? text::SpecialTokens::show : text::SpecialTokens::hide))));
  if (stop_.stopped()) return over(FinishReason::stop_string);
  return token;
}

}  // namespace hearth::engine
