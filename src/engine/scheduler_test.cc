#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "engine/answer_grammar.h"
#include "grammar/gbnf.h"

namespace hearth::engine {
namespace {

constexpr char kBundled[] = HEARTH_SOURCE_DIR "/models/hearth-stories-6m-q8_0.gguf";

struct Outcome {
  std::string text;
  Result<GenerateResult> result = fail(ErrorCode::internal, "not done");
  int times_done = 0;
};

class SchedulerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = LoadedModel::load(kBundled)->release(); }
  static void TearDownTestSuite() {
    delete model_;
    model_ = nullptr;
  }

  void open(const Scheduler::Options& options, size_t context = 256) {
    scheduler_.reset();
    runtime_ = *Runtime::create(*model_, {.context = context});
    scheduler_ = *Scheduler::create(runtime_, options);
  }

  static std::vector<text::Token> encode(std::string_view text) {
    return model_->tokenizer()->encode(text);
  }

  static Job job(std::string_view prompt, Outcome& outcome, size_t tokens = 24, uint64_t seed = 0) {
    Job job;
    job.prompt = encode(prompt);
    job.sampling.temperature = seed == 0 ? 0.0f : 1.0f;
    job.sampling.seed = seed;
    job.generate.max_tokens = tokens;
    job.sink = [&outcome](std::string_view text) -> Result<void> {
      outcome.text += text;
      return {};
    };
    job.done = [&outcome](const Result<GenerateResult>& result) {
      outcome.result = result;
      ++outcome.times_done;
    };
    return job;
  }

  // What generate() says to a job, with a session of its own.
  static Outcome alone(Job job, Outcome outcome = {}) {
    const auto session = *Session::open(*model_, {.context = 256});
    sample::Sampler sampler(job.sampling, model_->config().n_vocab);
    job.generate.constraint = job.constraint.get();
    outcome.result =
        generate(*session, sampler, job.prompt, job.generate, [&](std::string_view text) {
          outcome.text += text;
          return Result<void>{};
        });
    return outcome;
  }

  void run() {
    while (scheduler_->step()) {
    }
  }

  static const LoadedModel* model_;
  std::shared_ptr<Runtime> runtime_;
  std::unique_ptr<Scheduler> scheduler_;
};
const LoadedModel* SchedulerTest::model_ = nullptr;

std::string some_prompt(Rng& rng) {
  constexpr std::string_view kWords[] = {" the", " cat",  " was", " big", " and",
                                         " Tom", " said", " run", ".",    " One"};
  std::string prompt = "Once upon a time";
  for (uint64_t n = rng.below(60); n > 0; --n) prompt += kWords[rng.below(std::size(kWords))];
  return prompt;
}

// Greedy and drawn, more jobs than places, prompts in pieces of every size.
TEST_F(SchedulerTest, EachAnswerIsTheOneItWouldBeAlone) {
  Rng rng(3);
  for (const size_t piece : {size_t{0}, size_t{1}, size_t{7}}) {
    open({.places = piece == 7 ? 20u : 5u, .queue = 40, .prompt_piece = piece});
    constexpr size_t kJobs = 24;
    std::vector<std::string> prompts;
    std::vector<Outcome> outcomes(kJobs);
    for (size_t i = 0; i < kJobs; ++i) {
      prompts.push_back(some_prompt(rng));
      ASSERT_TRUE(scheduler_->submit(job(prompts[i], outcomes[i], 10 + i, i % 3)));
      for (uint64_t n = rng.below(4); n > 0; --n) scheduler_->step();
    }
    run();
    for (size_t i = 0; i < kJobs; ++i) {
      Outcome ignored;
      const Outcome want = alone(job(prompts[i], ignored, 10 + i, i % 3));
      ASSERT_EQ(outcomes[i].times_done, 1);
      ASSERT_TRUE(outcomes[i].result) << outcomes[i].result.error().message;
      EXPECT_EQ(outcomes[i].text, want.text) << prompts[i];
      EXPECT_EQ(outcomes[i].result->finish, want.result->finish);
      EXPECT_EQ(outcomes[i].result->answer_tokens, want.result->answer_tokens);
    }
  }
}

