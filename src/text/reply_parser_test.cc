#include "text/reply_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "text/reply_test.h"

namespace hearth::text {
namespace {

using Kind = ReplyEvent::Kind;

Parsed parsed(std::string_view format, std::string_view text, std::string_view prompt_end = "",
              const ReplyTools& tools = {}) {
  const ReplyFormat& made = reply_format_named(format);
  EXPECT_EQ(made.name, format);
  return parse(made, prompt_end, text, tools);
}

std::string parts(std::string_view format, std::string_view text, std::string_view prompt_end = "",
                  const ReplyTools& tools = {}) {
  const Reply reply = parsed(format, text, prompt_end, tools).reply;
  EXPECT_EQ(reply.raw, text);
  std::string out = cat(reply.reasoning, "|", reply.content);
  for (const ToolCall& call : reply.calls) {
    out += cat("|", call.name, call.arguments);
    if (!call.id.empty()) out += cat("#", call.id);
  }
  return out + (reply.malformed ? "|malformed" : "");
}

TEST(ReplyParserTest, WithoutAFormatAllIsTheAnswer) {
  EXPECT_EQ(parts("none", " <think>a</think>\n{\"name\": 1} "),
            "| <think>a</think>\n{\"name\": 1} ");
}

TEST(ReplyParserTest, ReasoningStandsInFrontOfTheAnswer) {
  EXPECT_EQ(parts("think", "<think>\na b\n</think>\n\nc\n"), "a b|c");
  EXPECT_EQ(parts("think", "\n <think>a</think>c"), "a|c");
  EXPECT_EQ(parts("think", "say <think>a</think>"), "|say <think>a</think>");
  EXPECT_EQ(parts("think", "<think>\n\n</think>\n\nc"), "|c");
  EXPECT_EQ(parts("think", "<think>a <think> b</think>c"), "a <think> b|c");
  EXPECT_EQ(parts("think", "a < b <thinking> c"), "|a < b <thinking> c");
  EXPECT_EQ(parts("mistral", "[THINK]a[/THINK]b"), "a|b");
}

TEST(ReplyParserTest, ThePromptMayHaveOpenedIt) {
  EXPECT_EQ(parts("hermes", "a\n</think>\n\nb", "<|im_start|>assistant\n<think>\n"), "a|b");
  EXPECT_EQ(parts("hermes", "<think>\na</think>b", "<think>"), "a|b");
  EXPECT_EQ(parts("hermes", "a", "what is <think>?<|im_end|>\n<|im_start|>assistant\n"), "|a");
  EXPECT_EQ(parts("hermes", "\n\na", "<think>\n\n</think>"), "|a");
  EXPECT_EQ(parts("glm", "</think>a </think> b", "<|assistant|>"), "|a </think> b");
  EXPECT_EQ(parts("gemma4", "a\n<channel|>b", "<|turn>model\n<|channel>thought\n"), "a|b");
}

TEST(ReplyParserTest, ReasoningThatDoesNotEndIsMalformed) {
  EXPECT_EQ(parts("hermes", "a b", "<think>\n"), "a b||malformed");
  EXPECT_EQ(parts("hermes", "<think>a</thi"), "a</thi||malformed");
  EXPECT_EQ(parts("hermes", "", "<think>\n"), "|");
}

TEST(ReplyParserTest, MarksOfTheirOwnEndReasoning) {
  EXPECT_EQ(parts("cohere", "<|START_THINKING|>a<|START_RESPONSE|>b<|END_RESPONSE|>"), "a|b");
  EXPECT_EQ(parts("cohere", "b<|START_THINKING|>a<|END_THINKING|>c<|START_THINKING|>d"),
            "a\nd|bc|malformed");
  EXPECT_EQ(parts("apertus",
                  "<|inner_prefix|>a<|inner_suffix|>b<|tools_prefix|>[{\"f\": "
                  "{\"x\": 1}}, {\"g\": {}}]<|tools_suffix|>"),
            "a|b|f{\"x\": 1}|g{}");
}

TEST(ReplyParserTest, AStringMayHoldTheMarkThatEndsACall) {
  EXPECT_EQ(parts("hermes",
                  "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": "
                  "\"</tool_call>\\\"}\"}}</tool_call>"),
            "||f{\"a\": \"</tool_call>\\\"}\"}");
  EXPECT_EQ(parts("mistral", "[TOOL_CALLS]f[ARGS]{\"a\": \"[TOOL_CALLS]\"}[TOOL_CALLS]g[ARGS]{}"),
            "||f{\"a\": \"[TOOL_CALLS]\"}|g{}");
}

TEST(ReplyParserTest, ObjectsOfCalls) {
  const auto call = [](std::string_view json) {
    return parts("hermes", cat("<tool_call>", json, "</tool_call>"));
  };
  EXPECT_EQ(call("{\"arguments\": {\"a\": 1}, \"name\": \"f\"}"), "||f{\"a\": 1}");
  EXPECT_EQ(call("{\"name\": \"f\"}"), "||f{}");
  EXPECT_EQ(call("{\"name\": \"f\", \"arguments\": null}"), "||f{}");
  EXPECT_EQ(call("{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}"), "||f{\"a\": 1}");
  EXPECT_EQ(call("{\"name\": \"f\", \"arguments\": \"\"}"), "||f{}");
  EXPECT_EQ(call("{\"type\": \"function\", \"id\": 7, \"name\": \"f\", \"parameters\": {}}"),
            "||f{}#7");
  EXPECT_EQ(call("[{\"name\": \"f\"}, {\"name\": \"g\"}]"), "||f{}|g{}");
  EXPECT_EQ(call("{\"name\": \"f\"}\n{\"name\": \"g\"}\n"), "||f{}|g{}");
  EXPECT_EQ(call("[]"), "|");
  EXPECT_EQ(call("{\"name\": \"f\", \"arguments\": {\"a\": \"x\ny\"}}"), "||f{\"a\": \"x\\ny\"}");
  EXPECT_EQ(call("{\"name\": \"\\u0066\", \"arguments\": {}}"), "||f{}");
}

TEST(ReplyParserTest, WhatIsNoCallComesBack) {
  for (const char* json :
       {"{\"name\": \"f\", \"arguments\": [1]}", "{\"name\": 1}", "{\"name\": \"\"}", "{}", "text",
        "{\"name\": \"f\", \"name\": \"g\"}", "{\"name\": \"f\", \"arguments\": {\"a\": 01}}",
        "{\"name\": \"f\", \"arguments\": {\"a\": \"\xff\"}}", "{'name': 'f'}",
        "{\"arguments\": {\"a\": 1}}", "{\"name\": \"f\", \"arguments\": {}, \"arguments\": {}}",
        "{\"name\": \"f\", \"reason\": \"because\"}", "{\"name\": \"f\", \"arguments\": {}",
        "{\"name\": \"f\", \"arguments\": {\"a\": \"\\ud800\"}}", "{\"name\": \"a\nb\"}"}) {
    const std::string text = cat("<tool_call>", json, "</tool_call>");
    EXPECT_EQ(parts("hermes", text), cat("|", text, "|malformed"));
  }
}

TEST(ReplyParserTest, CallsBeforeAMistakeStand) {
  EXPECT_EQ(parts("hermes", "<tool_call>{\"name\": \"f\"}}</tool_call> x"),
            "|}</tool_call> x|f{}|malformed");
  EXPECT_EQ(parts("nemotron", "<TOOLCALL>[{\"name\": \"f\"}, {\"na"), "|, {\"na|f{}|malformed");
  EXPECT_EQ(parts("hermes", "<tool_call>{\"name\": <tool_call>{\"name\": \"f\"}</tool_call>"),
            "|<tool_call>{\"name\":|f{}|malformed");
}

TEST(ReplyParserTest, TheMarkThatClosesMayBeTheEnd) {
  EXPECT_EQ(parts("hermes", "<tool_call>\n{\"name\": \"f\"}\n"), "||f{}");
  EXPECT_EQ(parts("gemma4", "<|tool_call>call:f{a:1}"), "||f{\"a\":1}");
  EXPECT_EQ(parts("qwen3-coder", "<tool_call>\n<function=f>\n</function>"), "||f{}");
  EXPECT_EQ(parts("kimi-k2",
                  "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0"
                  "<|tool_call_argument_begin|>{}<|tool_call_end|>"),
            "||f{}#functions.f:0");
}

TEST(ReplyParserTest, TextStandsAroundCalls) {
  EXPECT_EQ(parts("hermes", "a\n<tool_call>{\"name\": \"f\"}</tool_call>\nb\n"), "|a\n\nb|f{}");
}

TEST(ReplyParserTest, KimiK2) {
  EXPECT_EQ(parts("kimi-k2",
                  "<think>r</think>a<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0"
                  "<|tool_call_argument_begin|>{\"a\": \"<|tool_call_end|>\"}<|tool_call_end|>"
                  "<|tool_call_begin|>functions.g.h:1<|tool_call_argument_begin|>{}"
                  "<|tool_call_end|><|tool_calls_section_end|>"),
            "r|a|f{\"a\": \"<|tool_call_end|>\"}#functions.f:0|g.h{}#functions.g.h:1");
}

TEST(ReplyParserTest, DeepSeekR1WithAndWithoutAKind) {
  EXPECT_EQ(parts("deepseek-r1",
                  "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": 1}"
                  "<｜tool▁call▁end｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n"
                  "```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
            "||f{\"a\": 1}|g{}");
}

TEST(ReplyParserTest, Harmony) {
  EXPECT_EQ(parts("harmony",
                  "<|channel|>analysis<|message|>r<|end|><|start|>assistant<|channel|>"
                  "final<|message|>a",
                  "<|start|>assistant"),
            "r|a");
  EXPECT_EQ(parts("harmony",
                  "<|channel|>analysis<|message|>r<|end|><|start|>assistant<|channel|>"
                  "commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}"
                  "<|call|>",
                  "<|start|>assistant"),
            "r||f{\"a\": 1}");
  EXPECT_EQ(parts("harmony",
                  "<|start|>assistant to=functions.f<|channel|>commentary json"
                  "<|message|>{}"),
            "||f{}");
  EXPECT_EQ(parts("harmony", "a text", "<|start|>assistant"), "|a text|malformed");
}

TEST(ReplyParserTest, FunctionaryTakesPromptsOfPythonForText) {
  EXPECT_EQ(parts("functionary", "all\nTry:\n>>> x = 1\n>>>f\n{\"a\": 1}", ">>>"),
            "|Try:\n>>> x = 1|f{\"a\": 1}");
  EXPECT_EQ(parts("functionary", "f\n{}>>>g\n{}", ">>>"), "||f{}|g{}");
  EXPECT_EQ(parts("functionary", "all\n<b>>>>f\n{}", ">>>"), "|<b>|f{}");
  EXPECT_EQ(parts("functionary", "no name here", ">>>"), "|no name here");
}

TEST(ReplyParserTest, BareJsonIsACallOnlyInFront) {
  EXPECT_EQ(parts("llama3", "{\"name\": \"f\", \"parameters\": {\"a\": 1}}"), "||f{\"a\": 1}");
  EXPECT_EQ(parts("llama3",
                  "\n<|python_tag|>{\"type\": \"function\", \"name\": \"f\", "
                  "\"parameters\": {}}"),
            "||f{}");
  for (const char* json : {"{\"answer\": 42}", "{\"name\": \"Ann\", \"age\": 7}", "{}", "{",
                           "{\"name\": \"Ann\"}", "See {\"name\": \"f\", \"parameters\": {}}"})
    EXPECT_EQ(parts("llama3", json), cat("|", json));
  const auto tools = ReplyTools::read(R"([{"function": {"name": "g"}}])");
  EXPECT_EQ(parts("llama3", "{\"name\": \"f\", \"parameters\": {}}", "", tools),
            "|{\"name\": \"f\", \"parameters\": {}}");
}

TEST(ReplyParserTest, QwenCoderMayForgetItsOuterMark) {
  EXPECT_EQ(parts("qwen3-coder",
                  "a\n<function=f>\n<parameter=x>\n1\n</parameter>\n</function>\n"
                  "</tool_call>"),
            "|a|f{\"x\": 1}");
  EXPECT_EQ(parts("qwen3-coder", "<function=f>\n</function>\n\nb"), "|b|f{}");
}

TEST(ReplyParserTest, TypesComeFromTheTool) {
  const auto tools = ReplyTools::read(R"([{"type": "function", "function": {"name": "f",
      "parameters": {"properties": {"s": {"type": "string"}, "i": {"type": "integer"},
      "b": {"type": "boolean"}, "n": {"type": ["string", "null"]}, "o": {"type": "object"},
      "e": {"enum": ["1", "2"]}, "u": {"anyOf": [{"type": "string"}, {"type": "number"}]}}}}}])");
  const auto value = [&](std::string_view name, std::string_view text, const ReplyTools& known) {
    const auto calls = parsed("qwen3-coder",
                              cat("<tool_call><function=f><parameter=", name, ">\n", text,
                                  "\n</parameter></function></tool_call>"),
                              "", known)
                           .reply.calls;
    return calls.size() != 1 ? "?" : calls[0].arguments.substr(name.size() + 5);
  };
  EXPECT_EQ(value("s", "5", tools), "\"5\"}");
  EXPECT_EQ(value("i", "5", tools), "5}");
  EXPECT_EQ(value("i", "five", tools), "\"five\"}");
  EXPECT_EQ(value("b", "True", tools), "true}");
  EXPECT_EQ(value("n", "null", tools), "null}");
  EXPECT_EQ(value("n", "5", tools), "\"5\"}");
  EXPECT_EQ(value("o", "{'a': [1, None]}", tools), "{\"a\":[1,null]}}");
  EXPECT_EQ(value("e", "1", tools), "\"1\"}");
  EXPECT_EQ(value("u", "1.5", tools), "1.5}");
  EXPECT_EQ(value("u", "true", tools), "\"true\"}");
  EXPECT_EQ(value("x", "5", tools), "5}");
  EXPECT_EQ(value("x", "five", {}), "\"five\"}");
  EXPECT_EQ(value("x", "\"five\"", {}), "\"\\\"five\\\"\"}");
  EXPECT_EQ(value("x", "\n a \n", {}), "\"\\n a \\n\"}");
}

