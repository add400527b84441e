#include <gtest/gtest.h>

#include "server/test_responses.h"

namespace hearth::server {
namespace {

using protocol::Delta;
using protocol::Finish;
using protocol::Finished;
using protocol::Started;
using protocol::Tell;
using Kind = protocol::Delta::Kind;

std::vector<Tell> some_answer() {
  const protocol::Chance chance{7, -0.5f, "Hé", {{7, -0.5f, "Hé", {}}, {8, -INFINITY, "x", {}}}};
  const Finished finished{.prompt_tokens = 20,
                          .remembered_tokens = 15,
                          .answer_tokens = 12,
                          .reasoning_tokens = 2,
                          .calls = 3,
                          .waited_seconds = 0.5,
                          .prompt_seconds = 1,
                          .answer_seconds = 2};
  return {Started{20, 0},
          protocol::Reading{20, 15, 20},
          Delta{Kind::reasoning, 0, "hm", {chance}, {7}},
          Delta{Kind::content, 0, "Hé", {chance}, {7}},
          Delta{Kind::content, 0, "y", {}, {}},
          Delta{Kind::call_begin, 0, "f", {}, {}},
          Delta{Kind::call_arguments, 0, "{\"x\":", {}, {}},
          Delta{Kind::call_arguments, 0, "1}", {}, {}},
          Delta{Kind::call_end, 0, "", {}, {}},
          Delta{Kind::call_begin, 1, "patch", {}, {}},
          Delta{Kind::call_arguments, 1, R"({"input": "a\nb"})", {}, {}},
          Delta{Kind::call_end, 1, "given", {}, {}},
          Delta{Kind::call_begin, 2, "mcp__git__log", {}, {}},
          Delta{Kind::call_arguments, 2, "{}", {}, {}},
          Delta{Kind::call_end, 2, "", {}, {}},
          finished};
}

constexpr std::string_view kLogprobs = R"([{"token": "Hé", "logprob": -0.5,
  "bytes": [72, 195, 169], "top_logprobs": [
    {"token": "Hé", "logprob": -0.5, "bytes": [72, 195, 169]},
    {"token": "x", "logprob": -9999.0, "bytes": [120]}]}])";

// The items of some_answer().
Json some_output() {
  const std::string id = test_facts().id;
  return json_of(cat(
      R"([
    {"id": "rs_)",
      id, R"(_0", "type": "reasoning", "status": "completed", "summary": [],
     "content": [{"type": "reasoning_text", "text": "hm"}]},
    {"id": "msg_)",
      id, R"(_1", "type": "message", "status": "completed", "role": "assistant",
     "content": [{"type": "output_text", "text": "Héy", "annotations": [],
                  "logprobs": )",
      kLogprobs, R"(}]},
    {"id": "fc_)",
      id, R"(_2", "type": "function_call", "status": "completed",
     "call_id": "call_)",
      call_id(id, 0, 0), R"(", "name": "f", "arguments": "{\"x\":1}"},
    {"id": "ctc_)",
      id, R"(_3", "type": "custom_tool_call", "status": "completed",
     "call_id": "call_given", "name": "patch", "input": "a\nb"},
    {"id": "fc_)",
      id, R"(_4", "type": "function_call", "status": "completed",
     "call_id": "call_)",
      call_id(id, 0, 2), R"(", "name": "log", "arguments": "{}",
     "namespace": "mcp__git"}])"));
}

TEST_F(ResponsesTest, WholeAnswer) {
  const AnswerRequest request = ask(cat(
      R"("model": "m", "input": "x", "instructions": "I", "temperature": 0.3,
         "metadata": {"a": "b"},
         "include": ["message.output_text.logprobs"], "max_output_tokens": 5, )",
      kTools));
  EXPECT_EQ(request.generate.chances, 0U);
  Json tools = json_of(cat("{", kTools, "}"))["tools"];
  Json expected = json_of(R"({
    "id": "resp_abcdefghijklmnopqrstuvwx", "object": "response", "created_at": 1700000000,
    "status": "completed", "background": false, "completed_at": 1700000003, "error": null,
    "incomplete_details": null, "model": "test", "output": [],
    "usage": {"input_tokens": 20,
              "input_tokens_details": {"cached_tokens": 15, "cache_write_tokens": 0},
              "output_tokens": 12, "output_tokens_details": {"reasoning_tokens": 2},
              "total_tokens": 32},
    "instructions": "I", "previous_response_id": null,
    "reasoning": {"effort": null, "summary": null}, "text": {"format": {"type": "text"}},
    "tools": [], "tool_choice": "auto", "parallel_tool_calls": true, "truncation": "disabled",
    "top_logprobs": 0, "metadata": {"a": "b"}, "max_output_tokens": 5, "temperature": 0.3,
    "top_p": 0.95, "store": true, "service_tier": "default"})");
  expected["output"] = some_output();
  expected["tools"] = std::move(tools);
  EXPECT_EQ(whole(some_answer()), expected);
}

