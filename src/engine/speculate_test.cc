#include "engine/speculate.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "engine/conversation.h"
#include "engine/test_model.h"

namespace hearth::engine {
namespace {

using Kind = SpeculationOptions::Kind;

constexpr char kBundled[] = HEARTH_SOURCE_DIR "/models/hearth-stories-6m-q8_0.gguf";

std::vector<text::Token> guesses_after(std::vector<text::Token> text, size_t most) {
  NgramIndex index;
  std::vector<text::Token> guesses;
  index.guess(text, most, guesses);
  return guesses;
}

TEST(NgramIndexTest, SaysWhatFollowedTheLongestMatch) {
  using Tokens = std::vector<text::Token>;
  EXPECT_EQ(guesses_after({1, 2, 3, 4, 5, 1, 2, 3}, 2), (Tokens{4, 5}));
  EXPECT_EQ(guesses_after({9, 1, 2, 3, 4, 8, 1, 2, 3, 5, 9, 1, 2, 3}, 1), (Tokens{4}))
      << "four tokens match before the 4, three before the 5";
  EXPECT_EQ(guesses_after({1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3}, 1), (Tokens{5})) << "the latest";
  EXPECT_EQ(guesses_after({1, 2, 9, 1, 2}, 4), (Tokens{})) << "two tokens say too little";
  EXPECT_EQ(guesses_after({7, 8, 7, 8, 7, 8, 7, 8}, 5), (Tokens{7, 8, 7, 8, 7})) << "a loop";
  EXPECT_EQ(guesses_after({}, 4), (Tokens{}));
}

// Any guess repeats an earlier match of at least kShortest tokens, however the text arrived.
TEST(NgramIndexTest, GuessesAreWhatStoodThere) {
  const bool passed = rc::check([] {
    const auto text = *rc::gen::container<std::vector<text::Token>>(rc::gen::inRange(0, 3));
    NgramIndex index;
    std::vector<text::Token> guesses;
    for (size_t size = 0; size <= text.size(); size += *rc::gen::inRange<size_t>(1, 5)) {
      guesses.clear();
      index.guess(std::span(text).first(size), 4, guesses);
      if (guesses.empty()) continue;
      RC_ASSERT(guesses.size() == 4u);
      std::vector<text::Token> whole(text.begin(), text.begin() + static_cast<int64_t>(size));
      whole.insert(whole.end(), guesses.begin(), guesses.end());
      bool found = false;
      for (size_t period = 1; period + NgramIndex::kShortest <= size; ++period) {
        bool same = true;
        for (size_t i = size - NgramIndex::kShortest; i < whole.size(); ++i) {
          same = same && whole[i] == whole[i - period];
        }
        found = found || same;
      }
      RC_ASSERT(found);
    }
  });
  EXPECT_TRUE(passed);
}

TEST(GuessControlTest, GrowsOnSuccessAndPausesLongerAndLonger) {
  GuessControl control(1, 8);
  const size_t first = control.next();
  control.report(first, first);
  EXPECT_EQ(control.next(), 2 * first);
  control.report(2 * first, 2);
  EXPECT_EQ(control.next(), 3u);
  size_t tries = 0;
  for (int run = 0; run < 1000; ++run) {
    const size_t length = control.next();
    tries += length > 0;
    control.report(length, 0);
  }
  EXPECT_LT(tries, 30u) << "guesses that are never right must cost next to nothing";
  while (control.next() == 0) continue;
  control.report(1, 1);
  EXPECT_GT(control.next(), 0u) << "one right guess ends the pauses";
}

// What an answer is, and what it leaves behind.
struct Outcome {
  std::string text;
  std::vector<text::Token> tokens;
  FinishReason finish{};
  size_t answer_tokens = 0;
  bool operator==(const Outcome&) const = default;
};

struct Case {
  const char* prompt;
  sample::SamplingParams sampling;
  GenerateOptions generate;
  SessionOptions session;
};

class SpeculationTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = LoadedModel::load(kBundled);
    ASSERT_TRUE(loaded) << loaded.error().message;
    model_ = *std::move(loaded);
  }

  // Two answers with one sampler, so that the state which the first leaves shows in the second.
  std::vector<Outcome> answers(const Case& c, const SpeculationOptions& speculation) {
    std::vector<Outcome> outcomes;
    auto session = *Session::open(*model_, c.session);
    sample::Sampler sampler(c.sampling, model_->config().n_vocab);
    GenerateOptions options = c.generate;
    options.speculation = speculation;
    for (const char* prompt : {c.prompt, " Then they"}) {
      const auto tokens = model_->tokenizer()->encode(prompt);
      if (tokens.size() > session->room()) break;
      Outcome outcome;
      const auto result =
          generate(*session, sampler, tokens, options, [&](std::string_view piece) -> Result<void> {
            outcome.text += piece;
            return {};
          });
      EXPECT_TRUE(result) << (result ? "" : result.error().message);
      if (!result) break;
      outcome.tokens.assign(session->tokens().begin(), session->tokens().end());
      outcome.finish = result->finish;
      outcome.answer_tokens = result->answer_tokens;
      guessed_ += result->guessed_tokens;
      accepted_ += result->accepted_tokens;
      EXPECT_LE(result->accepted_tokens, result->guessed_tokens);
      outcomes.push_back(outcome);
    }
    return outcomes;
  }