TEST(ReplyParserTest, TagsThatAreWrong) {
  for (const char* text :
       {"<tool_call><function=f><parameter=a>1</parameter></tool_call>",
        "<tool_call><function=f><parameter=a>1</parameter>", "<tool_call>{\"name\": \"f\"}",
        "<tool_call><function=f><parameter=a>1</parameter><parameter=a>2</parameter></function>",
        "<tool_call><function=f>1</function></tool_call>", "<tool_call>"})
    EXPECT_EQ(parts("qwen3-coder", text), cat("|", text, "|malformed"));
}

TEST(ReplyParserTest, PythonStrings) {
  const auto call = [](std::string_view arguments) {
    return parts("lfm2", cat("<|tool_call_start|>[f(", arguments, ")]<|tool_call_end|>"));
  };
  EXPECT_EQ(call("a='it's', b=\"x\\n\\u00e9\""), "||f{\"a\":\"it's\",\"b\":\"x\\né\"}");
  EXPECT_EQ(call("a=[1, -2.5, True, None, {'k': ()}]"),
            "|<|tool_call_start|>[f(a=[1, -2.5, True, None, {'k': ()}])]<|tool_call_end|>"
            "|malformed");
  EXPECT_EQ(call("a=[1, -2.5, True, None, {'k': false,}], b=''"),
            "||f{\"a\":[1,-2.5,true,null,{\"k\":false}],\"b\":\"\"}");
  EXPECT_EQ(call("a=')]<|tool_call_end|>'"), "||f{\"a\":\")]<|tool_call_end|>\"}");
  EXPECT_EQ(parts("lfm2", "<|tool_call_start|>f(a=1)<|tool_call_end|>b"), "|b|f{\"a\":1}");
}

