#include <algorithm>
#include <utility>

#include "server/chances.h"
#include "server/responses.h"

namespace hearth::server {
namespace {

using protocol::Delta;
using protocol::Finish;
using protocol::Finished;

// How a kind of text is told: an item with one part.
struct PartKind {
  std::string_view item;
  std::string_view prefix;      // of ids
  std::string_view member;      // of the item, with the list of parts
  std::string_view part;        // its type
  std::string_view part_event;  // to be followed by ".added" or ".done"
  std::string_view text_event;  // ".delta" or ".done"
  std::string_view index;       // the member that counts parts
};
constexpr PartKind kMessage{.item = "message",
                            .prefix = "msg_",
                            .member = "content",
                            .part = "output_text",
                            .part_event = "response.content_part",
                            .text_event = "response.output_text",
                            .index = "content_index"};
constexpr PartKind kReasoning{.item = "reasoning",
                              .prefix = "rs_",
                              .member = "content",
                              .part = "reasoning_text",
                              .part_event = "response.content_part",
                              .text_event = "response.reasoning_text",
                              .index = "content_index"};
constexpr PartKind kSummary{.item = "reasoning",
                            .prefix = "rs_",
                            .member = "summary",
                            .part = "summary_text",
                            .part_event = "response.reasoning_summary_part",
                            .text_event = "response.reasoning_summary_text",
                            .index = "summary_index"};

Json part_of(const PartKind& kind, const std::string& text, const Json& logprobs) {
  Json part{{"type", kind.part}, {"text", text}};
  if (&kind == &kMessage) {
    part["annotations"] = Json::array();
    part["logprobs"] = logprobs;
  }
  return part;
}

Json item_of(const PartKind& kind, const std::string& id, std::string_view status, Json parts) {
  Json item{{"id", id}, {"type", kind.item}, {"status", status}};
  if (&kind == &kMessage) {
    item["role"] = "assistant";
  } else {
    item["summary"] = Json::array();
  }
  item[std::string(kind.member)] = std::move(parts);
  return item;
}

Json usage_of(const Finished& finished) {
  return {{"input_tokens", finished.prompt_tokens},
          {"input_tokens_details",
           {{"cached_tokens", finished.remembered_tokens}, {"cache_write_tokens", 0}}},
          {"output_tokens", finished.answer_tokens},
          {"output_tokens_details", {{"reasoning_tokens", finished.reasoning_tokens}}},
          {"total_tokens", finished.prompt_tokens + finished.answer_tokens}};
}

std::string_view code_of(Problem::Kind kind) {
  switch (kind) {
    case Problem::Kind::too_long:
      return "context_length_exceeded";
    case Problem::Kind::busy:
      return "rate_limit_exceeded";
    case Problem::Kind::bad_request:
      return "invalid_prompt";
    default:
      return "server_error";
  }
}

class ResponseFormat final : public AnswerFormat {
 public:
  explicit ResponseFormat(ResponseSetup setup) : setup_(std::move(setup)) {}

  [[nodiscard]] Json whole(std::span<const Answer> answers) override;
  [[nodiscard]] std::string event(size_t choice, const protocol::Tell& tell) override;
  [[nodiscard]] std::string close() override { return ""; }
  [[nodiscard]] std::string problem(const Problem& problem) override;

 private:
  // Each says what it does in events, unless the answer is told at once.
  void tell(Json event);
  void tell_response(std::string_view type);
  void take(const Delta& delta);
  void show(const PartKind& kind, const std::string& text, const Json& logprobs);
  void begin_item(const PartKind& kind);
  void end_item(std::string_view status);
  void show(const Answer::Call& call);
  void finish(const Finished& finished);

  [[nodiscard]] Json in_item(std::string_view type) const;
  [[nodiscard]] Json response() const;

  ResponseSetup setup_;
  bool quiet_ = false;
  std::string out_;  // events that are to be sent
  uint64_t sequence_ = 0;
  bool started_ = false;

  std::string_view status_ = "in_progress";
  Json incomplete_{};  // why
  Json error_{};
  Json usage_{};
  Json completed_{};             // when
  Json output_ = Json::array();  // items that are complete

