// How answers look in Ollama's native API: lines of JSON.
#pragma once

#include "server/answer.h"

namespace hearth::server::ollama {

// The seconds that a worker counted, in nanoseconds.
[[nodiscard]] int64_t nanoseconds(double seconds);

class Format final : public AnswerFormat {
 public:
  struct Choice {
    bool chat = false;     // /api/chat; else /api/generate
    std::string model{};   // as the client named it
    bool context = false;  // the tokens of prompt and answer come with the last record
    bool chances = false;
  };

  explicit Format(Choice choice) : choice_(std::move(choice)) {}

  [[nodiscard]] Json whole(std::span<const Answer> answers) override;
  [[nodiscard]] std::string_view stream_type() const override { return "application/x-ndjson"; }
  [[nodiscard]] std::string event(size_t choice, const protocol::Tell& tell) override;
  [[nodiscard]] std::string close() override { return ""; }
  [[nodiscard]] std::string problem(const Problem& problem) override;
  // A record without text: readers of lines expect JSON in each.
  [[nodiscard]] std::string keep_alive() override;

 private:
  struct Piece {
    std::string text{};
    std::string reasoning{};
    Json calls = Json::array();
  };

  [[nodiscard]] std::string delta(const protocol::Delta& delta);
  // The members that every record begins with.
  [[nodiscard]] Json record(const Piece& piece, bool done) const;
  // Nothing when the arguments are no JSON object, as in a call that was cut off.
  [[nodiscard]] Json call_json(const Answer::Call& call, size_t index) const;
  void finish(Json& record, const protocol::Finished& finished,
              const std::vector<int32_t>& tokens) const;

  Choice choice_;
  std::vector<int32_t> tokens_{};            // of the answer so far
  std::vector<protocol::Chance> chances_{};  // that no record had yet
  Answer::Call call_{};                      // that is on its way
  size_t calls_ = 0;                         // that went out
};

}  // namespace hearth::server::ollama
