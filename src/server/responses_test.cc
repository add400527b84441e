#include <gtest/gtest.h>

#include "server/test_responses.h"

namespace hearth::server {
namespace {

using protocol::ChatPrompt;
using protocol::Finished;
using protocol::Form;
using protocol::Generate;
using protocol::ToolUse;

TEST_F(ResponsesTest, ReadsEveryField) {
  const AnswerRequest request = ask(R"("model": "m", "input": "Hi", "instructions": "Be kind",
    "stream": true, "temperature": 0.5, "top_p": 0.25, "max_output_tokens": 2147483648,
    "reasoning": {"effort": "low", "summary": "auto"}, "truncation": "auto",
    "text": {"format": {"type": "json_schema", "name": "n", "strict": true,
                        "schema": {"type": "object"}}, "verbosity": "low"},
    "top_logprobs": 3, "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
    "user": "u", "prompt_cache_key": "k", "metadata": {"a": "b"}, "background": false)");
  const Generate& generate = request.generate;
  EXPECT_EQ(request.model, "m");
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(generate.max_tokens, uint64_t{1} << 31);
  EXPECT_EQ(generate.sampling.temperature, 0.5f);
  EXPECT_EQ(generate.sampling.top_p, 0.25f);
  EXPECT_EQ(generate.overflow, protocol::Overflow::drop_oldest);
  EXPECT_EQ(generate.form.kind, Form::Kind::json_schema);
  EXPECT_EQ(generate.form.text, R"({"type":"object"})");
  EXPECT_EQ(generate.chances, 3U);
  EXPECT_TRUE(generate.take_apart);
  EXPECT_EQ(std::get<ChatPrompt>(generate.prompt).variables, json_of(R"({
    "messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "Hi"}],
    "enable_thinking": true, "reasoning_effort": "low"})"));
  EXPECT_EQ(request.ignored,
            (std::vector<std::string>{"include[reasoning.encrypted_content]", "prompt_cache_key",
                                      "text.verbosity", "user"}));
}

TEST_F(ResponsesTest, ItemsBecomeMessagesOfTemplates) {
  EXPECT_EQ(messages(R"([
    {"role": "developer", "content": "Rules"},
    {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "More"}]},
    {"role": "user", "content": [{"type": "input_text", "text": "A"},
                                 {"type": "input_text", "text": "B"}]},
    {"role": "user", "content": "C"},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "short"}],
     "content": [{"type": "reasoning_text", "text": "hm"}]},
    {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [
      {"type": "output_text", "text": "I call", "annotations": [], "logprobs": []}]},
    {"type": "function_call", "call_id": "call_abc", "name": "f", "arguments": "{\"x\":1}"},
    {"type": "function_call", "call_id": "k", "namespace": "mcp__git", "name": "log",
     "arguments": ""},
    {"type": "custom_tool_call", "call_id": "call_c", "name": "patch", "input": "é\n"},
    {"type": "function_call_output", "call_id": "call_abc", "output": "done"},
    {"type": "function_call_output", "call_id": "k",
     "output": [{"type": "input_text", "text": "one"}, {"type": "input_text", "text": "two"}]},
    {"type": "custom_tool_call_output", "call_id": "call_c", "output": "ok"},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "only this"}]},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    {"role": "user", "content": "D"}])"),
            json_of(R"([
    {"role": "system", "content": "Rules\n\nMore"},
    {"role": "user", "content": "A\nB\n\nC"},
    {"role": "assistant", "content": "I call", "reasoning_content": "hm", "tool_calls": [
      {"id": "abc", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
      {"id": "k", "type": "function", "function": {"name": "mcp__git__log", "arguments": "{}"}},
      {"id": "c", "type": "function",
       "function": {"name": "patch", "arguments": "{\"input\":\"é\\n\"}"}}]},
    {"role": "tool", "tool_call_id": "abc", "content": "done", "name": "f"},
    {"role": "tool", "tool_call_id": "k", "content": "one\ntwo", "name": "mcp__git__log"},
    {"role": "tool", "tool_call_id": "c", "content": "ok", "name": "patch"},
    {"role": "assistant", "content": "No.", "reasoning_content": "only this"},
    {"role": "user", "content": "D"}])"));
}

