#include <gtest/gtest.h>

#include "protocol/event.h"
#include "protocol/frame.h"
#include "protocol/request.h"

namespace hearth::protocol {
namespace {

// Written, read and written again is the same text: nothing was lost on the way.
template <class T, class Decode>
void expect_round_trip(const T& message, const Decode& decode) {
  const std::string text = encode(message);
  const auto read = decode(text);
  ASSERT_TRUE(read.has_value()) << read.error().message << "\n" << text;
  EXPECT_EQ(encode(*read), text);
}

Generate some_generate() {
  Generate generate;
  generate.prompt =
      ChatPrompt{Json{{"messages", {{{"role", "user"}, {"content", "Hi \u00e9"}}}}}, true, {1, 9}};
  generate.sampling.seed = UINT64_MAX;
  generate.sampling.temperature = 0.25f;
  generate.logit_bias = {{int32_t{7}, -1e9f}, {std::string("word"), 2}};
  generate.max_tokens = 12;
  generate.stops = {"\n\n", "END"};
  generate.form = {Form::Kind::json_schema, R"({"type":"object"})"};
  generate.tools = {ToolUse::Choice::required, "f", false};
  generate.chances = 5;
  generate.show_prompt = true;
  generate.adapters = std::vector<AdapterScale>{{1, 0.5f}};
  generate.client = 99;
  return generate;
}

TEST(CodecTest, RequestsAreReadAsWritten) {
  const std::vector<Ask> asks = {
      some_generate(),
      Generate{PlainPrompt{std::string("a"), std::vector<int32_t>{1, 2}}},
      Generate{InfillPrompt{"def f(", "\n", {{"a.py", "x = 1"}}, "m"}},
      Embed{{std::string("text"), std::vector<int32_t>{3}}, "mean", false, true},
      Rerank{"q", {"a", "b"}},
      Tokenize{"text", true, false},
      Detokenize{{1, 2, 3}},
      Render{ChatPrompt{}},
      Cancel{7}};
  for (const Ask& ask : asks) expect_round_trip(Request{42, ask}, decode_request);
}

TEST(CodecTest, EventsAreReadAsWritten) {
  Loaded loaded;
  loaded.chat_template = "{{ \xFF }}";
  loaded.warnings = {"one", "\xC3"};
  Delta delta{Delta::Kind::call_arguments, 2, "{\"a\":", {}, {5, 6}, 0.25};
  delta.chances = {{5, -0.5f, "\xE2\x82", {{6, -1.5f, "x", {}}}}};
  const std::vector<Tell> tells = {
      loaded,
      Started{3, 1},
      Reading{10, 4, 8, 0.5},
      delta,
      Finished{Finish::stop, "\n", 1, 2, 3, 4, 5, true, 0.5, 1, 2, {7}},
      Failed{Failed::Reason::too_long, "too long", 10, 5},
      Embedded{{"AAAA"}, {4}},
      Ranked{{0.5, -1}, 9},
      Tokens{{1}, {"\xFF"}},
      Text{"\xFE", 3},
      Status{1, {{true, 5, 6}}, 1, 2, 3, 4, 5, 6, 7, 0.5, 1.5, 8}};
  for (const Tell& tell : tells) expect_round_trip(Event{42, tell}, decode_event);
}

TEST(CodecTest, LoadIsReadAsWritten) {
  Load load;
  load.name = "m";
  load.files = {3, 4};
  load.adapters = {{"a", 5, 0.5f}};
  load.prefix_file = 6;
  expect_round_trip(load, decode_load);
}

TEST(CodecTest, AbsentMembersKeepTheirDefaults) {
  const auto request = decode_request(R"({"id":1,"ask":{"generate":{"prompt":{"plain":["x"]}}}})");
  ASSERT_TRUE(request.has_value()) << request.error().message;
  EXPECT_EQ(std::get<Generate>(request->ask).sampling.top_k, sample::SamplingParams().top_k);
}

TEST(CodecTest, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"x", "JSON"},
      {"[]", "no object"},
      {R"({"id":-1})", "id: no whole number"},
      {R"({"id":1,"ask":{"jump":{}}})", "ask: a message that is not known"},
      {R"({"id":1,"ask":{"generate":{"form":{"kind":"haiku"}}}})", "kind: none of the names"},
      {R"({"id":1,"ask":{"generate":{"sampling":{"top_k":5000000000}}}})", "top_k: a number that"},
      {R"({"id":1,"ask":{"detokenize":{"tokens":[1.5]}}})", "tokens: no whole number"}};
  for (const auto& [text, expected] : cases) {
    const auto request = decode_request(text);
    ASSERT_FALSE(request.has_value()) << text;
    EXPECT_NE(request.error().message.find(expected), std::string::npos) << request.error().message;
  }
}

TEST(FrameTest, MessagesComeBackHoweverTheBytesAreCut) {
  std::string stream;
  std::vector<std::string> sent;
  for (size_t i = 0; i < 50; ++i) sent.push_back(std::string(i * 7 % 31, static_cast<char>(i)));
  for (const std::string& message : sent) append_frame(stream, message);
  for (size_t step = 1; step < 40; ++step) {
    FrameReader reader;
    std::vector<std::string> received;
    for (size_t at = 0; at < stream.size(); at += step) {
      reader.feed(std::string_view(stream).substr(at, step));
      for (;;) {
        const auto next = reader.next();
        ASSERT_TRUE(next.has_value());
        if (!*next) break;
        received.push_back(**next);
      }
    }
    EXPECT_EQ(received, sent);
  }
}

TEST(FrameTest, RefusesALengthBeyondTheLimit) {
  FrameReader reader;
  reader.feed("\xFF\xFF\xFF\xFF");
  EXPECT_FALSE(reader.next().has_value());
}

}  // namespace
}  // namespace hearth::protocol
