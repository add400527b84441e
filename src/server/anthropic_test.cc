#include <gtest/gtest.h>

#include "server/test_models.h"

namespace hearth::server {
namespace {

using protocol::ChatPrompt;
using protocol::Delta;
using protocol::Finish;
using protocol::Finished;
using protocol::Form;
using protocol::Generate;
using protocol::Started;
using protocol::Tell;
using protocol::ToolUse;
using Kind = protocol::Delta::Kind;

Json body() {
  return json_of(
      R"({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]})");
}

Json body_with(std::string_view members) {
  Json all = body();
  const Json more = json_of(members);
  for (const auto& [name, value] : more.items()) all[name] = value;
  return all;
}

class AnthropicTest : public testing::Test {
 protected:
  AnswerRequest ask(const Json& request) {
    auto plan = server_.post("/v1/messages", request);
    if (!plan || !std::holds_alternative<AnswerPlan>(*plan)) {
      ADD_FAILURE() << (plan ? "no answer" : plan.error().message);
      return {};
    }
    format_ = std::move(std::get<AnswerPlan>(*plan).format);
    format_->open(test_facts());
    return std::move(std::get<AnswerPlan>(*plan).request);
  }
  Json variables(const Json& request) {
    const AnswerRequest asked = ask(request);
    const auto* prompt = std::get_if<ChatPrompt>(&asked.generate.prompt);
    return prompt == nullptr ? Json() : prompt->variables;
  }
  std::string problem_field(const Json& request) {
    return field_of(server_.post("/v1/messages", request));
  }
  AnswerFormat& format() {
    if (!format_) (void)ask(body());
    return *format_;
  }

  TestServer server_{anthropic_routes()};
  std::unique_ptr<AnswerFormat> format_;
};

TEST_F(AnthropicTest, ReadsEveryField) {
  const AnswerRequest request = ask(body_with(R"({
    "stream": true, "temperature": 0.5, "top_p": 0.25, "top_k": 7, "stop_sequences": ["END"],
    "thinking": {"type": "enabled", "budget_tokens": 2147483648},
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    "metadata": {"user_id": "u"}, "service_tier": "auto", "unheard_of": 1})"));
  const Generate& generate = request.generate;
  EXPECT_EQ(request.model, "m");
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(generate.max_tokens, 9U);
  EXPECT_EQ(generate.sampling.temperature, 0.5f);
  EXPECT_EQ(generate.sampling.top_p, 0.25f);
  EXPECT_EQ(generate.sampling.top_k, 7);
  EXPECT_EQ(generate.stops, std::vector<std::string>{"END"});
  EXPECT_TRUE(generate.take_apart);
  EXPECT_EQ(generate.reasoning_tokens, uint64_t{1} << 31);
  EXPECT_EQ(generate.form.kind, Form::Kind::json_schema);
  EXPECT_EQ(generate.form.text, R"({"type":"object"})");
  EXPECT_EQ(
      std::get<ChatPrompt>(generate.prompt).variables,
      json_of(R"({"messages": [{"role": "user", "content": "Hi"}], "enable_thinking": true})"));
  EXPECT_FALSE(std::get<ChatPrompt>(generate.prompt).continue_last);
  EXPECT_EQ(request.ignored, (std::vector<std::string>{"metadata", "service_tier", "unheard_of"}));
}

TEST_F(AnthropicTest, ConversationsBecomeMessagesOfTemplates) {
  const Json vars = variables(body_with(R"({
    "system": [{"type": "text", "text": "Be", "cache_control": {"type": "ephemeral"}},
               {"type": "text", "text": "kind"}],
    "messages": [
      {"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]},
      {"role": "user", "content": "C"},
      {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "xx"},
        {"type": "text", "text": "I call"},
        {"type": "tool_use", "id": "toolu_abc", "name": "f", "input": {"x": [1, "é"]}},
        {"type": "tool_use", "id": "other", "name": "g", "input": {}}]},
      {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_abc", "content": "done"},
        {"type": "tool_result", "tool_use_id": "other", "is_error": true,
         "content": [{"type": "text", "text": "no"}, {"type": "text", "text": "way"}]},
        {"type": "tool_result", "tool_use_id": "unknown"},
        {"type": "text", "text": "and now?"}]}]})"));
  EXPECT_EQ(vars["messages"], json_of(R"([
    {"role": "system", "content": "Be\nkind"},
    {"role": "user", "content": "A\nB\n\nC"},
    {"role": "assistant", "content": "I call", "reasoning_content": "hm", "tool_calls": [
      {"id": "abc", "type": "function",
       "function": {"name": "f", "arguments": "{\"x\":[1,\"é\"]}"}},
      {"id": "other", "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "abc", "content": "done", "name": "f"},
    {"role": "tool", "tool_call_id": "other", "content": "Error: no\nway", "name": "g"},
    {"role": "tool", "tool_call_id": "unknown", "content": ""},
    {"role": "user", "content": "and now?"}])"))
      << vars.dump(1);
}

TEST_F(AnthropicTest, WhatIsNotReadIsListedOnceForAllPlaces) {
  const AnswerRequest request = ask(body_with(R"({
    "messages": [
      {"role": "user", "content": [
        {"type": "text", "text": "A", "cache_control": {}},
        {"type": "text", "text": "B", "cache_control": {}, "citations": []}]},
      {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "xx"}]},
      {"role": "user", "content": "C", "odd": 1}]})"));
  EXPECT_EQ(request.ignored,
            (std::vector<std::string>{"messages[].content[].cache_control",
                                      "messages[].content[].citations", "messages[].content[].data",
                                      "messages[].odd"}));
}

TEST_F(AnthropicTest, AnAnswerCanBeBegun) {
  const AnswerRequest request = ask(body_with(R"({"messages": [
    {"role": "user", "content": "Count"}, {"role": "assistant", "content": "1, 2,"}]})"));
  const auto& prompt = std::get<ChatPrompt>(request.generate.prompt);
  EXPECT_TRUE(prompt.continue_last);
  EXPECT_EQ(prompt.variables["messages"][1],
            json_of(R"({"role": "assistant", "content": "1, 2,"})"));
}