TEST_F(ResponsesTest, ToolsBecomeFunctions) {
  const AnswerRequest request = ask(cat(R"("input": "x", "parallel_tool_calls": false, )", kTools));
  EXPECT_FALSE(request.generate.tools.parallel);
  EXPECT_EQ(std::get<ChatPrompt>(request.generate.prompt).variables["tools"], json_of(R"([
    {"type": "function", "function": {"name": "f", "description": "d",
                                      "parameters": {"type": "object"}}},
    {"type": "function", "function": {"name": "g", "parameters": {"type": "object",
                                                                  "properties": {}}}},
    {"type": "function", "function": {"name": "patch",
      "description": "Edits.\n\nThe input follows this grammar (lark):\nstart: X",
      "parameters": {"type": "object", "properties": {"input": {"type": "string"}},
                     "required": ["input"]}}},
    {"type": "function", "function": {"name": "mcp__git__log", "parameters": {}}}])"));
  EXPECT_EQ(request.ignored, std::vector<std::string>{"tools[web_search]"});
}

TEST_F(ResponsesTest, ToolChoice) {
  const auto use = [&](std::string_view choice) {
    return ask(cat(R"("input": "x", )", kTools, R"(, "tool_choice": )", choice)).generate.tools;
  };
  EXPECT_EQ(use("\"auto\"").choice, ToolUse::Choice::automatic);
  EXPECT_EQ(use("\"none\"").choice, ToolUse::Choice::none);
  EXPECT_EQ(use("\"required\"").choice, ToolUse::Choice::required);
  const ToolUse one = use(R"({"type": "function", "name": "log", "namespace": "mcp__git"})");
  EXPECT_EQ(one.choice, ToolUse::Choice::required);
  EXPECT_EQ(one.only, "mcp__git__log");
  EXPECT_EQ(use(R"({"type": "custom", "name": "patch"})").only, "patch");

  const std::string allowed = R"("tool_choice": {"type": "allowed_tools", "mode": "required",
    "tools": [{"type": "function", "name": "g"}]})";
  const AnswerRequest request = ask(cat(R"("input": "x", )", kTools, ", ", allowed));
  EXPECT_EQ(request.generate.tools.choice, ToolUse::Choice::required);
  const Json& shown = std::get<ChatPrompt>(request.generate.prompt).variables["tools"];
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0]["function"]["name"], "g");

  const auto problem = [&](std::string_view choice) {
    return problem_with(cat(kTools, R"(, "tool_choice": )", choice));
  };
  EXPECT_EQ(problem(R"({"type": "function", "name": "h"})"), "tool_choice");
  EXPECT_EQ(problem(R"({"type": "function"})"), "tool_choice.name");
  EXPECT_EQ(problem(R"({"type": "web_search"})"), "tool_choice.type");
  EXPECT_EQ(problem("\"always\""), "tool_choice");
  EXPECT_EQ(problem("7"), "tool_choice");
  EXPECT_EQ(problem_with(R"("tool_choice": "required")"), "tool_choice");
  EXPECT_EQ(problem_with(R"("tools": [{"type": "file_search"}])"), "tools[0].type");
  EXPECT_EQ(problem_with(R"("tools": [{"type": "function", "function": {"name": "f"}}])"),
            "tools[0].name");
  EXPECT_EQ(problem_with(R"("tools": [{"type": "function", "name": "f", "parameters": 1}])"),
            "tools[0].parameters");
  EXPECT_EQ(problem_with(R"("tools": [{"type": "namespace", "name": "n", "tools": [
                            {"type": "namespace", "name": "m", "tools": []}]}])"),
            "tools[0].tools[0].type");
}

TEST_F(ResponsesTest, ProblemsNameTheField) {
  for (const Json& wrong : wrong_integers(1))
    EXPECT_EQ(problem_with(cat(R"("max_output_tokens": )", wrong.dump())), "max_output_tokens");
  for (const Json& wrong : wrong_integers(0))
    EXPECT_EQ(problem_with(cat(R"("top_logprobs": )", wrong.dump())), "top_logprobs");
  for (const char* const wrong : {"-1", "9223372036854775808", "1e300", "\"1\"", "[]", "true"}) {
    EXPECT_EQ(problem_with(cat(R"("temperature": )", wrong)), "temperature");
    EXPECT_EQ(problem_with(cat(R"("top_p": )", wrong)), "top_p");
  }
  EXPECT_EQ(problem_with(R"("top_logprobs": 21)"), "top_logprobs");
  EXPECT_EQ(problem_with(R"("top_logprobs": 2147483648)"), "top_logprobs");
  EXPECT_EQ(problem_with(R"("background": true)"), "background");
  EXPECT_EQ(problem_with(R"("conversation": "conv_1")"), "conversation");
  EXPECT_EQ(problem_with(R"("conversation": {"id": "conv_1"})"), "conversation");
  EXPECT_EQ(problem_with(R"("prompt": {"id": "pmpt_1"})"), "prompt");
  EXPECT_EQ(problem_with(R"("truncation": "middle")"), "truncation");
  EXPECT_EQ(problem_with(R"("reasoning": {"effort": "ultra"})"), "reasoning.effort");
  EXPECT_EQ(problem_with(R"("reasoning": {"summary": true})"), "reasoning.summary");
  EXPECT_EQ(problem_with(R"("text": {"format": {"type": "json_schema"}})"), "text.format.schema");
  EXPECT_EQ(problem_with(R"("text": {"format": "json"})"), "text.format");
  EXPECT_EQ(problem_with(R"("include": [1])"), "include");
  EXPECT_EQ(problem_with(R"("metadata": {"a": 1})"), "metadata");
  EXPECT_EQ(problem_with(R"("metadata": "a")"), "metadata");
  EXPECT_EQ(problem_with(R"("store": "yes")"), "store");
  EXPECT_EQ(problem_with(R"("instructions": ["x"])"), "instructions");
  EXPECT_EQ(problem_field(""), "input");
  EXPECT_EQ(problem_field(R"("input": [])"), "input");
  EXPECT_EQ(problem_field(R"("input": 1)"), "input");
  EXPECT_EQ(problem_field(R"("input": ["x"])"), "input[0]");
  EXPECT_EQ(server_.post("/v1/responses", Json()).error().message,
            "the body must be a JSON object");
}