TEST_F(SchedulerTest, RemembersWhatItHasRead) {
  open({.places = 2});
  Outcome first, second, other;
  const std::string prompt = "Once upon a time there was a small dog who liked to play in the rain";
  ASSERT_TRUE(scheduler_->submit(job(prompt, first)));
  run();
  ASSERT_TRUE(scheduler_->submit(job("The sun", other)));
  run();
  ASSERT_TRUE(scheduler_->submit(job(prompt, second)));
  run();
  EXPECT_EQ(first.result->remembered_tokens, 0u);
  EXPECT_EQ(second.result->remembered_tokens, encode(prompt).size() - 1);
  EXPECT_EQ(first.text, second.text);
}

// Tokens of an answer took the decode path, whose bits are others: what goes on from a whole
// conversation must read them again. (Without that, 29 of these 30 answers are others.)
TEST_F(SchedulerTest, AnAnswerIsReadAgainWhereItIsAPrompt) {
  open({.places = 1});
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Outcome first, second, ignored;
    ASSERT_TRUE(scheduler_->submit(job("Once upon a time", first, 40, seed)));
    run();
    const std::string talk = "Once upon a time" + first.text + " Then";
    ASSERT_TRUE(scheduler_->submit(job(talk, second, 40, seed)));
    run();
    EXPECT_EQ(second.text, alone(job(talk, ignored, 40, seed)).text);
    EXPECT_GE(second.result->remembered_tokens, encode("Once upon a time").size());
  }
}

TEST_F(SchedulerTest, ClientsGetEquallyManyPlaces) {
  open({.places = 2});
  std::vector<Outcome> greedy(6);
  Outcome modest;
  for (Outcome& outcome : greedy) {
    Job one = job("Once upon a time", outcome, 30);
    one.client = 1;
    ASSERT_TRUE(scheduler_->submit(std::move(one)));
  }
  Job one = job("Once upon a time", modest, 5);
  one.client = 2;
  ASSERT_TRUE(scheduler_->submit(std::move(one)));
  while (modest.times_done == 0) ASSERT_TRUE(scheduler_->step());
  int done = 0;
  for (const Outcome& outcome : greedy) done += outcome.times_done;
  EXPECT_LE(done, 3);
  scheduler_.reset();  // ends the jobs while their outcomes are there
}

TEST_F(SchedulerTest, CancelledJobsEndOnceAndHarmNoOther) {
  Rng rng(9);
  open({.places = 3, .queue = 100});
  constexpr size_t kJobs = 40;
  std::vector<Outcome> outcomes(kJobs);
  std::vector<Scheduler::JobId> ids(kJobs);
  std::vector<bool> cancelled(kJobs);
  for (size_t i = 0; i < kJobs; ++i) {
    Job one = job("Once upon a time", outcomes[i], 16);
    if (i % 8 == 1) {  // by its own sink, and by that of its neighbour
      one.sink = [&, i](std::string_view text) -> Result<void> {
        outcomes[i].text += text;
        for (const size_t victim : {i, i + 1}) {
          cancelled[victim] = cancelled[victim] || outcomes[victim].times_done == 0;
          scheduler_->cancel(ids[victim]);
        }
        return {};
      };
    }
    ids[i] = *scheduler_->submit(std::move(one));
  }
  while (scheduler_->step()) {
    const size_t victim = rng.below(kJobs);
    if (rng.below(3) != 0 || outcomes[victim].times_done > 0) continue;
    cancelled[victim] = true;
    scheduler_->cancel(ids[victim]);
    scheduler_->cancel(ids[victim]);
    EXPECT_EQ(outcomes[victim].times_done, 1);
  }
  Outcome ignored;
  const Outcome want = alone(job("Once upon a time", ignored, 16));
  size_t whole = 0;
  for (size_t i = 0; i < kJobs; ++i) {
    ASSERT_EQ(outcomes[i].times_done, 1) << i;
    ASSERT_TRUE(outcomes[i].result);
    if (cancelled[i]) {
      EXPECT_EQ(outcomes[i].result->finish, FinishReason::interrupted) << i;
      EXPECT_EQ(want.text.rfind(outcomes[i].text, 0), 0u) << i;
    } else {
      EXPECT_EQ(outcomes[i].text, want.text) << i;
      ++whole;
    }
  }
  EXPECT_GT(whole, 0u);
  EXPECT_EQ(scheduler_->running(), 0u);
}