TEST(ReplyParserTest, EventsComeAsSoonAsTheyAreKnown) {
  ReplyParser parser(reply_format_named("hermes"), "");
  const auto fed = [&](std::string_view piece) {
    std::vector<ReplyEvent> events;
    parser.feed(piece, events);
    return shown(events);
  };
  EXPECT_EQ(fed("<think>a"), "0 0 a\n");
  EXPECT_EQ(fed("b </thi"), "0 0 b\n");
  EXPECT_EQ(fed("nk>"), "");
  EXPECT_EQ(fed("\n"), "");
  EXPECT_EQ(fed("c <"), "1 0 c\n");
  EXPECT_EQ(fed("b> <tool_call"), "1 0  <b>\n");
  EXPECT_EQ(fed(">{\"name\": \"f\", \"arguments\": "), "");
  EXPECT_EQ(fed("{\"a\""), "2 0 f\n3 0 {\"a\"\n");
  EXPECT_EQ(fed(": 1"), "3 0 : 1\n");
  EXPECT_EQ(fed("}, \"id\": \"x\"}"), "3 0 }\n4 0 x\n");
  EXPECT_EQ(fed("</tool_call>\n<tool_call>{\"name\": \"g\", \"arguments\": {"), "2 1 g\n3 1 {\n");
  EXPECT_EQ(fed("]"), "5 1 \n1 0  \n<tool_call>{\"name\": \"g\", \"arguments\": {]\n");
}