TEST_F(AnthropicTest, AccountingOfClaudeCodeIsNoPartOfThePrompt) {
  const AnswerRequest request = ask(body_with(R"({"system": [
    {"type": "text", "text": "x-anthropic-billing-header: cch=1;"},
    {"type": "text", "text": "You help."}]})"));
  const auto& prompt = std::get<ChatPrompt>(request.generate.prompt);
  EXPECT_EQ(prompt.variables["messages"][0]["content"], "You help.");
  EXPECT_EQ(request.ignored, std::vector<std::string>{"system.x-anthropic-billing-header"});
  const Json vars = variables(body_with(R"({"system": "x-anthropic-billing-header: a"})"));
  EXPECT_EQ(vars["messages"].size(), 1U);
}

TEST_F(AnthropicTest, ThinkingAndEffort) {
  const auto thinking = [&](std::string_view members) {
    Json vars = variables(body_with(members));
    vars.erase("messages");
    return vars.dump();
  };
  EXPECT_EQ(thinking("{}"), "{}");
  EXPECT_EQ(thinking(R"({"thinking": {"type": "disabled"}})"), R"({"enable_thinking":false})");
  EXPECT_EQ(thinking(R"({"thinking": {"type": "adaptive"}})"), R"({"enable_thinking":true})");
  EXPECT_EQ(thinking(R"({"output_config": {"effort": "low"}})"), R"({"reasoning_effort":"low"})");
  EXPECT_EQ(thinking(R"({"output_config": {"effort": "max"}, "thinking": {"type": "disabled"}})"),
            R"({"reasoning_effort":"max","enable_thinking":false})");
  EXPECT_EQ(ask(body_with(R"({"thinking": {"type": "adaptive"}})")).generate.reasoning_tokens,
            std::nullopt);
}

