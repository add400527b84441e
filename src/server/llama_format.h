// How answers look in llama-server's own API.
#pragma once

#include "server/answer.h"

namespace hearth::server::llama {

class Format final : public AnswerFormat {
 public:
  struct Choice {
    Json settings = Json::object();  // generation_settings
    Json prompt{};                   // as it was sent
    bool tokens = false;             // return_tokens
    bool chances = false;
    bool timings = false;                // with each piece
    bool progress = false;               // of reading the prompt
    std::vector<std::string> members{};  // of the last record; all, if empty
  };

  explicit Format(Choice choice) : choice_(std::move(choice)) {}

  [[nodiscard]] Json whole(std::span<const Answer> answers) override;
  [[nodiscard]] std::string event(size_t choice, const protocol::Tell& tell) override;
  [[nodiscard]] std::string close() override { return ""; }
  [[nodiscard]] std::string problem(const Problem& problem) override;

 private:
  // Of one choice.
  struct State {
    protocol::Finished so_far{};
    bool new_line = false;
  };

  [[nodiscard]] Json piece(size_t choice, const State& state) const;
  [[nodiscard]] Json last(size_t choice, const protocol::Finished& finished,
                          std::string_view content, bool new_line) const;
  // Only the members that were asked for. "a/b" is the member b of a, and keeps that name.
  [[nodiscard]] Json chosen(Json record) const;

  Choice choice_;
  std::vector<State> states_{};
};

}  // namespace hearth::server::llama
