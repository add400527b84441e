#include "worker/answer_job.h"

#include <algorithm>
#include <cmath>

#include "os/system.h"

namespace hearth::worker {
namespace {

// JSON has no minus infinity.
constexpr float kLeastLogProbability = -9999;

protocol::Delta::Kind kind_of(text::ReplyEvent::Kind kind) {
  switch (kind) {
    case text::ReplyEvent::Kind::reasoning:
      return protocol::Delta::Kind::reasoning;
    case text::ReplyEvent::Kind::content:
      return protocol::Delta::Kind::content;
    case text::ReplyEvent::Kind::call_begin:
      return protocol::Delta::Kind::call_begin;
    case text::ReplyEvent::Kind::call_arguments:
      return protocol::Delta::Kind::call_arguments;
    case text::ReplyEvent::Kind::call_end:
      return protocol::Delta::Kind::call_end;
    case text::ReplyEvent::Kind::call_discard:
      break;
  }
  return protocol::Delta::Kind::call_discard;
}

protocol::Finish finish_of(engine::FinishReason reason) {
  switch (reason) {
    case engine::FinishReason::end:
      return protocol::Finish::end;
    case engine::FinishReason::stop_string:
      return protocol::Finish::stop;
    case engine::FinishReason::length:
      return protocol::Finish::length;
    case engine::FinishReason::context:
      return protocol::Finish::context;
    case engine::FinishReason::interrupted:
      break;
  }
  return protocol::Finish::cancelled;
}

std::deque<text::Token> tokens_of(const text::Tokenizer& tokenizer, std::string_view marks) {
  const auto tokens = tokenizer.encode(marks, {.add_special = false, .parse_special = true});
  return {tokens.begin(), tokens.end()};
}

}  // namespace

AnswerJob::AnswerJob(const text::Tokenizer& tokenizer, Parts parts, Tell tell)
    : tokenizer_(tokenizer), parts_(std::move(parts)), tell_(std::move(tell)) {
  if (parts_.format != nullptr) {
    parser_ = std::make_unique<text::ReplyParser>(*parts_.format, parts_.prompt_end,
                                                  std::move(parts_.tools));
  }
  if (!parts_.opening.empty()) opening_ = tokens_of(tokenizer_, parts_.opening);
}

Result<void> AnswerJob::take(std::string_view text) {
  if (!parser_) {
    send(protocol::Delta{.kind = protocol::Delta::Kind::content, .text = std::string(text)});
    return {};
  }
  std::vector<text::ReplyEvent> events;
  parser_->feed(text, events);
  for (const text::ReplyEvent& event : events) send(event);
  return {};
}

void AnswerJob::send(const text::ReplyEvent& event) {
  if (event.kind == text::ReplyEvent::Kind::call_begin) ++calls_;
  if (event.kind == text::ReplyEvent::Kind::call_discard) --calls_;
  send(protocol::Delta{.kind = kind_of(event.kind), .call = event.call, .text = event.text});
}

void AnswerJob::send(protocol::Delta delta) {
  delta.chances = std::exchange(chances_, {});
  delta.tokens = std::exchange(tokens_, {});
  if (began_) delta.seconds = os::monotonic_seconds() - *began_;
  tell_(std::move(delta));
}

void AnswerJob::finish(const Result<engine::GenerateResult>& result, const std::string& stop) {
  if (!result) {
    protocol::Failed failed{.message = result.error().message};
    if (result.error().code == ErrorCode::bad_usage || result.error().code == ErrorCode::too_large)
      failed.reason = protocol::Failed::Reason::bad_request;
    return tell_(std::move(failed));
  }
  if (parser_) {
    std::vector<text::ReplyEvent> events;
    malformed_ = parser_->finish(events).malformed;
    for (const text::ReplyEvent& event : events) send(event);
  }
  // Tokens that show nothing, at the end.
  const bool stopped = result->finish == engine::FinishReason::stop_string;
  if (!stopped && (!tokens_.empty() || !chances_.empty())) send(protocol::Delta{});
  tell_(protocol::Finished{
      .finish = finish_of(result->finish),
      .stop = stop,
      .prompt_tokens = result->prompt_tokens,
      .remembered_tokens = result->remembered_tokens,
      .answer_tokens = result->answer_tokens,
      .reasoning_tokens = reasoned_,
      .calls = calls_,
      .malformed = malformed_,
      .waited_seconds = std::max(0.0, result->first_token_seconds - result->prompt_seconds),
      .prompt_seconds = result->prompt_seconds,
      .answer_seconds = result->answer_seconds,
      .prompt = std::move(parts_.prompt)});
}

std::optional<text::Token> AnswerJob::forced() {
  if (reasoning_end_.empty() && in_reasoning() && parts_.reasoning_tokens &&
      reasoned_ >= *parts_.reasoning_tokens) {
    reasoning_end_ = tokens_of(tokenizer_, parts_.reasoning_end);
    parts_.reasoning_tokens.reset();
  }
  std::deque<text::Token>& next = in_reasoning() ? reasoning_end_ : opening_;
  if (next.empty()) return std::nullopt;
  const text::Token token = next.front();
  next.pop_front();
  return token;
}

bool AnswerJob::constrained() const { return !in_reasoning() && opening_.empty(); }

void AnswerJob::chosen(const engine::ChosenToken& token) {
  if (in_reasoning()) ++reasoned_;
  if (!began_) began_ = os::monotonic_seconds();
  tokens_.push_back(token.token);
  if (!parts_.chances) return;
  protocol::Chance chance = chance_of(token.token, token.log_probability);
  for (const sample::Chance& other : token.others)
    chance.others.push_back(chance_of(other.token, other.log_probability));
  chances_.push_back(std::move(chance));
}

protocol::Chance AnswerJob::chance_of(text::Token token, float log_probability) const {
  return {.token = token,
          .log_probability = std::max(kLeastLogProbability, log_probability),
          .bytes = tokenizer_.piece(token, text::SpecialTokens::show)};
}

}  // namespace hearth::worker
