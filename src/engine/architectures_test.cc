// What every architecture promises, whatever its blocks: the answer depends on nothing but the
// model and the text. Beside llama.cpp's numbers: tests/cli/architectures_test.py.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "base/rng.h"
#include "engine/session.h"
#include "engine/test_architectures.h"

namespace hearth::engine {
namespace {

constexpr size_t kTokens = 80;  // a few windows long

std::vector<text::Token> some_tokens(size_t n) {
  Rng rng(3);
  std::vector<text::Token> tokens(n);
  for (text::Token& token : tokens)
    token = static_cast<text::Token>(rng.below(RandomSizes::kVocab));
  return tokens;
}

// Logits [tokens][n_vocab] of a prompt in a fresh session.
std::vector<float> prompt_logits(const LoadedModel& model, std::span<const text::Token> tokens,
                                 const SessionOptions& options) {
  auto session = Session::open(model, options);
  EXPECT_TRUE(session) << (session ? "" : session.error().message);
  std::vector<float> all;
  const auto done = (*session)->advance_with_logits(
      tokens, [&](size_t, size_t, std::span<const float> rows) -> Result<void> {
        all.insert(all.end(), rows.begin(), rows.end());
        return {};
      });
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return all;
}

// Logits behind each token of an answer that is decoded `group` at a time.
std::vector<float> decoded(Session& session, std::span<const text::Token> answer, size_t group) {
  std::vector<float> all;
  for (size_t at = 0; at < answer.size(); at += group) {
    const auto logits = session.decode(answer.subspan(at, std::min(group, answer.size() - at)));
    EXPECT_TRUE(logits) << (logits ? "" : logits.error().message);
    if (logits) all.insert(all.end(), logits->begin(), logits->end());
  }
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

double squared_error(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    error += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return error / size;
}

struct Case {
  std::string architecture;
  DType type;
};

void PrintTo(const Case& tested, std::ostream* out) {
  *out << tested.architecture << " in " << name_of(tested.type);
}

class ArchitectureTest : public testing::TestWithParam<Case> {
 protected:
  RandomArchitecture model_{GetParam().architecture, GetParam().type};
  std::vector<text::Token> tokens_ = some_tokens(kTokens);
};

TEST_P(ArchitectureTest, ThreadsAndChunksDoNotChangeABit) {
  for (const IsaLevel level : available_levels()) {
    if (level == IsaLevel::reference) continue;
    SessionOptions options{
        .context = 90, .threads = 1, .prompt_chunk = 512, .kernels = &kernels_for(level)};
    const std::vector<float> want = prompt_logits(*model_, tokens_, options);
    for (const size_t threads : {1u, 3u}) {
      for (const size_t chunk : {1u, 7u, 64u}) {
        options.threads = threads;
        options.prompt_chunk = chunk;
        EXPECT_TRUE(same_bits(prompt_logits(*model_, tokens_, options), want))
            << name_of(level) << ", " << threads << " threads, chunks of " << chunk;
      }
    }
  }
}

// Levels differ in the order of additions; with quantized weights also where an activation rounds
// the other way, which changes all that follows by the noise of that rounding. A router may then
// even choose another expert for a token, whose logits are others altogether: where there are
// experts, only float weights are held to a bar.
TEST_P(ArchitectureTest, LevelsAgree) {
  SessionOptions options{
      .context = 90, .kv_type = DType::F32, .kernels = &kernels_for(IsaLevel::reference)};
  const std::vector<float> want = prompt_logits(*model_, tokens_, options);
  const bool quantized = GetParam().type != DType::F32;
  if (quantized && model_->config().router.n_experts != 0) return;
  for (const IsaLevel level : available_levels()) {
    options.kernels = &kernels_for(level);
    EXPECT_LT(squared_error(prompt_logits(*model_, tokens_, options), want),
              quantized ? 3e-3 : 1e-10)
        << name_of(level);
  }
}

TEST_P(ArchitectureTest, AnAnswerHasTheLogitsOfAPrompt) {
  if (GetParam().type != DType::F32) return;  // the two paths round differently
  for (const IsaLevel level : available_levels()) {
    const SessionOptions options{
        .context = 90, .kv_type = DType::F32, .kernels = &kernels_for(level)};
    const std::vector<float> want = prompt_logits(*model_, tokens_, options);
    auto session = *Session::open(*model_, options);
    EXPECT_LT(squared_error(decoded(*session, tokens_, 1), want), 1e-10) << name_of(level);
  }
}

TEST_P(ArchitectureTest, TokensDecodedTogetherHaveTheLogitsOfEachAlone) {
  const std::span<const text::Token> prompt(tokens_.data(), 30);
  const std::span<const text::Token> answer = std::span(tokens_).subspan(30);
  for (const IsaLevel level : available_levels()) {
    auto session = *Session::open(*model_, {.context = 120, .kernels = &kernels_for(level)});
    ASSERT_TRUE(session->advance(prompt));
    const std::vector<float> want = decoded(*session, answer, 1);
    for (const size_t group : {2u, 5u, 16u}) {
      session->rewind(prompt.size());
      ASSERT_EQ(session->tokens().size(), prompt.size());
      ASSERT_TRUE(session->decode(std::vector<text::Token>(group, 3)));
      session->rewind(prompt.size());
      ASSERT_EQ(session->tokens().size(), prompt.size());
      EXPECT_TRUE(same_bits(decoded(*session, answer, group), want))
          << name_of(level) << ", " << group << " at a time";
    }
  }
}

// Of guesses some may be right: what is left after they are taken back is as if only these had been
// computed.
TEST_P(ArchitectureTest, TakingGuessesBackLeavesNoTrace) {
  const std::span<const text::Token> prompt(tokens_.data(), 30);
  auto session = *Session::open(*model_, {.context = 120});
  ASSERT_TRUE(session->advance(prompt));
  const std::vector<float> want = decoded(*session, std::span(tokens_).subspan(30, 12), 1);
  session->rewind(prompt.size());
  ASSERT_TRUE(session->decode(std::span(tokens_).subspan(30, 4)));
  std::vector<text::Token> run(tokens_.begin() + 34, tokens_.begin() + 38);
  run.insert(run.end(), 8, 5);  // wrong guesses
  ASSERT_TRUE(session->decode(run));
  session->rewind(38);
  const size_t held = session->tokens().size();
  ASSERT_LE(held, 38u);
  ASSERT_GE(held, 34u);
  const std::vector<float> got = decoded(*session, std::span(tokens_).subspan(held, 42 - held), 16);
  const size_t n_vocab = RandomSizes::kVocab;
  EXPECT_TRUE(same_bits(std::vector<float>(got.end() - 4 * n_vocab, got.end()),
                        std::vector<float>(want.end() - 4 * n_vocab, want.end())));
}

TEST_P(ArchitectureTest, SequencesDecodedTogetherHaveTheLogitsOfEachAlone) {
  auto runtime = *Runtime::create(*model_, {.context = 120});
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<std::vector<float>> want;
  for (size_t i = 0; i < 3; ++i) {
    sessions.push_back(*Session::open(runtime));
    const auto prompt = std::span(tokens_).subspan(i, 20 + 7 * i);
    ASSERT_TRUE(sessions[i]->advance(prompt));
    want.push_back(decoded(*sessions[i], std::span(tokens_).subspan(60, 5), 1));
    sessions[i]->rewind(prompt.size());
    ASSERT_EQ(sessions[i]->tokens().size(), prompt.size());
  }
  std::vector<Session*> together{sessions[0].get(), sessions[1].get(), sessions[2].get()};
  const size_t n_vocab = RandomSizes::kVocab;
  for (size_t t = 0; t < 5; ++t) {
    const std::vector<text::Token> step(3, tokens_[60 + t]);
    const auto logits = Session::decode_together(together, step);
    ASSERT_TRUE(logits);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(std::memcmp(logits->data() + i * n_vocab, want[i].data() + t * n_vocab,
                            n_vocab * sizeof(float)),
                0)
          << "sequence " << i << ", token " << t;
    }
  }
}

// Rings are shorter than this text; a session of one chunk that holds all of it needs none.
TEST_P(ArchitectureTest, RingsKnowWhatAWholeCacheKnows) {
  const std::vector<text::Token> text = some_tokens(1700);
  SessionOptions options{.context = 1700, .prompt_chunk = 1700};
  const std::vector<float> want = prompt_logits(*model_, text, options);
  options.prompt_chunk = 33;
  EXPECT_TRUE(same_bits(prompt_logits(*model_, text, options), want));
  auto session = *Session::open(*model_, options);
  ASSERT_TRUE(session->advance(std::span(text).first(1500)));
  session->rewind(200);  // long overwritten in a ring: the session says what is left
  const size_t held = session->tokens().size();
  ASSERT_LE(held, 200u);
  std::vector<float> got(RandomSizes::kVocab);
  ASSERT_TRUE(session->advance(std::span(text).subspan(held, 400 - held)));
  const std::span<float> last = session->logits();
  EXPECT_EQ(std::memcmp(last.data(), want.data() + 399 * RandomSizes::kVocab, last.size_bytes()),
            0);
}

// What llama.cpp (v0.5.0, without its F16 table of GELU) computes for the same weights: int32
// n_tokens, int32 n_vocab, int32 tokens[n_tokens], float32 logits[n_tokens][n_vocab].
TEST(ArchitectureGoldenTest, Gemma4) {
  std::ifstream file(HEARTH_SOURCE_DIR "/tests/data/gemma4.logits", std::ios::binary);
  const std::string data((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  constexpr size_t kCount = 96, kVocab = RandomSizes::kVocab;
  ASSERT_EQ(data.size(), 4 * (2 + kCount + kCount * kVocab));
  std::vector<text::Token> tokens(kCount);
  std::memcpy(tokens.data(), data.data() + 8, 4 * kCount);
  std::vector<float> want(kCount * kVocab);
  std::memcpy(want.data(), data.data() + 8 + 4 * kCount, 4 * want.size());
  const RandomArchitecture model("gemma4", DType::F32);
  for (const IsaLevel level : available_levels()) {
    const SessionOptions options{
        .context = kCount, .kv_type = DType::F32, .kernels = &kernels_for(level)};
    EXPECT_LT(squared_error(prompt_logits(*model, tokens, options), want), 1e-9) << name_of(level);
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& [name, fill] : random_architectures()) {
    for (const DType type : {DType::F32, DType::Q8_0}) all.push_back({name, type});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, ArchitectureTest, testing::ValuesIn(cases()), [](const auto& tested) {
  std::string name = tested.param.architecture;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return cat(name, "_", name_of(tested.param.type));
});

}  // namespace
}  // namespace hearth::engine