TEST(ReplyParserTest, Limits) {
  std::string many;
  for (size_t i = 0; i <= CallLog::kMaxCalls; ++i)
    many += "<tool_call>{\"name\":\"f\"}</tool_call>";
  EXPECT_EQ(parsed("hermes", many).reply.calls.size(), CallLog::kMaxCalls);
  EXPECT_TRUE(parsed("hermes", many).reply.malformed);
  const std::string large(ReplyParser::kMaxCallBytes, 'a');
  const std::string call = cat("<|tool_call>call:f{a:<|\"|>", large, "<|\"|>}<tool_call|>");
  EXPECT_EQ(parsed("gemma4", call).reply.content, call);
  const std::string deep =
      cat("<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":", std::string(200, '['),
          std::string(200, ']'), "}}</tool_call>");
  EXPECT_EQ(parsed("hermes", deep).reply.content, deep);
  const std::string blanks = cat("a", std::string(100'000, ' '));
  EXPECT_EQ(parsed("hermes", blanks).reply.content, blanks);
  EXPECT_EQ(shown(parse(reply_format_named("hermes"), "", blanks, {}, every_byte(blanks)).reply),
            shown(parsed("hermes", blanks).reply));
}

// Texts that make parsers slow; a quadratic one would not end.
TEST(ReplyParserTest, LongRepliesTakeLinearTime) {
  for (const ReplyFormat& format : reply_formats()) {
    std::vector<std::string> units{"<", " ", "{", "'", "<tool_call>", "{\"name\": \"f\", "};
    for (const std::string_view mark : format.marks()) {
      units.emplace_back(mark);
      units.push_back(cat(mark, "f "));
    }
    units.push_back(cat(format.call_open, "f", format.name_end, format.parameter.open));
    for (const std::string& unit : units) {
      std::string text(cat(format.calls_open, format.call_open));
      while (text.size() < 300'000) text += unit;
      ASSERT_EQ(parse(format, "", text).reply.raw, text);
      text.resize(10'000);
      const Parsed whole = parse(format, "", text);
      const Parsed bytes = parse(format, "", text, {}, every_byte(text));
      ASSERT_EQ(whole.reply.raw, text);
      ASSERT_EQ(shown(whole.reply), shown(bytes.reply)) << format.name << " " << unit;
    }
  }
}

// Texts made of the marks of a format and bits of JSON.
TEST(ReplyParserTest, MarksInAnyOrderKeepThePromises) {
  rc::check("cuts change nothing", [] {
    const auto& format = *rc::gen::elementOf(std::vector<const ReplyFormat*>([] {
      std::vector<const ReplyFormat*> all;
      for (const ReplyFormat& one : reply_formats()) all.push_back(&one);
      return all;
    }()));
    std::vector<std::string> bits{"{\"name\": \"f\", \"arguments\": ",
                                  "{\"a\": 1}",
                                  "}",
                                  "{",
                                  "[",
                                  "]",
                                  "f",
                                  "a=1",
                                  "(",
                                  ")",
                                  "\n",
                                  " ",
                                  ",",
                                  "text",
                                  "\"",
                                  "'",
                                  "<"};
    for (const std::string_view mark : format->marks()) {
      bits.emplace_back(mark);
      bits.emplace_back(mark.substr(0, mark.size() / 2));
    }
    const auto chosen = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(bits));
    std::string text;
    for (const std::string& bit : chosen) text += bit;
    const Parsed whole = parse(*format, "", text);
    const Parsed bytes = parse(*format, "", text, {}, every_byte(text));
    RC_ASSERT(shown(whole.reply) == shown(bytes.reply));
    RC_ASSERT(shown(whole.events) == shown(bytes.events));
    RC_ASSERT(whole.reply.raw == text);
  });
}

}  // namespace
}  // namespace hearth::text
