// A conversation on top of a session: turns are rendered for the model, answers are taken apart and
// stay in the context, the oldest text makes room when it is full.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/generate.h"
#include "text/chat_template.h"
#include "text/reply_parser.h"

namespace hearth::engine {

using text::Turn;

// Receives an answer as it comes, told apart. Its error ends the answer and is returned.
using ReplySink = std::function<Result<void>(const text::ReplyEvent& event)>;

class Conversation {
 public:
  // The session must be empty and outlive it; its model must have a tokenizer.
  explicit Conversation(Session& session);

  [[nodiscard]] const std::vector<Turn>& turns() const { return turns_; }
  // The format that stands in for a template that is not there or fails.
  [[nodiscard]] text::ChatFormat format() const { return format_; }
  [[nodiscard]] bool has_template() const { return template_.has_value(); }
  // Why the model's template is not used, one line; "" while it is, or when there is none.
  [[nodiscard]] const std::string& template_trouble() const { return trouble_; }

  // Takes the user's text (or system text, before the first turn) and streams the answer.
  [[nodiscard]] Result<GenerateResult> say(std::string_view user_text, sample::Sampler& sampler,
                                           const GenerateOptions& options, const ReplySink& sink);

  // Another answer to the last user turn. bad_usage when there is none.
  [[nodiscard]] Result<GenerateResult> regenerate(sample::Sampler& sampler,
                                                  const GenerateOptions& options,
                                                  const ReplySink& sink);

  void set_system(std::string_view text);
  void clear();

  // Replaces everything; the next answer reads it anew.
  void load(std::vector<Turn> turns);

  // How many of the oldest turns no longer fit into the context of the last answer.
  [[nodiscard]] size_t forgotten() const { return forgotten_; }

 private:
  // Tokens of the conversation from a turn on, up to where the next answer begins.
  [[nodiscard]] std::vector<text::Token> render(size_t first_turn);
  [[nodiscard]] std::vector<text::Piece> pieces_of(const std::vector<Turn>& turns);
  [[nodiscard]] Result<GenerateResult> answer(sample::Sampler& sampler,
                                              const GenerateOptions& options,
                                              const ReplySink& sink);

  Session& session_;
  const text::Tokenizer& tokenizer_;
  text::ChatFormat format_;
  std::optional<text::ChatTemplate> template_;
  text::ReplyFormat reply_format_;
  std::vector<text::Token> marks_;  // control tokens of which the format of replies is made
  std::string prompt_end_;          // of what was rendered last
  std::string trouble_;
  std::string system_;
  std::vector<Turn> turns_;
  size_t forgotten_ = 0;
};

}  // namespace hearth::engine