TEST_F(ResponsesTest, ProblemsNameTheItem) {
  const auto field = [&](std::string_view item) {
    return problem_field(cat(R"("input": [{"role": "user", "content": "x"}, )", item, "]"));
  };
  EXPECT_EQ(field(R"({"role": "tool", "content": "x"})"), "input[1].role");
  EXPECT_EQ(field(R"({"role": "user"})"), "input[1].content");
  EXPECT_EQ(field(R"({"role": "user", "content": 1})"), "input[1].content");
  EXPECT_EQ(field(R"({"role": "user", "content": [{"type": "input_image", "image_url": "u"}]})"),
            "input[1].content[0].type");
  EXPECT_EQ(field(R"({"type": "function_call", "call_id": "a", "name": "f"})"),
            "input[1].arguments");
  EXPECT_EQ(field(R"({"type": "function_call_output", "output": ""})"), "input[1].call_id");
  EXPECT_EQ(field(R"({"type": "function_call_output", "call_id": "a"})"), "input[1].output");
  EXPECT_EQ(field(R"({"type": "computer_call"})"), "input[1].type");
  EXPECT_EQ(field(R"({"type": "item_reference", "id": "msg_none_0"})"), "input");
  EXPECT_EQ(field("{}"), "input[1].id");
}

TEST_F(ResponsesTest, DeepNestingIsJustData) {
  std::string deep = "1";
  for (int i = 0; i < 100; ++i) deep = cat("[", deep, "]");
  EXPECT_EQ(problem_field(cat(R"("input": )", deep)), "input[0]");
  EXPECT_EQ(problem_with(cat(R"("unknown": )", deep)), "");
  EXPECT_EQ(problem_with(cat(R"("metadata": )", deep)), "metadata");
  EXPECT_EQ(problem_with(cat(R"("tools": )", deep)), "tools[0]");
}

TEST_F(ResponsesTest, ConversationsGoOn) {
  keep("one", R"("input": "A", "instructions": "old")", "B");
  keep("two", R"("input": [{"role": "user", "content": "C"}], "previous_response_id": "resp_one")",
       "D");
  const std::string_view next =
      R"("input": "E", "instructions": "new", "previous_response_id": "resp_two")";
  EXPECT_EQ(variables(next)["messages"], json_of(R"([
    {"role": "system", "content": "new"},
    {"role": "user", "content": "A"}, {"role": "assistant", "content": "B"},
    {"role": "user", "content": "C"}, {"role": "assistant", "content": "D"},
    {"role": "user", "content": "E"}])"));
  EXPECT_EQ(whole({Finished{}})["previous_response_id"], "resp_two");
  // An item by its id instead.
  EXPECT_EQ(
      messages(R"([{"type": "item_reference", "id": "msg_one_0"},
                         {"role": "user", "content": "F"}])"),
      json_of(R"([{"role": "assistant", "content": "B"}, {"role": "user", "content": "F"}])"));
  EXPECT_EQ(problem_field(R"("input": [{"type": "item_reference", "id": "msg_one_0"},
                                       {"type": "item_reference", "id": "msg_one_0"}])"),
            "input[1].id");

  EXPECT_EQ(reply(kept("DELETE", "/v1/responses/{}", "resp_one"))["deleted"], true);
  const auto gone = server_.post("/v1/responses", json_of(cat("{", next, "}")));
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().kind, Problem::Kind::not_found);
  EXPECT_EQ(gone.error().field, "previous_response_id");
}

