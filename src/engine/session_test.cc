#include "engine/session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "engine/test_model.h"

namespace hearth::engine {
namespace {

std::vector<text::Token> some_tokens(size_t n) {
  Rng rng(3);
  std::vector<text::Token> tokens(n);
  for (text::Token& token : tokens) token = static_cast<text::Token>(rng.below(512));
  return tokens;
}

// Logits [tokens][n_vocab] of a fresh session.
std::vector<float> logits_of(const LoadedModel& model, const std::vector<text::Token>& tokens,
                             const SessionOptions& options) {
  auto session = Session::open(model, options);
  EXPECT_TRUE(session) << (session ? "" : session.error().message);
  std::vector<float> all(tokens.size() * model.config().n_vocab);
  const auto done = (*session)->advance_with_logits(
      tokens, [&](size_t first, size_t, std::span<const float> rows) -> Result<void> {
        std::memcpy(all.data() + first * model.config().n_vocab, rows.data(), rows.size_bytes());
        return {};
      });
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return all;
}

double squared_error(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    error += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return error / size;
}

class SessionFormatTest : public testing::TestWithParam<const char*> {};

// The promise: the answer depends on neither threads nor chunks, on every level and for every
// format.
TEST_P(SessionFormatTest, ThreadsAndChunksDoNotChangeABit) {
  const TestModel model(GetParam());
  const auto tokens = some_tokens(70);
  for (const IsaLevel level : available_levels()) {
    if (level == IsaLevel::reference)
      continue;  // sums in one plain order: nothing to find, and slow
    SessionOptions options{
        .context = 80, .threads = 1, .prompt_chunk = 64, .kernels = &kernels_for(level)};
    const std::vector<float> want = logits_of(*model, tokens, options);
    for (const size_t threads : {size_t{1}, size_t{2}, size_t{3}}) {
      for (const size_t chunk : {size_t{1}, size_t{7}, size_t{64}, size_t{512}}) {
        options.threads = threads;
        options.prompt_chunk = chunk;
        const std::vector<float> got = logits_of(*model, tokens, options);
        ASSERT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0)
            << name_of(level) << ", " << threads << " threads, chunks of " << chunk;
      }
    }
  }
}

// Levels differ in the order of additions only: a relative error near 1e-7, so 1e-10 squared leaves
// room. With quantized activations one value that rounds the other way is enough for all later
// roundings to go their own way, and two levels then differ by the quantization noise itself, about
// 0.3 % a product and 3e-4 squared over this model: 1e-3 would not let a wrong scale or index pass.
// Pairs of BF16 round both sides of a product to 2^-8, 5e-6 squared for each, 1e-5 over this model.
TEST_P(SessionFormatTest, LevelsAgree) {
  const TestModel model(GetParam());
  const auto tokens = some_tokens(24);
  SessionOptions options{
      .context = 24, .kv_type = DType::F32, .kernels = &kernels_for(IsaLevel::reference)};
  const std::vector<float> want = logits_of(*model, tokens, options);
  const auto& attention = std::get<model::AttentionWeights>(model->model().weights.layers[0].mixer);
  const model::Matrix& matrix = attention.q.weight;
  for (const IsaLevel level : available_levels()) {
    options.kernels = &kernels_for(level);
    const bool halves = options.kernels->packed_form(matrix.type) == PackedForm::halves;
    const double bar = matrix.quantized() ? 1e-3 : halves ? 1e-4 : 1e-10;
    EXPECT_LT(squared_error(logits_of(*model, tokens, options), want), bar) << name_of(level);
  }
}

// Logits [tokens][n_vocab] behind each token of an answer that is decoded `group` at a time.
std::vector<float> decoded(Session& session, std::span<const text::Token> answer, size_t group) {
  std::vector<float> all;
  for (size_t at = 0; at < answer.size(); at += group) {
    const auto logits = session.decode(answer.subspan(at, std::min(group, answer.size() - at)));
    EXPECT_TRUE(logits) << (logits ? "" : logits.error().message);
    if (logits) all.insert(all.end(), logits->begin(), logits->end());
  }
  return all;
}

// What guessing rests on: an answer's logits are the same bits however many of its tokens are
// computed in one run, and taking guesses back leaves no trace.
TEST_P(SessionFormatTest, TokensDecodedTogetherHaveTheLogitsOfEachAlone) {
  const TestModel model(GetParam());
  const auto tokens = some_tokens(40);
  const std::span<const text::Token> prompt(tokens.data(), 7);
  const std::span<const text::Token> answer(tokens.data() + 7, 33);
  for (const IsaLevel level : available_levels()) {
    auto session = *Session::open(*model, {.context = 60, .kernels = &kernels_for(level)});
    ASSERT_TRUE(session->advance(prompt));
    const std::vector<float> want = decoded(*session, answer, 1);
    for (const size_t group : {2u, 3u, 4u, 5u, 7u, 8u, 15u, 16u}) {
      session->rewind(prompt.size());
      ASSERT_TRUE(session->decode(std::vector<text::Token>(group, 3)));
      session->rewind(prompt.size());
      const std::vector<float> got = decoded(*session, answer, group);
      ASSERT_EQ(got.size(), want.size());
      ASSERT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0)
          << name_of(level) << ", " << group << " at a time";
    }
  }
}

