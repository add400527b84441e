// The scheduler with prompts that begin alike: what is not read again, and that no answer changes
// by it.
#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.h"
#include "engine/scheduler.h"
#include "engine/test_files.h"

namespace hearth::engine {
namespace {

constexpr char kBundled[] = HEARTH_SOURCE_DIR "/models/hearth-stories-6m-q8_0.gguf";
constexpr size_t kContext = 400;

struct Outcome {
  std::string text;
  Result<GenerateResult> result = fail(ErrorCode::internal, "not done");
};

class SchedulerPrefixTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = LoadedModel::load(kBundled)->release(); }
  static void TearDownTestSuite() {
    delete model_;
    model_ = nullptr;
  }

  void open(const Scheduler::Options& options) {
    scheduler_.reset();
    scheduler_ = *Scheduler::create(*Runtime::create(*model_, {.context = kContext}), options);
  }
  // With a file, opened anew.
  void open_with_file(size_t places = 1) {
    scheduler_.reset();
    open({.places = places, .prefix = {.fd = file_.open(), .file_bytes = uint64_t{64} << 20}});
  }

  static Job job(const std::vector<text::Token>& prompt, Outcome& outcome, size_t tokens = 16,
                 uint64_t seed = 1) {
    Job job;
    job.prompt = prompt;
    job.sampling.temperature = 1.0f;
    job.sampling.seed = seed;
    job.generate.max_tokens = tokens;
    job.sink = [&outcome](std::string_view text) -> Result<void> {
      outcome.text += text;
      return {};
    };
    job.done = [&outcome](const Result<GenerateResult>& result) { outcome.result = result; };
    return job;
  }

  // What generate() says, with a session of its own.
  static std::string alone(const std::vector<text::Token>& prompt, size_t tokens = 16,
                           uint64_t seed = 1) {
    Outcome ignored;
    const Job asked = job(prompt, ignored, tokens, seed);
    const auto session = *Session::open(*model_, {.context = kContext});
    sample::Sampler sampler(asked.sampling, model_->config().n_vocab);
    std::string said;
    EXPECT_TRUE(
        generate(*session, sampler, asked.prompt, asked.generate, [&](std::string_view text) {
          said += text;
          return Result<void>{};
        }));
    return said;
  }

  // Asks, waits, and says how many tokens of the prompt were known.
  size_t known(const std::vector<text::Token>& prompt, bool reuse = true) {
    Outcome outcome;
    Job asked = job(prompt, outcome);
    asked.reuse = reuse;
    EXPECT_TRUE(scheduler_->submit(std::move(asked)));
    run();
    EXPECT_TRUE(outcome.result);
    EXPECT_EQ(outcome.text, alone(prompt));
    return outcome.result ? outcome.result->remembered_tokens : 0;
  }

  void run() {
    while (scheduler_->step()) {
    }
  }

  // `length` tokens of a story, the first `common` of which are those of all.
  static std::vector<text::Token> prompt_of(size_t common, size_t length, uint64_t seed) {
    Rng shared(1), own(seed);
    std::vector<text::Token> prompt = model_->tokenizer()->encode("Once upon a time");
    while (prompt.size() < length) {
      Rng& rng = prompt.size() < common ? shared : own;
      prompt.push_back(static_cast<text::Token>(300 + rng.below(500)));
    }
    return prompt;
  }

  static const LoadedModel* model_;
  OpenableFile file_;
  std::unique_ptr<Scheduler> scheduler_;
};
const LoadedModel* SchedulerPrefixTest::model_ = nullptr;