TEST_F(AnthropicTest, Tools) {
  const std::string tools = R"("tools": [
    {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": {}},
    {"name": "g", "type": "custom", "input_schema": {}}])";
  const auto use = [&](std::string_view choice) {
    return ask(body_with(cat("{", tools, R"(, "tool_choice": )", choice, "}"))).generate.tools;
  };
  const Json vars = variables(body_with(cat("{", tools, "}")));
  EXPECT_EQ(vars["tools"], json_of(R"([
    {"type": "function", "function": {"name": "f", "description": "d",
                                      "parameters": {"type": "object"}}},
    {"type": "function", "function": {"name": "g", "parameters": {}}}])"));
  EXPECT_EQ(use(R"({"type": "auto"})").choice, ToolUse::Choice::automatic);
  EXPECT_TRUE(use(R"({"type": "auto"})").parallel);
  EXPECT_EQ(use(R"({"type": "none"})").choice, ToolUse::Choice::none);
  const ToolUse any = use(R"({"type": "any", "disable_parallel_tool_use": true})");
  EXPECT_EQ(any.choice, ToolUse::Choice::required);
  EXPECT_EQ(any.only, "");
  EXPECT_FALSE(any.parallel);
  const ToolUse one = use(R"({"type": "tool", "name": "g"})");
  EXPECT_EQ(one.choice, ToolUse::Choice::required);
  EXPECT_EQ(one.only, "g");

  EXPECT_EQ(problem_field(body_with(cat("{", tools, R"(, "tool_choice": "auto"})"))),
            "tool_choice");
  EXPECT_EQ(problem_field(
                body_with(cat("{", tools, R"(, "tool_choice": {"type": "tool", "name": "h"}})"))),
            "tool_choice");
  EXPECT_EQ(problem_field(body_with(R"({"tool_choice": {"type": "any"}})")), "tool_choice");
  EXPECT_EQ(problem_field(body_with(R"({"tools": [{"type": "web_search_20250305",
                                                   "name": "web_search"}]})")),
            "tools[0].type");
  EXPECT_EQ(problem_field(body_with(R"({"tools": [{"name": "f"}]})")), "tools[0].input_schema");
  EXPECT_EQ(problem_field(body_with(R"({"tools": [{"name": "", "input_schema": {}}]})")),
            "tools[0].name");
}

TEST_F(AnthropicTest, ProblemsNameTheField) {
  for (const Json& wrong : wrong_integers(1)) {
    EXPECT_EQ(problem_field(body_with(cat(R"({"max_tokens": )", wrong.dump(), "}"))), "max_tokens")
        << wrong;
  }
  for (const Json& wrong : wrong_integers(0)) {
    EXPECT_EQ(problem_field(body_with(cat(R"({"thinking": {"type": "enabled", "budget_tokens": )",
                                          wrong.dump(), "}}"))),
              "thinking.budget_tokens")
        << wrong;
  }
  for (const char* const wrong : {"-1", "9223372036854775808", "1e300", "\"1\"", "[]", "true"}) {
    EXPECT_EQ(problem_field(body_with(cat(R"({"temperature": )", wrong, "}"))), "temperature");
    EXPECT_EQ(problem_field(body_with(cat(R"({"top_p": )", wrong, "}"))), "top_p");
  }
  for (const char* const wrong : {"-2", "2147483648", "9223372036854775808", "1e300", "\"1\""})
    EXPECT_EQ(problem_field(body_with(cat(R"({"top_k": )", wrong, "}"))), "top_k");
  EXPECT_EQ(problem_field(body_with(R"({"max_tokens": null})")), "max_tokens");
  EXPECT_EQ(problem_field(body_with(R"({"messages": null})")), "messages");
  EXPECT_EQ(problem_field(body_with(R"({"messages": []})")), "messages");
  EXPECT_EQ(problem_field(body_with(R"({"messages": "Hi"})")), "messages");
  EXPECT_EQ(problem_field(body_with(R"({"messages": [1]})")), "messages[0]");
  EXPECT_EQ(problem_field(body_with(R"({"stream": 1})")), "stream");
  EXPECT_EQ(problem_field(body_with(R"({"stop_sequences": [1]})")), "stop_sequences");
  EXPECT_EQ(problem_field(body_with(R"({"system": [{"type": "image"}]})")), "system[0].type");
  EXPECT_EQ(problem_field(body_with(R"({"output_config": {"format": {"type": "json_schema"}}})")),
            "output_config.format.schema");
  EXPECT_EQ(problem_field(body_with(R"({"output_format": {"type": "xml"}})")),
            "output_format.type");
  EXPECT_EQ(problem_field(body_with(R"({"thinking": {"type": "sometimes"}})")), "thinking.type");
  EXPECT_EQ(server_.post("/v1/messages", Json()).error().message, "the body must be a JSON object");
  EXPECT_EQ(server_.post("/v1/messages", Json::array()).error().kind, Problem::Kind::bad_request);
}