// Sequences of different lengths, computed in one run, do not notice each other.
TEST_P(SessionFormatTest, SequencesDecodedTogetherHaveTheLogitsOfEachAlone) {
  const TestModel model(GetParam());
  const size_t n_vocab = model->config().n_vocab;
  const auto tokens = some_tokens(200);
  constexpr size_t kSteps = 3;
  for (const IsaLevel level : available_levels()) {
    const auto runtime = *Runtime::create(*model, {.context = 60, .kernels = &kernels_for(level)});
    std::vector<std::unique_ptr<Session>> owned;
    std::vector<Session*> sessions;
    std::vector<std::vector<float>> alone;
    const auto prompt = [&](size_t i) { return std::span(tokens).subspan(i, 1 + 5 * i); };
    const auto next = [&](size_t i, size_t step) { return tokens[100 + 10 * step + i]; };
    for (size_t i = 0; i < 8; ++i) {
      owned.push_back(*Session::open(runtime));
      sessions.push_back(owned.back().get());
      ASSERT_TRUE(sessions[i]->advance(prompt(i)));
      std::vector<text::Token> answer;
      for (size_t step = 0; step < kSteps; ++step) answer.push_back(next(i, step));
      alone.push_back(decoded(*sessions[i], answer, 1));
    }
    for (const size_t count : {1u, 2u, 4u, 8u}) {
      for (size_t i = 0; i < count; ++i) sessions[i]->rewind(prompt(i).size());
      for (size_t step = 0; step < kSteps; ++step) {
        std::vector<text::Token> together;
        for (size_t i = 0; i < count; ++i) together.push_back(next(i, step));
        const auto logits = Session::decode_together(std::span(sessions).first(count), together);
        ASSERT_TRUE(logits);
        for (size_t i = 0; i < count; ++i) {
          ASSERT_EQ(std::memcmp(logits->data() + i * n_vocab, alone[i].data() + step * n_vocab,
                                n_vocab * sizeof(float)),
                    0)
              << name_of(level) << ", sequence " << i << " of " << count;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, SessionFormatTest,
                         testing::Values("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0",
                                         "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q4_K_M",
                                         "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS",
                                         "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4",
                                         "NVFP4", "Q1_0", "Q2_0"),
                         [](const auto& tested) { return std::string(tested.param); });

// F16 rounds to 2^-12. Q8_0 and its queries are the same 8 bits that quantized weights meet, so the
// bar is the one of LevelsAgree.
TEST(SessionTest, SmallCachesStayNearAnF32One) {
  const TestModel model("F32");
  const auto tokens = some_tokens(60);
  const auto full = logits_of(*model, tokens, {.context = 60, .kv_type = DType::F32});
  const auto half = logits_of(*model, tokens, {.context = 60, .kv_type = DType::F16});
  const auto byte = logits_of(*model, tokens, {.context = 60, .kv_type = DType::Q8_0});
  EXPECT_LT(squared_error(half, full), 1e-6);
  EXPECT_GT(squared_error(half, full), 0.0) << "the cache type has no effect";
  EXPECT_LT(squared_error(byte, full), 1e-3);
  EXPECT_GT(squared_error(byte, full), squared_error(half, full));
}

// Behind more than one chunk of positions, where threads share the history of a sequence.
TEST(SessionTest, ALongHistoryIsTheSameHoweverItIsComputed) {
  const TestModel model("Q4_0");
  const auto tokens = some_tokens(1100);
  for (const DType type : {DType::Q8_0, DType::F16, DType::F32}) {
    std::vector<float> prompt, answer;
    for (const size_t threads : {size_t{1}, size_t{3}}) {
      for (const size_t chunk : {size_t{3}, size_t{100}, size_t{512}}) {
        const auto runtime = *Runtime::create(
            *model, {.context = 1200, .threads = threads, .prompt_chunk = chunk, .kv_type = type});
        auto session = *Session::open(runtime);
        ASSERT_TRUE(session->advance(tokens));
        const std::vector<float> first(session->logits().begin(), session->logits().end());
        session->rewind(1020);
        auto other = *Session::open(runtime);
        ASSERT_TRUE(other->advance(std::span(tokens).first(5)));
        // One at a time, beside another sequence, then several at once, over the end of a chunk.
        ASSERT_TRUE(session->decode(std::span(tokens).subspan(1020, 1)));
        Session* const both[] = {other.get(), session.get()};
        const text::Token next[] = {7, tokens[1021]};
        ASSERT_TRUE(Session::decode_together(both, next));
        const auto rows = session->decode(std::span(tokens).subspan(1022, chunk == 3 ? 1 : 6));
        ASSERT_TRUE(rows);
        const std::vector<float> second(rows->begin(), rows->begin() + 512);
        if (prompt.empty()) prompt = first;
        if (answer.empty()) answer = second;
        EXPECT_EQ(first, prompt) << name_of(type) << ", " << threads << ", " << chunk;
        EXPECT_EQ(second, answer) << name_of(type) << ", " << threads << ", " << chunk;
      }
    }
  }
}

// Exact activations differ from rounded ones by the rounding only, and do not depend on the level.
TEST(SessionTest, ExactPrecisionHasNoRoundingOfActivations) {
  const TestModel model("Q4_K");
  const auto tokens = some_tokens(20);
  SessionOptions options{.context = 20, .kv_type = DType::F32};
  const auto fast = logits_of(*model, tokens, options);
  options.precision = model::Precision::exact;
  const auto exact = logits_of(*model, tokens, options);
  EXPECT_GT(squared_error(fast, exact), 1e-8);
  EXPECT_LT(squared_error(fast, exact), 1e-2);
  for (const IsaLevel level : available_levels()) {
    options.kernels = &kernels_for(level);
    EXPECT_LT(squared_error(logits_of(*model, tokens, options), exact), 1e-10) << name_of(level);
  }
}

TEST(SessionTest, RewindingAndReadingAgainGivesTheSame) {
  const TestModel model("Q4_0");
  auto session = *Session::open(*model, {.context = 64});
  const auto tokens = some_tokens(40);
  ASSERT_TRUE(session->advance(tokens));
  const std::vector<float> want(session->logits().begin(), session->logits().end());
  session->rewind(10);
  EXPECT_EQ(session->tokens().size(), 10u);
  ASSERT_TRUE(session->advance(std::span(tokens).subspan(10)));
  const auto got = session->logits();
  EXPECT_TRUE(std::equal(want.begin(), want.end(), got.begin(), got.end()));
}

TEST(SessionTest, KnowsWhatWasComputedAsAPromptBehindAPrompt) {
  const TestModel model("Q8_0");
  auto session = *Session::open(*model, {.context = 64});
  const auto tokens = some_tokens(40);
  ASSERT_TRUE(session->advance(std::span(tokens).first(10)));
  ASSERT_TRUE(session->advance(std::span(tokens).first(2)));
  EXPECT_EQ(session->prefilled(), 12u);
  ASSERT_TRUE(session->decode(std::span(tokens).first(3)));
  EXPECT_EQ(session->prefilled(), 12u);
  ASSERT_TRUE(session->advance(std::span(tokens).first(5)));
  EXPECT_EQ(session->prefilled(), 12u) << "an answer stands before it";
  session->rewind(14);
  EXPECT_EQ(session->prefilled(), 12u);
  session->rewind(7);
  ASSERT_TRUE(session->advance(std::span(tokens).first(1)));
  EXPECT_EQ(session->prefilled(), 8u);
}

TEST(SessionTest, RefusesWhatDoesNotFit) {
  const TestModel model("Q8_0");
  auto session = *Session::open(*model, {.context = 16});
  EXPECT_EQ(session->advance(some_tokens(17)).error().code, ErrorCode::too_large);
  ASSERT_TRUE(session->advance(some_tokens(10)));
  EXPECT_EQ(session->room(), 6u);
  EXPECT_FALSE(session->advance(some_tokens(7)));
  EXPECT_EQ(session->tokens().size(), 10u) << "a refused text changes nothing";
  for (const text::Token bad : {-1, 512, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(session->advance(std::span(&bad, 1)).error().code, ErrorCode::bad_usage) << bad;
  }
}

TEST(SessionTest, RefusesOptionsOutOfRange) {
  const TestModel model("Q8_0");
  EXPECT_FALSE(Session::open(*model, {.context = model::kMaxContext + 1}));
  EXPECT_FALSE(Session::open(*model, {.context = 8, .threads = kMaxThreads + 1}));
  EXPECT_FALSE(Session::open(*model, {.context = 8, .prompt_chunk = 0}));
  EXPECT_FALSE(Session::open(*model, {.context = 8, .kv_type = DType::Q4_0}));
}

TEST(SessionTest, ACacheLargerThanTheMachineIsAnErrorWithNumbers) {
  const TestModel model("Q8_0");
  // 2 layers x 2 x 128 values x 4 bytes = 2 kB a token: 32 GB and more are asked of the largest
  // context.
  const auto session =
      Session::open(*model, {.context = model::kMaxContext, .kv_type = DType::F32});
  if (session)
    GTEST_SKIP() << "this machine has room for " << (*session)->kv_bytes() << " bytes of cache";
  EXPECT_NE(session.error().message.find("-c"), std::string::npos) << session.error().message;
}

}  // namespace
}  // namespace hearth::engine
