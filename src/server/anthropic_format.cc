#include <algorithm>
#include <utility>

#include "server/anthropic.h"

namespace hearth::server {
namespace {

using protocol::Delta;
using protocol::Finish;
using protocol::Finished;

Json usage_of(const Finished& finished) {
  const uint64_t remembered = std::min(finished.remembered_tokens, finished.prompt_tokens);
  return {{"input_tokens", finished.prompt_tokens - remembered},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", remembered},
          {"output_tokens", finished.answer_tokens}};
}

std::string_view stop_reason(const Finished& finished, bool calls) {
  switch (finished.finish) {
    case Finish::end:
      break;
    case Finish::stop:
      return "stop_sequence";
    case Finish::length:
    case Finish::cancelled:  // nearest to the truth: the answer was cut off
      return "max_tokens";
    case Finish::context:
      return "model_context_window_exceeded";
  }
  return calls ? "tool_use" : "end_turn";
}

Json stop_sequence(const Finished& finished) {
  return finished.finish == Finish::stop ? Json(finished.stop) : Json();
}

// Arguments are a JSON object, but they can be larger than what we read from strangers.
Json input_of(const std::string& arguments) {
  auto input = protocol::parse_json(arguments);
  if (input && input->is_object()) return *std::move(input);
  return {{"arguments", arguments}};
}

class AnthropicFormat final : public AnswerFormat {
 public:
  [[nodiscard]] Json whole(std::span<const Answer> answers) override;
  [[nodiscard]] std::string event(size_t choice, const protocol::Tell& tell) override;
  [[nodiscard]] std::string close() override { return send({{"type", "message_stop"}}); }
  [[nodiscard]] std::string problem(const Problem& problem) override {
    return send(problem_json(Dialect::anthropic, problem));
  }
  [[nodiscard]] std::string keep_alive() override { return send({{"type", "ping"}}); }

 private:
  enum class Block { none, text, thinking };

  static std::string send(const Json& event) {
    return sse(event, event["type"].get_ref<const std::string&>());
  }
  [[nodiscard]] Json message(Json content, Json reason, Json sequence, Json usage) const;
  [[nodiscard]] std::string tool_id(const Answer::Call& call, size_t index) const {
    return cat("toolu_", call.id.empty() ? call_id(facts().id, 0, index) : call.id);
  }
  std::string begin_block(Json block);
  std::string add_to_block(Json delta) const;
  std::string end_block();
  std::string take(const Delta& delta);
  std::string show(Block block, const std::string& text);
  std::string show(const Answer::Call& call);
  std::string finish(const Finished& finished);

  Block open_ = Block::none;
  size_t blocks_ = 0;  // that are complete
  size_t calls_ = 0;
  // A call is held back until it is complete: one that turns out to be none cannot be taken back
  // from a client, which might act on a half of it.
  Answer::Call held_;
};

Json AnthropicFormat::message(Json content, Json reason, Json sequence, Json usage) const {
  return {{"id", cat("msg_", facts().id)},
          {"type", "message"},
          {"role", "assistant"},
          {"model", facts().model},
          {"content", std::move(content)},
          {"stop_reason", std::move(reason)},
          {"stop_sequence", std::move(sequence)},
          {"usage", std::move(usage)}};
}

Json AnthropicFormat::whole(std::span<const Answer> answers) {
  static const Answer kNone;
  const Answer& answer = answers.empty() ? kNone : answers.front();
  Json content = Json::array();
  if (!answer.reasoning.empty())
    content.push_back({{"type", "thinking"}, {"thinking", answer.reasoning}, {"signature", ""}});
  if (!answer.content.empty()) content.push_back({{"type", "text"}, {"text", answer.content}});
  for (size_t i = 0; i < answer.calls.size(); ++i) {
    const Answer::Call& call = answer.calls[i];
    content.push_back({{"type", "tool_use"},
                       {"id", tool_id(call, i)},
                       {"name", call.name},
                       {"input", input_of(call.arguments)}});
  }
  return message(std::move(content), stop_reason(answer.finished, !answer.calls.empty()),
                 stop_sequence(answer.finished), usage_of(answer.finished));
}

std::string AnthropicFormat::event(size_t, const protocol::Tell& tell) {
  if (const auto* started = std::get_if<protocol::Started>(&tell)) {
    // How much of it is remembered comes with the last event.
    const Json usage = usage_of({.prompt_tokens = started->prompt_tokens});
    return send(
        {{"type", "message_start"}, {"message", message(Json::array(), nullptr, nullptr, usage)}});
  }
  if (const auto* delta = std::get_if<Delta>(&tell)) return take(*delta);
  if (const auto* finished = std::get_if<Finished>(&tell)) return finish(*finished);
  return "";
}

std::string AnthropicFormat::take(const Delta& delta) {
  switch (delta.kind) {
    case Delta::Kind::content:
      return show(Block::text, delta.text);
    case Delta::Kind::reasoning:
      return show(Block::thinking, delta.text);
    case Delta::Kind::call_begin:
      held_ = {.id = "", .name = delta.text, .arguments = ""};
      return "";
    case Delta::Kind::call_arguments:
      held_.arguments += delta.text;
      return "";
    case Delta::Kind::call_end:
      held_.id = delta.text;
      return show(std::exchange(held_, {}));
    case Delta::Kind::call_discard:
      held_ = {};
      return "";
  }
  return "";
}

std::string AnthropicFormat::begin_block(Json block) {
  return send(
      {{"type", "content_block_start"}, {"index", blocks_}, {"content_block", std::move(block)}});
}

std::string AnthropicFormat::add_to_block(Json delta) const {
  return send({{"type", "content_block_delta"}, {"index", blocks_}, {"delta", std::move(delta)}});
}

std::string AnthropicFormat::end_block() {
  if (open_ == Block::none) return "";
  std::string out;
  if (open_ == Block::thinking)
    out = add_to_block({{"type", "signature_delta"}, {"signature", ""}});
  open_ = Block::none;
  return out + send({{"type", "content_block_stop"}, {"index", blocks_++}});
}

std::string AnthropicFormat::show(Block block, const std::string& text) {
  if (text.empty()) return "";
  const bool thinking = block == Block::thinking;
  std::string out;
  if (open_ != block) {
    out = end_block();
    out += begin_block(thinking ? Json{{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}
                                : Json{{"type", "text"}, {"text", ""}});
    open_ = block;
  }
  return out + add_to_block(thinking ? Json{{"type", "thinking_delta"}, {"thinking", text}}
                                     : Json{{"type", "text_delta"}, {"text", text}});
}

std::string AnthropicFormat::show(const Answer::Call& call) {
  std::string out = end_block();
  out += begin_block({{"type", "tool_use"},
                      {"id", tool_id(call, calls_++)},
                      {"name", call.name},
                      {"input", Json::object()}});
  out += add_to_block({{"type", "input_json_delta"}, {"partial_json", call.arguments}});
  return out + send({{"type", "content_block_stop"}, {"index", blocks_++}});
}

std::string AnthropicFormat::finish(const Finished& finished) {
  return end_block() + send({{"type", "message_delta"},
                             {"delta",
                              {{"stop_reason", stop_reason(finished, calls_ > 0)},
                               {"stop_sequence", stop_sequence(finished)}}},
                             {"usage", usage_of(finished)}});
}

}  // namespace

std::unique_ptr<AnswerFormat> anthropic_format() { return std::make_unique<AnthropicFormat>(); }

}  // namespace hearth::server
