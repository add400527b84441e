// Answers in Ollama's native API.
#include "server/ollama_format.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hearth::server::ollama {
namespace {

using protocol::Delta;
using protocol::Finish;
using protocol::Finished;
using Kind = Delta::Kind;

constexpr std::string_view kHead = R"({"model":"m:latest","created_at":"2023-11-14T22:13:20Z",)";
constexpr std::string_view kTail =
    R"("total_duration":3500000000,"load_duration":500000000,"prompt_eval_count":10,)"
    R"("prompt_eval_duration":1000000000,"eval_count":4,"eval_duration":2000000000})";

Finished finished(Finish finish = Finish::end) {
  return {.finish = finish,
          .prompt_tokens = 10,
          .remembered_tokens = 3,
          .answer_tokens = 4,
          .waited_seconds = 0.5,
          .prompt_seconds = 1,
          .answer_seconds = 2,
          .prompt = {1, 2}};
}

Format format(Format::Choice choice) {
  choice.model = "m:latest";
  Format format(choice);
  AnswerFacts facts;
  facts.id = "abcdefghijklmnopqrstuvwx";
  facts.model = "m";
  facts.created = 1700000000;
  format.open(std::move(facts));
  return format;
}

std::string stream(Format format, const std::vector<protocol::Tell>& tells) {
  std::string lines;
  for (const protocol::Tell& tell : tells) lines += format.event(0, tell);
  return lines + format.close();
}

TEST(OllamaFormatTest, ChatIsALineForEachPiece) {
  EXPECT_EQ(
      stream(format({.chat = true}), {protocol::Started{10, 0}, protocol::Reading{10, 3, 10, 1},
                                      Delta{.kind = Kind::reasoning, .text = "hm"},
                                      Delta{.text = "Hi"}, Delta{.text = ""}, finished()}),
      cat(kHead, R"("message":{"role":"assistant","content":"","thinking":"hm"},"done":false})",
          "\n", kHead, R"("message":{"role":"assistant","content":"Hi"},"done":false})", "\n",
          kHead, R"("message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",)",
          kTail, "\n"));
}

TEST(OllamaFormatTest, CallsComeWholeWithObjects) {
  const std::string lines = stream(
      format({.chat = true}),
      {Delta{.kind = Kind::call_begin, .text = "f"},
       Delta{.kind = Kind::call_arguments, .text = "{\"x\":"},
       Delta{.kind = Kind::call_arguments, .text = "[1]}"},
       Delta{.kind = Kind::call_end, .text = "id000001"},
       Delta{.kind = Kind::call_begin, .text = "wrong"}, Delta{.kind = Kind::call_discard},
       Delta{.kind = Kind::call_begin, .text = "g"}, Delta{.kind = Kind::call_end}, finished()});
  EXPECT_EQ(
      lines,
      cat(kHead, R"("message":{"role":"assistant","content":"","tool_calls":[)",
          R"({"id":"id000001","function":{"index":0,"name":"f","arguments":{"x":[1]}}}]},)",
          R"("done":false})", "\n", kHead,
          R"("message":{"role":"assistant","content":"","tool_calls":[{"id":")",
          call_id("abcdefghijklmnopqrstuvwx", 0, 1),
          R"(","function":{"index":1,"name":"g","arguments":{}}}]},"done":false})", "\n", kHead,
          R"("message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",)", kTail,
          "\n"));
}

TEST(OllamaFormatTest, WholeChat) {
  Answer answer;
  answer.content = "Hi";
  answer.reasoning = "hm";
  answer.calls = {{"id000001", "f", "{\"x\":1}"}, {"", "cut off", "{\"x\":"}};
  answer.finished = finished(Finish::length);
  const std::vector<Answer> answers = {answer};
  EXPECT_EQ(text_of(format({.chat = true}).whole(answers)),
            cat(kHead, R"("message":{"role":"assistant","content":"Hi","thinking":"hm",)",
                R"("tool_calls":[{"id":"id000001","function":{"index":0,"name":"f",)",
                R"("arguments":{"x":1}}}]},"done":true,"done_reason":"length",)", kTail));
}

TEST(OllamaFormatTest, GenerateEndsWithTheContext) {
  const Format::Choice choice{.context = true};
  EXPECT_EQ(
      stream(format(choice), {Delta{.kind = Kind::reasoning, .text = "hm", .tokens = {3}},
                              Delta{.text = "Hi", .tokens = {4, 5}}, finished(Finish::context)}),
      cat(kHead, R"("response":"","thinking":"hm","done":false})", "\n", kHead,
          R"("response":"Hi","done":false})", "\n", kHead,
          R"("response":"","done":true,"done_reason":"length","context":[1,2,3,4,5],)", kTail,
          "\n"));
  Answer answer;
  answer.content = "Hi";
  answer.tokens = {3, 4, 5};
  answer.finished = finished(Finish::stop);
  const std::vector<Answer> answers = {answer};
  EXPECT_EQ(text_of(format(choice).whole(answers)),
            cat(kHead, R"("response":"Hi","done":true,"done_reason":"stop","context":[1,2,3,4,5],)",
                kTail));
}

TEST(OllamaFormatTest, ChancesComeWithThePieceOrTheNextOne) {
  const protocol::Chance chance{7, -0.5f, "H\xC3", {{8, -9999, "x", {}}}};
  constexpr std::string_view kJson =
      R"({"token":"H�","logprob":-0.5,"bytes":[72,195],)"
      R"("top_logprobs":[{"token":"x","logprob":-9999.0,"bytes":[120]}]})";
  EXPECT_EQ(stream(format({.chances = true}),
                   {Delta{.text = "H", .chances = {chance}},
                    Delta{.kind = Kind::call_begin, .text = "f", .chances = {chance}},
                    Delta{.kind = Kind::call_discard, .chances = {chance}}, finished()}),
            cat(kHead, R"("response":"H","done":false,"logprobs":[)", kJson, "]}\n", kHead,
                R"("response":"","done":true,"logprobs":[)", kJson, ",", kJson,
                R"(],"done_reason":"stop",)", kTail, "\n"));
}

TEST(OllamaFormatTest, ProblemsAndPatienceAreLinesToo) {
  Format lines = format({.chat = true});
  EXPECT_EQ(lines.problem({.kind = Problem::Kind::failed, .message = "lost"}),
            "{\"error\":\"lost\"}\n");
  EXPECT_EQ(lines.keep_alive(),
            cat(kHead, R"("message":{"role":"assistant","content":""},"done":false})", "\n"));
  EXPECT_EQ(lines.stream_type(), "application/x-ndjson");
}

TEST(OllamaFormatTest, DurationsAreWholeNumbersWhateverTheWorkerSays) {
  EXPECT_EQ(nanoseconds(1.5), 1500000000);
  for (const double odd : {-1.0, static_cast<double>(NAN)}) EXPECT_EQ(nanoseconds(odd), 0);
  EXPECT_EQ(nanoseconds(INFINITY), 1000000000000000000);
}

}  // namespace
}  // namespace hearth::server::ollama
