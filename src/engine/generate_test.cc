#include "engine/generate.h"

#include <gtest/gtest.h>

#include "engine/conversation.h"
#include "engine/perplexity.h"
#include "engine/test_model.h"

namespace hearth::engine {
namespace {

constexpr char kBundled[] = HEARTH_SOURCE_DIR "/models/hearth-stories-6m-q8_0.gguf";

class GenerateTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = LoadedModel::load(kBundled);
    ASSERT_TRUE(loaded) << loaded.error().message;
    model_ = *std::move(loaded);
    open(256);
  }

  void open(size_t context) { session_ = *Session::open(*model_, {.context = context}); }

  static sample::SamplingParams greedy() {
    sample::SamplingParams params;
    params.temperature = 0;
    return params;
  }

  std::vector<text::Token> encode(std::string_view text) const {
    return model_->tokenizer()->encode(text);
  }

  GenerateResult run(std::string_view prompt, const GenerateOptions& options) {
    sample::Sampler sampler(greedy(), model_->config().n_vocab);
    text_.clear();
    const auto result = generate(*session_, sampler, encode(prompt), options,
                                 [&](std::string_view piece) -> Result<void> {
                                   text_ += piece;
                                   return {};
                                 });
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result.value_or(GenerateResult{});
  }

  std::unique_ptr<const LoadedModel> model_;
  std::unique_ptr<Session> session_;
  std::string text_;
};

TEST_F(GenerateTest, TellsAStory) {
  const GenerateResult result = run("Once upon a time", {.max_tokens = 20});
  EXPECT_EQ(text_.rfind(", there was a little girl named Lily.", 0), 0u) << text_;
  EXPECT_EQ(result.finish, FinishReason::length);
  EXPECT_EQ(result.answer_tokens, 20u);
  EXPECT_EQ(result.prompt_tokens, 5u);
}

TEST_F(GenerateTest, StopsBeforeAStopString) {
  const GenerateResult result = run("Once upon a time", {.max_tokens = 50, .stops = {" Lily"}});
  EXPECT_EQ(text_, ", there was a little girl named");
  EXPECT_EQ(result.finish, FinishReason::stop_string);
}

TEST_F(GenerateTest, NoTokensMeansNone) {
  const GenerateResult result = run("Once upon a time", {.max_tokens = 0});
  EXPECT_EQ(text_, "");
  EXPECT_EQ(result.finish, FinishReason::length);
}

TEST_F(GenerateTest, EndsWhenTheContextIsFull) {
  open(16);
  const GenerateResult result = run("Once upon a time", {.ignore_eos = true});
  EXPECT_EQ(result.finish, FinishReason::context);
  EXPECT_EQ(session_->room(), 0u);
  EXPECT_EQ(result.prompt_tokens + result.answer_tokens, 17u)
      << "the last token is shown though it has no place";
}

TEST_F(GenerateTest, EndsWhenTheModelEnds) {
  open(512);
  const GenerateResult result = run("The dog was happy. The end.", {});
  EXPECT_TRUE(result.finish == FinishReason::end || result.finish == FinishReason::context);
}

TEST_F(GenerateTest, ASinkThatFailsEndsTheAnswer) {
  sample::Sampler sampler(greedy(), model_->config().n_vocab);
  const auto result =
      generate(*session_, sampler, encode("Once"), {},
               [](std::string_view) -> Result<void> { return fail(ErrorCode::io, "gone"); });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "gone");
}

TEST_F(GenerateTest, ConversationsRememberAndForget) {
  open(128);
  Conversation talk(*session_);
  EXPECT_EQ(talk.format(), text::ChatFormat::none);
  sample::Sampler sampler(greedy(), model_->config().n_vocab);
  std::string answer;
  const ReplySink sink = [&](const text::ReplyEvent& event) -> Result<void> {
    answer += event.text;
    return {};
  };
  const GenerateOptions options{.max_tokens = 10};
  ASSERT_TRUE(talk.say("Once upon a time", sampler, options, sink));
  EXPECT_EQ(answer.rfind(", there was a little girl", 0), 0u) << answer;
  const std::string first = answer;
  answer.clear();
  ASSERT_TRUE(talk.regenerate(sampler, options, sink));
  EXPECT_EQ(answer, first) << "greedy: the same answer again";
  EXPECT_EQ(talk.turns().size(), 2u);
  for (int i = 0; i < 12; ++i)
    ASSERT_TRUE(talk.say("Then the dog ran to the park and", sampler, options, sink));
  EXPECT_GT(talk.forgotten(), 0u);
  EXPECT_EQ(talk.turns().size(), 26u);
  talk.clear();
  EXPECT_FALSE(talk.regenerate(sampler, options, sink));
}

TEST_F(GenerateTest, ATurnThatDoesNotFitLeavesTheConversationAsItWas) {
  open(64);
  Conversation talk(*session_);
  sample::Sampler sampler(greedy(), model_->config().n_vocab);
  const ReplySink sink = [](const text::ReplyEvent&) -> Result<void> { return {}; };
  std::string much;
  for (int i = 0; i < 100; ++i) much += "a dog and a cat ";
  EXPECT_FALSE(talk.say(much, sampler, {.max_tokens = 4}, sink));
  EXPECT_TRUE(talk.turns().empty());
  EXPECT_TRUE(talk.say("A dog", sampler, {.max_tokens = 4}, sink));
}

TEST_F(GenerateTest, PerplexityIsLowOnStoriesAndHighOnNonsense) {
  const auto story = encode(
      "Once upon a time, there was a little girl named Lily. She loved to play outside in the "
      "sunshine. One day, she saw a big, "
      "red ball in the garden. She wanted to play with it. Her mom said yes.");
  const auto nonsense = encode(
      "Quartz jolt fjord vex nymph waltz bock gizmo pyx lynx, thud crwth zig. Fez jabs qoph dwarf; "
      "vug glyph smirk.");
  open(32);
  for (const auto scoring : {WindowScoring::second_half, WindowScoring::every_token}) {
    const auto low = perplexity(*session_, story, 32, 10, scoring);
    const auto high = perplexity(*session_, nonsense, 32, 10, scoring);
    ASSERT_TRUE(low && high);
    EXPECT_LT(low->perplexity, 8);
    EXPECT_GT(high->perplexity, 100);
    EXPECT_EQ(low->scored_tokens, low->windows * (scoring == WindowScoring::second_half ? 15 : 32));
  }
  EXPECT_FALSE(
      perplexity(*session_, std::span(story).first(31), 32, 10, WindowScoring::second_half));
  EXPECT_FALSE(perplexity(*session_, story, 33, 10, WindowScoring::second_half));
}

}  // namespace
}  // namespace hearth::engine