  std::unique_ptr<const LoadedModel> model_;
  size_t guessed_ = 0, accepted_ = 0;
};

std::vector<Case> cases() {
  const char* const loop =
      "The cat sat. The dog sat. The cat sat. The dog sat. The cat sat. The dog";
  const char* const story =
      "Lily had a red ball. She said, \"I like my red ball.\" Tom said, \"I like your red ball";
  std::vector<Case> all;
  for (const char* prompt : {loop, story, "Once upon a time"}) {
    for (const float temperature : {0.0f, 0.3f, 1.2f}) {
      for (const DType kv : {DType::F16, DType::F32}) {
        Case c{prompt, {}, {.max_tokens = 60}, {.context = 512, .kv_type = kv}};
        c.sampling.temperature = temperature;
        c.sampling.seed = 7;
        all.push_back(c);
        c.sampling.repeat_penalty = 1.2f;
        c.sampling.frequency_penalty = 0.1f;
        c.generate.stops = {"was", "red ball.\""};
        c.generate.ignore_eos = true;
        all.push_back(c);
        c.generate.stops = {};
        c.session.context = 48;
        c.generate.max_tokens = SIZE_MAX;
        all.push_back(c);
      }
    }
  }
  return all;
}

// The promise: the same text, tokens, end and random numbers as without, for any guess length.
TEST_F(SpeculationTest, RepetitionsNeverChangeTheAnswer) {
  for (const Case& c : cases()) {
    const auto want = answers(c, {.kind = Kind::off});
    for (size_t most = 1; most <= kMaxGuesses; most += 2) {
      ASSERT_EQ(answers(c, {.kind = Kind::ngram, .most = most}), want)
          << c.prompt << ", temperature " << c.sampling.temperature << ", at most " << most;
    }
  }
  EXPECT_GT(accepted_, 500u) << "of " << guessed_ << " guesses";
}

// Random weights, which soon repeat themselves: every format on every level.
TEST_F(SpeculationTest, RepetitionsNeverChangeTheAnswerOfAnyFormat) {
  for (const char* format : {"F32", "F16", "Q8_0", "Q4_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K_M"}) {
    const TestModel model(format);
    for (const IsaLevel level : available_levels()) {
      std::vector<std::vector<text::Token>> tokens;
      for (const Kind kind : {Kind::off, Kind::ngram}) {
        auto session = *Session::open(*model, {.context = 90, .kernels = &kernels_for(level)});
        sample::SamplingParams greedy;
        greedy.temperature = 0;
        sample::Sampler sampler(greedy, model->config().n_vocab);
        const auto prompt = model->tokenizer()->encode("a b a b a b a b");
        const auto result =
            generate(*session, sampler, prompt,
                     {.max_tokens = 70, .ignore_eos = true, .speculation = {.kind = kind}},
                     [](std::string_view) -> Result<void> { return {}; });
        ASSERT_TRUE(result) << result.error().message;
        tokens.emplace_back(session->tokens().begin(), session->tokens().end());
      }
      ASSERT_EQ(tokens[0], tokens[1]) << format << ", " << name_of(level);
    }
  }
}

TEST_F(SpeculationTest, ADraftModelNeverChangesTheAnswer) {
  // The model as its own draft, less exact by its cache: right in most places, not in all.
  for (const Case& c : cases()) {
    const auto want = answers(c, {.kind = Kind::off});
    auto draft = *Session::open(*model_, {.context = c.session.context / 2 + 20});
    for (const size_t most : {size_t{1}, size_t{4}, kMaxGuesses}) {
      ASSERT_EQ(answers(c, {.kind = Kind::draft, .most = most, .draft = draft.get()}), want)
          << c.prompt << ", temperature " << c.sampling.temperature << ", at most " << most;
    }
  }
  EXPECT_GT(accepted_, 1000u) << "of " << guessed_ << " guesses";
}

TEST_F(SpeculationTest, OtherVocabulariesAreRefused) {
  const text::Vocab& vocab = model_->tokenizer()->vocab();
  EXPECT_TRUE(check_same_vocabulary(vocab, vocab));
  const auto empty = text::Vocab::read({});
  ASSERT_TRUE(empty);
  EXPECT_FALSE(check_same_vocabulary(vocab, *empty));
}

}  // namespace
}  // namespace hearth::engine