TEST_F(SchedulerPrefixTest, IsKnownWhileTheFirstIsStillAnswered) {
  for (const uint64_t memory : {uint64_t{0}, uint64_t{64} << 20}) {
    open({.places = 2, .prefix = {.memory_bytes = memory}});
    Outcome first, second;
    const auto one = prompt_of(200, 230, 2), other = prompt_of(200, 220, 3);
    ASSERT_TRUE(scheduler_->submit(job(one, first, 60)));
    while (first.text.empty()) ASSERT_TRUE(scheduler_->step());
    ASSERT_TRUE(scheduler_->submit(job(other, second)));
    run();
    EXPECT_EQ(second.result->remembered_tokens, 200u);
    EXPECT_EQ(first.text, alone(one, 60));
    EXPECT_EQ(second.text, alone(other));
  }
}

TEST_F(SchedulerPrefixTest, IsKnownWhileTheFirstIsStillRead) {
  open({.places = 3, .prompt_piece = 64});
  std::vector<Outcome> outcomes(3);
  for (size_t i = 0; i < 3; ++i)
    ASSERT_TRUE(scheduler_->submit(job(prompt_of(256, 260, 2 + i), outcomes[i])));
  run();
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(outcomes[i].text, alone(prompt_of(256, 260, 2 + i)));
  EXPECT_LE(scheduler_->counters().tokens_read, 260u + 2 * 68);
}

TEST_F(SchedulerPrefixTest, IsKnownWhenThePlaceWasGivenAway) {
  open({.places = 1});
  EXPECT_EQ(known(prompt_of(200, 230, 2)), 0u);
  EXPECT_LE(known(prompt_of(5, 300, 3)), 6u);
  EXPECT_EQ(known(prompt_of(200, 220, 4)), 200u);
  EXPECT_EQ(known(prompt_of(200, 220, 4)), 219u);
  EXPECT_EQ(known(prompt_of(200, 230, 2)), 229u);
}

TEST_F(SchedulerPrefixTest, IsKnownToTheNextProcess) {
  open_with_file();
  EXPECT_EQ(known(prompt_of(200, 230, 2)), 0u);
  EXPECT_GT(scheduler_->counters().bytes_on_disk, 0u);
  open_with_file();
  EXPECT_EQ(scheduler_->counters().bytes_in_memory, 0u);
  EXPECT_EQ(known(prompt_of(200, 220, 3)), 200u);
  EXPECT_EQ(scheduler_->prefix_file_problem(), "");
}

TEST_F(SchedulerPrefixTest, WithoutReuseAllIsReadAnew) {
  open({.places = 1});
  const auto prompt = prompt_of(200, 230, 2);
  EXPECT_EQ(known(prompt), 0u);
  EXPECT_EQ(known(prompt, false), 0u);
  EXPECT_EQ(known(prompt), 229u);
}

TEST_F(SchedulerPrefixTest, CountsAndShows) {
  open({.places = 2});
  const auto prompt = prompt_of(200, 230, 2);
  (void)known(prompt);
  (void)known(prompt);
  const Scheduler::Counters counters = scheduler_->counters();
  EXPECT_EQ(counters.hits, 1u);
  EXPECT_EQ(counters.misses, 1u);
  EXPECT_EQ(counters.tokens_reused, 229u);
  EXPECT_EQ(counters.tokens_read, 231u);
  EXPECT_GT(counters.bytes_in_memory, 0u);
  EXPECT_EQ(counters.bytes_on_disk, 0u);
  Outcome outcome;
  const auto id = *scheduler_->submit(job(prompt, outcome));
  while (outcome.text.empty()) scheduler_->step();
  size_t busy = 0;
  for (const Scheduler::PlaceView& place : scheduler_->places()) {
    if (place.job == 0) continue;
    ++busy;
    EXPECT_EQ(place.job, id);
    EXPECT_GE(place.tokens, prompt.size());
  }
  EXPECT_EQ(busy, 1u);
  EXPECT_EQ(scheduler_->places().size(), 2u);
  run();
}