TEST_F(AnthropicTest, ProblemsNameThePlaceInTheConversation) {
  const auto field = [&](std::string_view content, std::string_view role = "user") {
    return problem_field(
        body_with(cat(R"({"messages": [{"role": "user", "content": "x"}, {"role": ")", role,
                      R"(", "content": )", content, "}]}")));
  };
  EXPECT_EQ(field(R"([{"type": "text", "text": "a"}, {"type": "image", "source": {}}])"),
            "messages[1].content[1].type");
  EXPECT_EQ(field(R"([{"type": "tool_result", "tool_use_id": "a",
                       "content": [{"type": "image"}]}])"),
            "messages[1].content[0].content[0].type");
  EXPECT_EQ(field(R"([{"type": "tool_result"}])"), "messages[1].content[0].tool_use_id");
  EXPECT_EQ(field(R"([{"type": "text"}])"), "messages[1].content[0].text");
  EXPECT_EQ(field(R"([{"type": 7}])"), "messages[1].content[0].type");
  EXPECT_EQ(field("[[]]"), "messages[1].content[0]");
  EXPECT_EQ(field("5"), "messages[1].content");
  EXPECT_EQ(field("null"), "messages[1].content");
  EXPECT_EQ(field("\"x\"", "tool"), "messages[1].role");
  EXPECT_EQ(field(R"([{"type": "tool_use", "id": "a", "name": "f", "input": []}])", "assistant"),
            "messages[1].content[0].input");
  EXPECT_EQ(field(R"([{"type": "tool_use", "id": "a", "input": {}}])", "assistant"),
            "messages[1].content[0].name");
  EXPECT_EQ(field(R"([{"type": "tool_result", "tool_use_id": "a"}])", "assistant"),
            "messages[1].content[0].type");
  // The results of calls are missing.
  EXPECT_EQ(field(R"([{"type": "tool_use", "id": "a", "name": "f", "input": {}}])", "assistant"),
            "messages");
  const auto image = server_.post("/v1/messages", body_with(R"({"messages": [
      {"role": "user", "content": [{"type": "image", "source": {}}]}]})"));
  ASSERT_FALSE(image.has_value());
  EXPECT_EQ(status_of(image.error().kind), 400);
  EXPECT_EQ(image.error().message,
            "'messages[0].content[0].type' is 'image', but here it must be text or tool_result: "
            "these models read text, no images or documents");
}

TEST_F(AnthropicTest, DeepNestingIsJustData) {
  std::string deep = "1";
  for (int i = 0; i < 100; ++i) deep = cat("[", deep, "]");
  EXPECT_EQ(problem_field(body_with(cat(R"({"metadata": )", deep, "}"))), "");
  EXPECT_EQ(problem_field(body_with(cat(R"({"messages": )", deep, "}"))), "messages[0]");
  EXPECT_EQ(problem_field(body_with(cat(R"({"system": )", deep, "}"))), "system[0]");
  EXPECT_EQ(problem_field(body_with(cat(R"({"tools": )", deep, "}"))), "tools[0]");
  const Json vars =
      variables(body_with(cat(R"({"tools": [{"name": "f", "input_schema": {"x": )", deep, "}}]}")));
  EXPECT_EQ(vars["tools"][0]["function"]["parameters"]["x"].dump(), deep);
}