TEST_F(ResponsesTest, WhatAKeptItemRefersToMayBeGone) {
  keep("one", R"("input": "A")", "B");
  keep("two", R"("input": [{"type": "item_reference", "id": "msg_one_0"}])", "D");
  EXPECT_EQ(problem_with(R"("previous_response_id": "resp_two")"), "");
  (void)kept("DELETE", "/v1/responses/{}", "resp_one");
  EXPECT_EQ(problem_with(R"("previous_response_id": "resp_two")"), "previous_response_id");
}

TEST_F(ResponsesTest, KeptResponses) {
  keep("one", R"("input": "A")", "B");
  keep("no", R"("input": "A", "store": false)", "B");
  const Json got = reply(kept("GET", "/v1/responses/{}", "resp_one"));
  EXPECT_EQ(got["id"], "resp_one");
  EXPECT_EQ(got["output"][0]["content"][0]["text"], "B");
  EXPECT_EQ(kept("GET", "/v1/responses/{}", "resp_no").error().kind, Problem::Kind::not_found);
  EXPECT_EQ(kept("GET", "/v1/responses/{}", "resp_one", {{"stream", "true"}}).error().kind,
            Problem::Kind::bad_request);
  const auto cancelled = kept("POST", "/v1/responses/{}/cancel", "resp_one");
  ASSERT_FALSE(cancelled.has_value());
  EXPECT_EQ(cancelled.error().kind, Problem::Kind::bad_request);
  EXPECT_EQ(kept("POST", "/v1/responses/{}/cancel", "resp_no").error().kind,
            Problem::Kind::not_found);
  EXPECT_EQ(reply(kept("DELETE", "/v1/responses/{}", "resp_one")),
            json_of(R"({"id": "resp_one", "object": "response", "deleted": true})"));
  EXPECT_EQ(kept("DELETE", "/v1/responses/{}", "resp_one").error().kind, Problem::Kind::not_found);
}

TEST_F(ResponsesTest, InputItems) {
  keep("one", R"("input": [{"role": "user", "content": "A"},
    {"id": "mine", "type": "message", "role": "assistant", "content": "B"},
    {"type": "function_call_output", "call_id": "c", "output": "C"}])",
       "D");
  const std::string_view pattern = "/v1/responses/{}/input_items";
  EXPECT_EQ(reply(kept("GET", pattern, "resp_one", {{"order", "asc"}})), json_of(R"({
    "object": "list", "data": [
      {"role": "user", "content": [{"type": "input_text", "text": "A"}], "type": "message",
       "id": "in_resp_one_0"},
      {"id": "mine", "type": "message", "role": "assistant",
       "content": [{"type": "output_text", "text": "B"}]},
      {"type": "function_call_output", "call_id": "c", "output": "C", "id": "in_resp_one_2"}],
    "first_id": "in_resp_one_0", "last_id": "in_resp_one_2", "has_more": false})"));
  const Json page = reply(kept("GET", pattern, "resp_one", {{"limit", "1"}, {"after", "mine"}}));
  EXPECT_EQ(page["data"].size(), 1U);
  EXPECT_EQ(page["first_id"], "in_resp_one_0");
  EXPECT_EQ(page["has_more"], false);
  EXPECT_EQ(reply(kept("GET", pattern, "resp_one", {{"limit", "2"}}))["has_more"], true);
  for (const char* const limit : {"0", "-1", "101", "1x", "9223372036854775808", " 1"}) {
    EXPECT_EQ(kept("GET", pattern, "resp_one", {{"limit", limit}}).error().kind,
              Problem::Kind::bad_request);
  }
  EXPECT_FALSE(kept("GET", pattern, "resp_one", {{"order", "up"}}).has_value());
  EXPECT_FALSE(kept("GET", pattern, "resp_one", {{"after", "none"}}).has_value());
  EXPECT_EQ(kept("GET", pattern, "resp_two").error().kind, Problem::Kind::not_found);
}

TEST_F(ResponsesTest, CountsTokensOfTheSamePrompt) {
  keep("one", R"("input": "A")", "B");
  const std::string_view members =
      R"("model": "m", "input": "x", "instructions": "I", "previous_response_id": "resp_one")";
  auto plan = server_.post("/v1/responses/input_tokens", json_of(cat("{", members, "}")));
  ASSERT_TRUE(plan.has_value());
  const auto& ask_plan = std::get<AskPlan>(*plan);
  EXPECT_EQ(ask_plan.model, "m");
  const auto& render = std::get<protocol::Render>(ask_plan.ask);
  EXPECT_EQ(std::get<ChatPrompt>(render.prompt).variables, variables(members));
  EXPECT_EQ(ask_plan.shape(protocol::Text{"...", 37}, ModelCard()),
            json_of(R"({"object": "response.input_tokens", "input_tokens": 37})"));
}

}  // namespace
}  // namespace hearth::server