TEST_F(SchedulerPrefixTest, AFileOfAnotherIsNoErrorForAnswers) {
  open_with_file();
  const auto prompt = prompt_of(200, 230, 2);
  const auto second =
      *Scheduler::create(*Runtime::create(*model_, {.context = kContext}),
                         {.prefix = {.fd = file_.open(), .file_bytes = uint64_t{64} << 20}});
  EXPECT_NE(second->prefix_file_problem().find("another process"), std::string::npos);
  Outcome outcome;
  ASSERT_TRUE(second->submit(job(prompt, outcome)));
  while (second->step()) {
  }
  EXPECT_EQ(outcome.text, alone(prompt));
  EXPECT_EQ(known(prompt), 0u);
  EXPECT_EQ(scheduler_->prefix_file_problem(), "");
}

TEST_F(SchedulerPrefixTest, APipeIsNoErrorForAnswers) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  open({.places = 1, .prefix = {.fd = ends[1], .file_bytes = uint64_t{64} << 20}});
  EXPECT_NE(scheduler_->prefix_file_problem(), "");
  EXPECT_EQ(known(prompt_of(200, 230, 2)), 0u);
  EXPECT_EQ(known(prompt_of(200, 230, 2)), 229u);
  scheduler_.reset();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(SchedulerPrefixTest, AFullDiskIsNoErrorForAnswers) {
  const int fd = file_.open();
  open({.places = 1, .prefix = {.fd = fd, .file_bytes = uint64_t{64} << 20}});
  EXPECT_EQ(known(prompt_of(200, 230, 2)), 0u);
  {
    const FullDisk full(fd);
    EXPECT_LE(known(prompt_of(5, 230, 3)), 6u);
    EXPECT_NE(scheduler_->prefix_file_problem(), "");
  }
  EXPECT_EQ(known(prompt_of(5, 230, 3)), 229u);
  EXPECT_EQ(known(prompt_of(200, 230, 2)), 229u);
}

// Little memory, a small file, new processes, wrong bits, jobs that are cancelled: each answer is
// what it would be alone.
TEST_F(SchedulerPrefixTest, NoAnswerEverChanges) {
  Rng rng(11);
  for (int process = 0; process < 8; ++process) {
    scheduler_.reset();
    if (process > 0) {
      auto bytes = file_.content();
      for (uint64_t n = rng.below(30); n > 0; --n)
        bytes[4096 + rng.below(bytes.size() - 4096)] ^= std::byte{4};
      file_.replace(bytes);
    }
    const size_t places = 1 + rng.below(4);
    open({.places = places,
          .queue = 100,
          .prompt_piece = rng.below(2) * (1 + rng.below(100)),
          .prefix = {.memory_bytes = rng.below(4) << 20,
                     .fd = file_.open(),
                     .file_bytes = uint64_t{4} << 20}});
    constexpr size_t kJobs = 16;
    std::vector<std::vector<text::Token>> prompts;
    std::vector<Outcome> outcomes(kJobs);
    std::vector<bool> cancelled(kJobs);
    for (size_t i = 0; i < kJobs; ++i) {
      const size_t common = rng.below(4) * 70;
      prompts.push_back(prompt_of(common, common + 1 + rng.below(80), 2 + rng.below(3)));
      const auto id = scheduler_->submit(job(prompts[i], outcomes[i], 8, 5 + i));
      ASSERT_TRUE(id);
      for (uint64_t n = rng.below(12); n > 0; --n) scheduler_->step();
      cancelled[i] = rng.below(8) == 0 && !outcomes[i].result;
      if (cancelled[i]) scheduler_->cancel(*id);
    }
    run();
    for (size_t i = 0; i < kJobs; ++i) {
      if (cancelled[i]) continue;
      EXPECT_EQ(outcomes[i].text, alone(prompts[i], 8, 5 + i));
    }
    EXPECT_GT(scheduler_->counters().tokens_reused, 0u);
    EXPECT_EQ(scheduler_->prefix_file_problem(), "");
  }
}

}  // namespace
}  // namespace hearth::engine