TEST_F(SchedulerTest, ASinkThatFailsEndsItsJobAlone) {
  open({.places = 2});
  Outcome good, bad;
  Job broken = job("Once upon a time", bad);
  broken.sink = [](std::string_view) -> Result<void> { return fail(ErrorCode::io, "gone"); };
  ASSERT_TRUE(scheduler_->submit(std::move(broken)));
  ASSERT_TRUE(scheduler_->submit(job("Once upon a time", good)));
  run();
  ASSERT_FALSE(bad.result);
  EXPECT_EQ(bad.result.error().message, "gone");
  EXPECT_EQ(bad.times_done, 1);
  EXPECT_EQ(good.result->finish, FinishReason::length);
}

TEST_F(SchedulerTest, EveryWayToEnd) {
  open({.places = 4}, 32);
  auto rules = grammar::parse_gbnf("root ::= \" yes\" | \" no\"");
  auto compiled = std::make_shared<const grammar::Grammar>(*grammar::Grammar::compile(*rules));
  Outcome none, stopped, full, constrained;
  ASSERT_TRUE(scheduler_->submit(job("Once", none, 0)));
  Job stop = job("Once upon a time", stopped);
  stop.generate.stops = {" Lily"};
  ASSERT_TRUE(scheduler_->submit(std::move(stop)));
  ASSERT_TRUE(scheduler_->submit(job("Once upon a time", full, 1000)));
  Job yes_or_no = job("Once", constrained);
  yes_or_no.constraint =
      constrain(compiled, token_trie(*model_->tokenizer()), model_->tokenizer()->vocab());
  ASSERT_TRUE(scheduler_->submit(std::move(yes_or_no)));
  run();
  EXPECT_EQ(none.result->finish, FinishReason::length);
  EXPECT_EQ(none.text, "");
  EXPECT_EQ(stopped.result->finish, FinishReason::stop_string);
  EXPECT_EQ(stopped.text, ", there was a little girl named");
  EXPECT_EQ(full.result->finish, FinishReason::context);
  EXPECT_EQ(full.result->prompt_tokens + full.result->answer_tokens, 33u);
  EXPECT_EQ(constrained.result->finish, FinishReason::end);
  EXPECT_TRUE(constrained.text == " yes" || constrained.text == " no") << constrained.text;
}

TEST_F(SchedulerTest, RefusesWhatItCannotDo) {
  open({.places = 1, .queue = 2}, 16);
  Outcome outcome;
  const auto refused = [&](Job job) {
    const auto id = scheduler_->submit(std::move(job));
    return id ? ErrorCode::internal : id.error().code;
  };
  Job long_one = job("Once", outcome);
  long_one.prompt.assign(16, long_one.prompt[0]);
  EXPECT_EQ(refused(std::move(long_one)), ErrorCode::too_large);
  Job strange = job("Once", outcome);
  strange.prompt[0] = 1'000'000;
  EXPECT_EQ(refused(std::move(strange)), ErrorCode::bad_usage);
  Job empty = job("Once", outcome);
  empty.prompt.clear();
  EXPECT_EQ(refused(std::move(empty)), ErrorCode::bad_usage);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(scheduler_->submit(job("Once", outcome)));
  EXPECT_EQ(refused(job("Once", outcome)), ErrorCode::too_large);
  EXPECT_EQ(outcome.times_done, 0);
  scheduler_->step();  // one is taken in
  EXPECT_TRUE(scheduler_->submit(job("Once", outcome)));
  scheduler_.reset();
  EXPECT_EQ(outcome.times_done, 3);
  EXPECT_FALSE(Scheduler::create(runtime_, {.places = 0}));
}

}  // namespace
}  // namespace hearth::engine
