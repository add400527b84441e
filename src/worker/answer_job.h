// One answer under way: its request, its reply taken apart, and what is told to the server.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "engine/generate.h"
#include "engine/scheduler.h"
#include "protocol/event.h"
#include "text/reply_parser.h"

namespace hearth::worker {

// Receives what is to be sent.
using Tell = std::function<void(protocol::Tell tell)>;

class AnswerJob final : public engine::Steering {
 public:
  struct Parts {
    const text::ReplyFormat* format = nullptr;  // null: nothing is taken apart
    text::ReplyTools tools{};
    std::string prompt_end{};
    std::string opening{};                       // of the answer, which the model does not choose
    std::string reasoning_end{};                 // mark that ends reasoning
    std::optional<uint64_t> reasoning_tokens{};  // at most
    bool chances = false;
    std::vector<text::Token> prompt{};  // to be told at the end
  };

  // All must outlive the job.
  AnswerJob(const text::Tokenizer& tokenizer, Parts parts, Tell tell);

  // The next text of the answer.
  [[nodiscard]] Result<void> take(std::string_view text);
  // It is over.
  void finish(const Result<engine::GenerateResult>& result, const std::string& stop);

  // engine::Steering
  [[nodiscard]] std::optional<text::Token> forced() override;
  [[nodiscard]] bool constrained() const override;
  void chosen(const engine::ChosenToken& token) override;

 private:
  [[nodiscard]] bool in_reasoning() const { return parser_ && parser_->in_reasoning(); }
  void send(const text::ReplyEvent& event);
  void send(protocol::Delta delta);
  [[nodiscard]] protocol::Chance chance_of(text::Token token, float log_probability) const;

  const text::Tokenizer& tokenizer_;
  Parts parts_;
  Tell tell_;
  std::unique_ptr<text::ReplyParser> parser_;
  std::deque<text::Token> opening_;        // still to be written
  std::deque<text::Token> reasoning_end_;  // likewise, once it has begun
  uint64_t reasoned_ = 0;                  // tokens
  std::optional<double> began_;            // when the first token was chosen, in seconds
  uint64_t calls_ = 0;
  bool malformed_ = false;
  std::vector<protocol::Chance> chances_;  // not yet sent
  std::vector<int32_t> tokens_;            // likewise
};

}  // namespace hearth::worker
