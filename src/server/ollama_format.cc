#include "server/ollama_format.h"

#include <algorithm>
#include <cmath>

#include "base/civil_time.h"
#include "server/chances.h"

namespace hearth::server::ollama {
namespace {

std::string line(const Json& json) { return text_of(json) + "\n"; }

std::string_view reason_of(protocol::Finish finish) {
  const bool full = finish == protocol::Finish::length || finish == protocol::Finish::context;
  return full ? "length" : "stop";
}

}  // namespace

int64_t nanoseconds(double seconds) {
  if (!(seconds > 0)) return 0;
  return static_cast<int64_t>(std::llround(std::min(seconds, 1e9) * 1e9));
}

Json Format::record(const Piece& piece, bool done) const {
  Json record{{"model", choice_.model.empty() ? facts().model : choice_.model},
              {"created_at", rfc3339(facts().created)}};
  if (choice_.chat) {
    Json& message = record["message"] = {{"role", "assistant"}, {"content", piece.text}};
    if (!piece.reasoning.empty()) message["thinking"] = piece.reasoning;
    if (!piece.calls.empty()) message["tool_calls"] = piece.calls;
  } else {
    record["response"] = piece.text;
    if (!piece.reasoning.empty()) record["thinking"] = piece.reasoning;
    if (!piece.calls.empty()) record["tool_calls"] = piece.calls;
  }
  record["done"] = done;
  return record;
}

Json Format::call_json(const Answer::Call& call, size_t index) const {
  const auto arguments = protocol::parse_json(call.arguments.empty() ? "{}" : call.arguments);
  if (!arguments || !arguments->is_object()) return nullptr;
  return {{"id", call.id.empty() ? call_id(facts().id, 0, index) : call.id},
          {"function", {{"index", index}, {"name", call.name}, {"arguments", *arguments}}}};
}

void Format::finish(Json& record, const protocol::Finished& finished,
                    const std::vector<int32_t>& tokens) const {
  record["done_reason"] = reason_of(finished.finish);
  if (choice_.context) {
    Json& context = record["context"] = finished.prompt;
    for (const int32_t token : tokens) context.push_back(token);
  }
  // What Ollama counts as loading is all that comes before a prompt is read.
  const double seconds =
      finished.waited_seconds + finished.prompt_seconds + finished.answer_seconds;
  record["total_duration"] = nanoseconds(seconds);
  record["load_duration"] = nanoseconds(finished.waited_seconds);
  record["prompt_eval_count"] = finished.prompt_tokens;
  record["prompt_eval_duration"] = nanoseconds(finished.prompt_seconds);
  record["eval_count"] = finished.answer_tokens;
  record["eval_duration"] = nanoseconds(finished.answer_seconds);
}

Json Format::whole(std::span<const Answer> answers) {
  const Answer& answer = answers.front();
  Piece piece{.text = answer.content, .reasoning = answer.reasoning};
  for (const Answer::Call& call : answer.calls) {
    Json json = call_json(call, piece.calls.size());
    if (!json.is_null()) piece.calls.push_back(std::move(json));
  }
  Json whole = record(piece, true);
  if (choice_.chances) whole["logprobs"] = chances_json(answer.chances);
  finish(whole, answer.finished, answer.tokens);
  return whole;
}

std::string Format::delta(const protocol::Delta& delta) {
  using Kind = protocol::Delta::Kind;
  if (choice_.context) tokens_.insert(tokens_.end(), delta.tokens.begin(), delta.tokens.end());
  if (choice_.chances) chances_.insert(chances_.end(), delta.chances.begin(), delta.chances.end());
  Piece piece;
  switch (delta.kind) {
    case Kind::content:
      piece.text = delta.text;
      break;
    case Kind::reasoning:
      piece.reasoning = delta.text;
      break;
    case Kind::call_begin:
      call_ = {"", delta.text, ""};
      return "";
    case Kind::call_arguments:
      call_.arguments += delta.text;
      return "";
    case Kind::call_end: {
      call_.id = delta.text;
      Json json = call_json(call_, calls_);
      if (json.is_null()) return "";
      ++calls_;
      piece.calls.push_back(std::move(json));
      break;
    }
    case Kind::call_discard:
      return "";
  }
  if (piece.text.empty() && piece.reasoning.empty() && piece.calls.empty() && chances_.empty())
    return "";
  Json json = record(piece, false);
  if (!chances_.empty()) json["logprobs"] = chances_json(chances_);
  chances_.clear();
  return line(json);
}

std::string Format::event(size_t, const protocol::Tell& tell) {
  if (const auto* piece = std::get_if<protocol::Delta>(&tell)) return delta(*piece);
  const auto* finished = std::get_if<protocol::Finished>(&tell);
  if (finished == nullptr) return "";
  Json json = record({}, true);
  if (!chances_.empty()) json["logprobs"] = chances_json(chances_);
  chances_.clear();
  finish(json, *finished, tokens_);
  return line(json);
}

std::string Format::problem(const Problem& problem) {
  return line(problem_json(Dialect::ollama, problem));
}

std::string Format::keep_alive() { return line(record({}, false)); }

}  // namespace hearth::server::ollama