// The events that tell one item: it begins, what is between, it ends.
void add_item_events(Json& events, const Json& item, size_t index, std::string_view between) {
  Json begun = item;
  begun["status"] = "in_progress";
  for (const char* const member : {"content", "arguments", "input"}) {
    if (begun.contains(member)) begun[member] = begun[member].is_array() ? Json::array() : "";
  }
  events.push_back(
      {{"type", "response.output_item.added"}, {"output_index", index}, {"item", begun}});
  for (const Json& event : json_of(between)) {
    Json full{{"type", event["type"]}, {"item_id", item["id"]}, {"output_index", index}};
    for (const auto& [name, value] : event.items()) full[name] = value;
    events.push_back(std::move(full));
  }
  events.push_back(
      {{"type", "response.output_item.done"}, {"output_index", index}, {"item", item}});
}

// Every event of some_answer(), but for the responses in them and their numbers.
Json some_events() {
  const Json items = some_output();
  Json events = json_of(R"([{"type": "response.created"}, {"type": "response.in_progress"}])");
  add_item_events(events, items[0], 0, R"([
    {"type": "response.content_part.added", "content_index": 0,
     "part": {"type": "reasoning_text", "text": ""}},
    {"type": "response.reasoning_text.delta", "content_index": 0, "delta": "hm"},
    {"type": "response.reasoning_text.done", "content_index": 0, "text": "hm"},
    {"type": "response.content_part.done", "content_index": 0,
     "part": {"type": "reasoning_text", "text": "hm"}}])");
  const std::string message = cat(R"([
    {"type": "response.content_part.added", "content_index": 0,
     "part": {"type": "output_text", "text": "", "annotations": [], "logprobs": []}},
    {"type": "response.output_text.delta", "content_index": 0, "delta": "Hé",
     "logprobs": )",
                                  kLogprobs, R"(},
    {"type": "response.output_text.delta", "content_index": 0, "delta": "y", "logprobs": []},
    {"type": "response.output_text.done", "content_index": 0, "text": "Héy",
     "logprobs": )",
                                  kLogprobs, R"(},
    {"type": "response.content_part.done", "content_index": 0,
     "part": {"type": "output_text", "text": "Héy", "annotations": [],
              "logprobs": )",
                                  kLogprobs, "}}]");
  add_item_events(events, items[1], 1, message);
  add_item_events(events, items[2], 2, R"([
    {"type": "response.function_call_arguments.delta", "delta": "{\"x\":1}"},
    {"type": "response.function_call_arguments.done", "name": "f", "arguments": "{\"x\":1}"}])");
  add_item_events(events, items[3], 3, R"([
    {"type": "response.custom_tool_call_input.delta", "delta": "a\nb"},
    {"type": "response.custom_tool_call_input.done", "input": "a\nb"}])");
  add_item_events(events, items[4], 4, R"([
    {"type": "response.function_call_arguments.delta", "delta": "{}"},
    {"type": "response.function_call_arguments.done", "name": "log", "arguments": "{}"}])");
  events.push_back({{"type", "response.completed"}});
  return events;
}

TEST_F(ResponsesTest, StreamedAnswer) {
  const std::string request = cat(R"("input": "x", "stream": true, )", kTools);
  (void)ask(request);
  Json events = events_of(stream_of(*format_, some_answer()));
  (void)ask(request);
  const Json expected = some_events();
  ASSERT_EQ(events.size(), expected.size());
  EXPECT_EQ(events[0]["response"]["status"], "in_progress");
  EXPECT_EQ(events[0]["response"]["output"], Json::array());
  EXPECT_EQ(events[0]["response"]["usage"], Json());
  EXPECT_EQ(events.back()["response"], whole(some_answer()));
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["sequence_number"], i);
    events[i].erase("sequence_number");
    events[i].erase("response");
    EXPECT_EQ(events[i], expected[i]) << i;
  }
}