TEST_F(AnthropicTest, WorkersReadTheDeepestBodies) {
  // Members of a schema, as deep as `depth` allows for the whole body.
  const auto request = [&](size_t depth) {
    std::string deep = "1";
    for (size_t i = 4; i < depth; ++i) deep = cat("[", deep, "]");
    return protocol::parse_json(
        cat(R"({"max_tokens": 1, "messages": [{"role": "user", "content": "x"}],
                "tools": [{"name": "f", "input_schema": {"x": )",
            deep, "}}]}"),
        depth);
  };
  const auto body = request(kMaxBodyDepth);
  ASSERT_TRUE(body.has_value());
  const AnswerRequest deepest = ask(*body);
  EXPECT_TRUE(protocol::decode_request(encode(protocol::Request{1, deepest.generate})).has_value());
  // That is why bodies may not be as deep as messages.
  const AnswerRequest deeper = ask(*request(protocol::kMaxJsonDepth));
  EXPECT_FALSE(protocol::decode_request(encode(protocol::Request{1, deeper.generate})).has_value());
}

TEST_F(AnthropicTest, CountsTokensOfTheSamePrompt) {
  const Json request = body_with(R"({"system": "S", "tools": [{"name": "f", "input_schema": {}}],
                                     "thinking": {"type": "disabled"}, "extra": 1})");
  auto plan = server_.post("/v1/messages/count_tokens", request);
  ASSERT_TRUE(plan.has_value());
  const auto& ask_plan = std::get<AskPlan>(*plan);
  EXPECT_EQ(ask_plan.model, "m");
  const auto& render = std::get<protocol::Render>(ask_plan.ask);
  EXPECT_EQ(std::get<ChatPrompt>(render.prompt).variables, variables(request));
  EXPECT_EQ(ask_plan.ignored, (std::vector<std::string>{"extra", "max_tokens"}));
  EXPECT_EQ(ask_plan.shape(protocol::Text{"...", 37}, ModelCard()),
            json_of(R"({"input_tokens": 37})"));
  EXPECT_EQ(field_of(server_.post("/v1/messages/count_tokens", json_of("{}"))), "messages");
}

std::vector<Tell> some_answer() {
  const Finished finished{.prompt_tokens = 20,
                          .remembered_tokens = 15,
                          .answer_tokens = 12,
                          .reasoning_tokens = 2,
                          .calls = 2};
  return {Started{20, 0},
          protocol::Reading{20, 15, 20},
          Delta{Kind::reasoning, 0, "hm", {}, {}},
          Delta{Kind::reasoning, 0, "m", {}, {}},
          Delta{Kind::content, 0, "", {}, {}},
          Delta{Kind::content, 0, "Hé", {}, {}},
          Delta{Kind::content, 0, "llo", {}, {}},
          Delta{Kind::call_begin, 0, "f", {}, {}},
          Delta{Kind::call_arguments, 0, "{\"x\":", {}, {}},
          Delta{Kind::call_arguments, 0, "1}", {}, {}},
          Delta{Kind::call_end, 0, "", {}, {}},
          Delta{Kind::call_begin, 1, "g", {}, {}},
          Delta{Kind::call_arguments, 1, "{}", {}, {}},
          Delta{Kind::call_end, 1, "given", {}, {}},
          finished};
}

TEST_F(AnthropicTest, WholeAnswer) {
  const Answer answer = answer_of(some_answer());
  const std::string id = cat("toolu_", call_id(test_facts().id, 0, 0));
  EXPECT_EQ(format().whole({&answer, 1}), json_of(cat(R"({
    "id": "msg_abcdefghijklmnopqrstuvwx", "type": "message", "role": "assistant", "model": "test",
    "content": [{"type": "thinking", "thinking": "hmm", "signature": ""},
                {"type": "text", "text": "Héllo"},
                {"type": "tool_use", "id": ")",
                                                      id, R"(", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "toolu_given", "name": "g", "input": {}}],
    "stop_reason": "tool_use", "stop_sequence": null,
    "usage": {"input_tokens": 5, "cache_creation_input_tokens": 0,
              "cache_read_input_tokens": 15, "output_tokens": 12}})")));
}

TEST_F(AnthropicTest, StreamedAnswer) {
  const std::string id = cat("toolu_", call_id(test_facts().id, 0, 0));
  const Json expected = json_of(cat(R"([
    {"type": "message_start", "message": {
      "id": "msg_abcdefghijklmnopqrstuvwx", "type": "message", "role": "assistant",
      "model": "test", "content": [], "stop_reason": null, "stop_sequence": null,
      "usage": {"input_tokens": 20, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0, "output_tokens": 0}}},
    {"type": "content_block_start", "index": 0,
     "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0,
     "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_delta", "index": 0,
     "delta": {"type": "thinking_delta", "thinking": "m"}},
    {"type": "content_block_delta", "index": 0,
     "delta": {"type": "signature_delta", "signature": ""}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hé"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "llo"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2,
     "content_block": {"type": "tool_use", "id": ")",
                                    id, R"(", "name": "f", "input": {}}},
    {"type": "content_block_delta", "index": 2,
     "delta": {"type": "input_json_delta", "partial_json": "{\"x\":1}"}},
    {"type": "content_block_stop", "index": 2},
    {"type": "content_block_start", "index": 3,
     "content_block": {"type": "tool_use", "id": "toolu_given", "name": "g", "input": {}}},
    {"type": "content_block_delta", "index": 3,
     "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_stop", "index": 3},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null},
     "usage": {"input_tokens": 5, "cache_creation_input_tokens": 0,
               "cache_read_input_tokens": 15, "output_tokens": 12}},
    {"type": "message_stop"}])"));
  EXPECT_EQ(events_of(stream_of(format(), some_answer())), expected);
}

