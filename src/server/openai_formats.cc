// How answers are written as OpenAI's chat completions and completions.
#include <algorithm>

#include "server/openai.h"
#include "server/timings.h"

namespace hearth::server {
namespace {

// Parts of both formats.
class OpenaiFormat : public AnswerFormat {
 public:
  OpenaiFormat(bool with_usage, const char* prefix, const char* kind, const char* chunk_kind)
      : with_usage_(with_usage), prefix_(prefix), kind_(kind), chunk_kind_(chunk_kind) {}

  std::string close() override {
    std::string out;
    if (with_usage_) {
      Json last = head(chunk_kind_);
      last["choices"] = Json::array();
      last["usage"] = usage_of(answers_);
      last["timings"] = timings_json(answers_.front().finished);
      last["hearth"] = origin_of(facts());
      out += sse(last);
    }
    return out + "data: [DONE]\n\n";
  }

  std::string problem(const Problem& problem) override {
    return sse(problem_json(Dialect::openai, problem));
  }

 protected:
  [[nodiscard]] Json head(const char* kind) const {
    return {{"id", cat(prefix_, facts().id)},
            {"object", kind},
            {"created", facts().created},
            {"model", facts().model},
            {"system_fingerprint", "b-hearth"}};
  }
  [[nodiscard]] Json whole_head(std::span<const Answer> answers) const {
    Json all = head(kind_);
    all["choices"] = Json::array();
    all["usage"] = usage_of(answers);
    all["timings"] = timings_json(answers.front().finished);
    all["hearth"] = origin_of(facts());
    return all;
  }
  [[nodiscard]] std::string chunk(Json choice) const {
    Json all = head(chunk_kind_);
    all["choices"] = Json::array({std::move(choice)});
    if (with_usage_) all["usage"] = nullptr;
    return sse(all);
  }
  void note(size_t choice, const protocol::Finished& finished) {
    answers_.resize(facts().choices);
    answers_[choice].finished = finished;
  }

 private:
  bool with_usage_;
  const char* prefix_;
  const char* kind_;
  const char* chunk_kind_;
  std::vector<Answer> answers_;  // of a stream: how each ended
};

class ChatFormat final : public OpenaiFormat {
 public:
  explicit ChatFormat(bool with_usage)
      : OpenaiFormat(with_usage, "chatcmpl-", "chat.completion", "chat.completion.chunk") {}

  Json whole(std::span<const Answer> answers) override {
    Json all = whole_head(answers);
    for (size_t i = 0; i < answers.size(); ++i) {
      const Answer& answer = answers[i];
      Json message{{"role", "assistant"}, {"content", answer.content}, {"refusal", nullptr}};
      if (answer.content.empty() && !answer.calls.empty()) message["content"] = nullptr;
      if (!answer.reasoning.empty()) message["reasoning_content"] = answer.reasoning;
      for (size_t call = 0; call < answer.calls.size(); ++call) {
        message["tool_calls"].push_back(
            {{"id", call_id(facts().id, i, call)},
             {"type", "function"},
             {"function",
              {{"name", answer.calls[call].name}, {"arguments", answer.calls[call].arguments}}}});
      }
      Json choice{{"index", i},
                  {"message", std::move(message)},
                  {"logprobs", nullptr},
                  {"finish_reason", finish_reason_of(answer.finished)}};
      if (!answer.chances.empty()) choice["logprobs"] = chat_logprobs(answer.chances);
      all["choices"].push_back(std::move(choice));
    }
    return all;
  }

  std::string event(size_t choice, const protocol::Tell& tell) override {
    if (std::holds_alternative<protocol::Started>(tell))
      return piece(choice, {{"role", "assistant"}, {"content", ""}}, {});
    if (const auto* const delta = std::get_if<protocol::Delta>(&tell))
      return delta_piece(choice, *delta);
    const auto* const finished = std::get_if<protocol::Finished>(&tell);
    if (finished == nullptr) return "";
    note(choice, *finished);
    return chunk({{"index", choice},
                  {"delta", Json::object()},
                  {"logprobs", nullptr},
                  {"finish_reason", finish_reason_of(*finished)}});
  }

 private:
  std::string delta_piece(size_t choice, const protocol::Delta& delta) const {
    using Kind = protocol::Delta::Kind;
    Json call{{"index", delta.call}};
    switch (delta.kind) {
      case Kind::content:
        return piece(choice, {{"content", delta.text}}, delta.chances);
      case Kind::reasoning:
        return piece(choice, {{"reasoning_content", delta.text}}, delta.chances);
      case Kind::call_begin:
        call["id"] = call_id(facts().id, choice, delta.call);
        call["type"] = "function";
        call["function"] = {{"name", delta.text}, {"arguments", ""}};
        break;
      case Kind::call_arguments:
        call["function"] = {{"arguments", delta.text}};
        break;
      default:
        return "";
    }
    return piece(choice, {{"tool_calls", Json::array({std::move(call)})}}, delta.chances);
  }

  std::string piece(size_t choice, Json delta, std::span<const protocol::Chance> chances) const {
    return chunk({{"index", choice},
                  {"delta", std::move(delta)},
                  {"logprobs", chances.empty() ? Json() : chat_logprobs(chances)},
                  {"finish_reason", nullptr}});
  }
};

class CompletionFormat final : public OpenaiFormat {
 public:
  CompletionFormat(bool with_usage, std::string echo)
      : OpenaiFormat(with_usage, "cmpl-", "text_completion", "text_completion"),
        echo_(std::move(echo)) {}

  Json whole(std::span<const Answer> answers) override {
    Json all = whole_head(answers);
    for (size_t i = 0; i < answers.size(); ++i) {
      all["choices"].push_back(choice_of(i, echo_ + answers[i].content, answers[i].chances,
                                         echo_.size(), finish_reason_of(answers[i].finished)));
    }
    return all;
  }

  std::string event(size_t choice, const protocol::Tell& tell) override {
    offsets_.resize(facts().choices, echo_.size());
    if (std::holds_alternative<protocol::Started>(tell))
      return echo_.empty() ? "" : chunk(choice_of(choice, echo_, {}, 0, nullptr));
    if (const auto* const delta = std::get_if<protocol::Delta>(&tell)) {
      const size_t offset = offsets_[choice];
      offsets_[choice] += delta->text.size();
      return chunk(choice_of(choice, delta->text, delta->chances, offset, nullptr));
    }
    const auto* const finished = std::get_if<protocol::Finished>(&tell);
    if (finished == nullptr) return "";
    note(choice, *finished);
    return chunk(choice_of(choice, "", {}, 0, finish_reason_of(*finished)));
  }

 private:
  static Json choice_of(size_t index, std::string_view text,
                        std::span<const protocol::Chance> chances, size_t offset, Json reason) {
    return {{"index", index},
            {"text", text},
            {"logprobs", chances.empty() ? Json() : plain_logprobs(chances, offset)},
            {"finish_reason", std::move(reason)}};
  }

  std::string echo_;
  std::vector<size_t> offsets_;  // bytes of text sent, of each choice
};

}  // namespace

std::unique_ptr<AnswerFormat> chat_format(bool with_usage) {
  return std::make_unique<ChatFormat>(with_usage);
}

std::unique_ptr<AnswerFormat> completion_format(bool with_usage, std::string echo) {
  return std::make_unique<CompletionFormat>(with_usage, std::move(echo));
}

}  // namespace hearth::server