TEST_F(ResponsesTest, ReasoningIsASummaryWhereOneIsAskedFor) {
  (void)ask(R"("input": "x", "reasoning": {"summary": "auto"})");
  const Json events =
      events_of(stream_of(*format_, {Started{1, 0}, Delta{Kind::reasoning, 0, "hm", {}, {}},
                                     Delta{Kind::content, 0, "y", {}, {}}, Finished{}}));
  std::string types;
  for (size_t i = 2; i < 8; ++i) types += cat(std::string(events[i]["type"]).substr(9), " ");
  EXPECT_EQ(types,
            "output_item.added reasoning_summary_part.added reasoning_summary_text.delta "
            "reasoning_summary_text.done reasoning_summary_part.done output_item.done ");
  EXPECT_EQ(events[4], json_of(R"({"type": "response.reasoning_summary_text.delta",
    "item_id": "rs_abcdefghijklmnopqrstuvwx_0", "output_index": 0, "summary_index": 0,
    "delta": "hm", "sequence_number": 4})"));
  EXPECT_EQ(events[7]["item"]["summary"], json_of(R"([{"type": "summary_text", "text": "hm"}])"));
  EXPECT_FALSE(events[7]["item"].contains("content"));
}

TEST_F(ResponsesTest, ACallThatWasNoneIsNeverSeen) {
  (void)ask(R"("input": "x")");
  const std::string stream =
      stream_of(*format_, {Started{1, 0}, Delta{Kind::call_begin, 0, "f", {}, {}},
                           Delta{Kind::call_arguments, 0, "{\"x", {}, {}},
                           Delta{Kind::call_discard, 0, "", {}, {}},
                           Delta{Kind::content, 0, "<tool>", {}, {}}, Finished{.malformed = true}});
  EXPECT_EQ(stream.find("function_call"), stream.npos) << stream;
  EXPECT_NE(stream.find(R"("delta":"<tool>")"), stream.npos) << stream;
}

TEST_F(ResponsesTest, HowAnswersEnd) {
  const auto ended = [&](Finish finish) {
    (void)ask(R"("input": "x", "store": false)");
    const Json events =
        events_of(stream_of(*format_, {Started{1, 0}, Delta{Kind::content, 0, "y", {}, {}},
                                       Finished{.finish = finish}}));
    const Json& response = events.back()["response"];
    return cat(std::string(events.back()["type"]), " ", std::string(response["status"]), " ",
               response["incomplete_details"].dump(), " ",
               std::string(response["output"][0]["status"]), " ",
               response["completed_at"].is_null() ? "" : "completed_at");
  };
  EXPECT_EQ(ended(Finish::end), "response.completed completed null completed completed_at");
  EXPECT_EQ(ended(Finish::stop), "response.completed completed null completed completed_at");
  for (const Finish cut : {Finish::length, Finish::context}) {
    EXPECT_EQ(ended(cut),
              "response.incomplete incomplete {\"reason\":\"max_output_tokens\"} incomplete ");
  }
  EXPECT_EQ(ended(Finish::cancelled), "response.incomplete cancelled null incomplete ");
  // There is a message even when there is nothing in it.
  (void)ask(R"("input": "x")");
  const Json empty = whole({Finished{}});
  EXPECT_EQ(empty["output"][0]["content"][0]["text"], "");
}

TEST_F(ResponsesTest, ProblemsInAStream) {
  const Problem problem{.kind = Problem::Kind::failed, .message = "broke", .field = "x"};
  (void)ask(R"("input": "x")");
  EXPECT_EQ(events_of(format_->problem(problem)), json_of(R"([{"type": "error",
    "code": "server_error", "message": "broke", "param": "x", "sequence_number": 0}])"));
  (void)ask(R"("input": "x")");
  (void)format_->event(0, Started{1, 0});
  const Json events = events_of(format_->problem(problem));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0]["type"], "response.failed");
  EXPECT_EQ(events[0]["sequence_number"], 2);
  EXPECT_EQ(events[0]["response"]["status"], "failed");
  EXPECT_EQ(events[0]["response"]["error"],
            json_of(R"({"code": "server_error", "message": "broke"})"));
}

}  // namespace
}  // namespace hearth::server