TEST_F(AnthropicTest, ACallThatWasNoneIsNeverSeen) {
  const std::string stream =
      stream_of(format(), {Started{1, 0}, Delta{Kind::call_begin, 0, "f", {}, {}},
                           Delta{Kind::call_arguments, 0, "{\"x", {}, {}},
                           Delta{Kind::call_discard, 0, "", {}, {}},
                           Delta{Kind::content, 0, "<tool>", {}, {}}, Finished{.malformed = true}});
  EXPECT_EQ(stream.find("tool_use"), stream.npos) << stream;
  EXPECT_NE(stream.find(R"("text":"<tool>")"), stream.npos) << stream;
  EXPECT_NE(stream.find(R"("stop_reason":"end_turn")"), stream.npos) << stream;
}

TEST_F(AnthropicTest, StopReasons) {
  const auto reason = [&](Finished finished) {
    Answer answer;
    answer.finished = std::move(finished);
    const Json whole = format().whole({&answer, 1});
    return cat(whole["stop_reason"].dump(), " ", whole["stop_sequence"].dump());
  };
  EXPECT_EQ(reason({.finish = Finish::end}), R"("end_turn" null)");
  EXPECT_EQ(reason({.finish = Finish::length}), R"("max_tokens" null)");
  EXPECT_EQ(reason({.finish = Finish::stop, .stop = "END"}), R"("stop_sequence" "END")");
  EXPECT_EQ(reason({.finish = Finish::context}), R"("model_context_window_exceeded" null)");
}

TEST_F(AnthropicTest, ProblemsAndPings) {
  EXPECT_EQ(format().keep_alive(), "event: ping\ndata: {\"type\":\"ping\"}\n\n");
  const Problem busy{.kind = Problem::Kind::busy, .message = "full"};
  EXPECT_EQ(format().problem(busy),
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
            "\"message\":\"full\"}}\n\n");
  const Problem long_prompt{.kind = Problem::Kind::too_long,
                            .message = "other words",
                            .prompt_tokens = 5000,
                            .context = 4096};
  EXPECT_EQ(problem_json(Dialect::anthropic, long_prompt), json_of(R"({"type": "error", "error": {
    "type": "invalid_request_error",
    "message": "prompt is too long: 5000 tokens > 4096 maximum"}})"));
}

}  // namespace
}  // namespace hearth::server