  const PartKind* open_ = nullptr;  // the item that goes on
  std::string id_;                  // its id
  std::string text_;
  Json logprobs_ = Json::array();
  // A call is held back until it is complete: one that turns out to be none cannot be taken back
  // from a client, which might act on a half of it.
  Answer::Call held_;
  size_t calls_ = 0;
};

void ResponseFormat::tell(Json event) {
  if (quiet_) return;
  event["sequence_number"] = sequence_++;
  out_ += sse(event, event["type"].get_ref<const std::string&>());
}

void ResponseFormat::tell_response(std::string_view type) {
  if (!quiet_) tell({{"type", type}, {"response", response()}});
}

Json ResponseFormat::response() const {
  Json all{{"id", cat("resp_", facts().id)},
           {"object", "response"},
           {"created_at", facts().created},
           {"status", status_},
           {"background", false},
           {"completed_at", completed_},
           {"error", error_},
           {"incomplete_details", incomplete_},
           {"model", facts().model},
           {"output", output_},
           {"usage", usage_}};
  for (const auto& [name, value] : setup_.echo.items()) all[name] = value;
  return all;
}

Json ResponseFormat::in_item(std::string_view type) const {
  return {{"type", type}, {"item_id", id_}, {"output_index", output_.size()}};
}

Json ResponseFormat::whole(std::span<const Answer> answers) {
  quiet_ = true;
  static const Answer kNone;
  const Answer& answer = answers.empty() ? kNone : answers.front();
  const PartKind& reasoning = setup_.summary ? kSummary : kReasoning;
  if (!answer.reasoning.empty()) show(reasoning, answer.reasoning, Json::array());
  if (!answer.content.empty()) show(kMessage, answer.content, chances_json(answer.chances));
  for (const Answer::Call& call : answer.calls) show(call);
  finish(answer.finished);
  return response();
}

std::string ResponseFormat::event(size_t, const protocol::Tell& tell) {
  if (std::holds_alternative<protocol::Started>(tell)) {
    started_ = true;
    tell_response("response.created");
    tell_response("response.in_progress");
  } else if (const auto* delta = std::get_if<Delta>(&tell)) {
    take(*delta);
  } else if (const auto* finished = std::get_if<Finished>(&tell)) {
    finish(*finished);
  }
  return std::exchange(out_, {});
}

std::string ResponseFormat::problem(const Problem& problem) {
  const std::string_view code = code_of(problem.kind);
  if (started_) {
    status_ = "failed";
    error_ = {{"code", code}, {"message", problem.message}};
    tell_response("response.failed");
  } else {
    tell({{"type", "error"},
          {"code", code},
          {"message", problem.message},
          {"param", problem.field.empty() ? Json() : Json(problem.field)}});
  }
  return std::exchange(out_, {});
}

void ResponseFormat::take(const Delta& delta) {
  switch (delta.kind) {
    case Delta::Kind::content:
      return show(kMessage, delta.text, chances_json(delta.chances));
    case Delta::Kind::reasoning:
      return show(setup_.summary ? kSummary : kReasoning, delta.text, Json::array());
    case Delta::Kind::call_begin:
      held_ = {.id = "", .name = delta.text, .arguments = ""};
      return;
    case Delta::Kind::call_arguments:
      held_.arguments += delta.text;
      return;
    case Delta::Kind::call_end:
      held_.id = delta.text;
      return show(std::exchange(held_, {}));
    case Delta::Kind::call_discard:
      held_ = {};
      return;
  }
}

void ResponseFormat::begin_item(const PartKind& kind) {
  open_ = &kind;
  id_ = cat(kind.prefix, facts().id, "_", output_.size());
  text_.clear();
  logprobs_ = Json::array();
  if (quiet_) return;
  tell({{"type", "response.output_item.added"},
        {"output_index", output_.size()},
        {"item", item_of(kind, id_, "in_progress", Json::array())}});
  Json added = in_item(cat(kind.part_event, ".added"));
  added[std::string(kind.index)] = 0;
  added["part"] = part_of(kind, "", Json::array());
  tell(std::move(added));
}

void ResponseFormat::show(const PartKind& kind, const std::string& text, const Json& logprobs) {
  if (text.empty() && logprobs.empty()) return;
  if (open_ != &kind) {
    end_item("completed");
    begin_item(kind);
  }
  text_ += text;
  for (const Json& one : logprobs) logprobs_.push_back(one);
  if (quiet_) return;
  Json delta = in_item(cat(kind.text_event, ".delta"));
  delta[std::string(kind.index)] = 0;
  delta["delta"] = text;
  if (&kind == &kMessage) delta["logprobs"] = logprobs;
  tell(std::move(delta));
}

void ResponseFormat::end_item(std::string_view status) {
  if (open_ == nullptr) return;
  const PartKind& kind = *std::exchange(open_, nullptr);
  Json part = part_of(kind, text_, logprobs_);
  if (!quiet_) {
    Json text = in_item(cat(kind.text_event, ".done"));
    text[std::string(kind.index)] = 0;
    text["text"] = text_;
    if (&kind == &kMessage) text["logprobs"] = logprobs_;
    tell(std::move(text));
    Json done = in_item(cat(kind.part_event, ".done"));
    done[std::string(kind.index)] = 0;
    done["part"] = part;
    tell(std::move(done));
  }
  Json item = item_of(kind, id_, status, Json::array({std::move(part)}));
  if (!quiet_) {
    tell({{"type", "response.output_item.done"}, {"output_index", output_.size()}, {"item", item}});
  }
  output_.push_back(std::move(item));
}

// What a custom tool gets: the one argument of the function that stood for it.
std::string input_of(const std::string& arguments) {
  const auto parsed = protocol::parse_json(arguments);
  if (parsed && parsed->is_object() && parsed->contains("input") && (*parsed)["input"].is_string())
    return (*parsed)["input"];
  return arguments;
}

void ResponseFormat::show(const Answer::Call& call) {
  end_item("completed");
  const auto found = setup_.tools.find(call.name);
  const ToolOrigin origin =
      found == setup_.tools.end() ? ToolOrigin{.name = call.name} : found->second;
  const char* const member = origin.custom ? "input" : "arguments";
  const std::string given = origin.custom ? input_of(call.arguments) : call.arguments;
  id_ = cat(origin.custom ? "ctc_" : "fc_", facts().id, "_", output_.size());
  Json item{{"id", id_},
            {"type", origin.custom ? "custom_tool_call" : "function_call"},
            {"status", "in_progress"},
            {"call_id", cat("call_", call.id.empty() ? call_id(facts().id, 0, calls_) : call.id)},
            {"name", origin.name},
            {member, ""}};
  if (!origin.space.empty()) item["namespace"] = origin.space;
  ++calls_;
  tell({{"type", "response.output_item.added"}, {"output_index", output_.size()}, {"item", item}});
  const std::string_view type =
      origin.custom ? "response.custom_tool_call_input" : "response.function_call_arguments";
  Json delta = in_item(cat(type, ".delta"));
  delta["delta"] = given;
  tell(std::move(delta));
  Json done = in_item(cat(type, ".done"));
  if (!origin.custom) done["name"] = origin.name;
  done[member] = given;
  tell(std::move(done));
  item["status"] = "completed";
  item[member] = given;
  tell({{"type", "response.output_item.done"}, {"output_index", output_.size()}, {"item", item}});
  output_.push_back(std::move(item));
}

void ResponseFormat::finish(const Finished& finished) {
  const bool whole = finished.finish == Finish::end || finished.finish == Finish::stop;
  if (open_ == nullptr && output_.empty()) begin_item(kMessage);  // clients look for one
  end_item(whole ? "completed" : "incomplete");
  usage_ = usage_of(finished);
  if (whole) {
    status_ = "completed";
    completed_ =
        facts().created +
        static_cast<int64_t>(std::clamp(
            finished.waited_seconds + finished.prompt_seconds + finished.answer_seconds, 0.0, 1e9));
  } else if (finished.finish == Finish::cancelled) {
    status_ = "cancelled";
  } else {
    status_ = "incomplete";
    incomplete_ = {{"reason", "max_output_tokens"}};  // also what the context has no room for
  }
  tell_response(whole ? "response.completed" : "response.incomplete");
  if (setup_.store != nullptr)
    setup_.store->put({response(), std::move(setup_.input), setup_.previous});
}

}  // namespace

std::unique_ptr<AnswerFormat> response_format(ResponseSetup setup) {
  return std::make_unique<ResponseFormat>(std::move(setup));
}

}  // namespace hearth::server
