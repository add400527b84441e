// What sessions take over from each other and from the cache has the bits of what they compute.
#include "engine/prefix_reuse.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.h"
#include "engine/test_architectures.h"
#include "engine/test_files.h"

namespace hearth::engine {
namespace {

using Tokens = std::vector<text::Token>;

Tokens some_tokens(size_t n, uint64_t seed) {
  Rng rng(seed);
  Tokens tokens(n);
  for (text::Token& token : tokens)
    token = static_cast<text::Token>(rng.below(RandomSizes::kVocab));
  return tokens;
}

// A prompt that has `common` tokens in common with `text`, and `more` behind them.
Tokens beginning_like(const Tokens& text, size_t common, size_t more) {
  Tokens prompt(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(common));
  const Tokens rest = some_tokens(more, 77);
  prompt.insert(prompt.end(), rest.begin(), rest.end());
  if (common < text.size() && prompt.size() > common && prompt[common] == text[common])
    prompt[common] = (prompt[common] + 1) % static_cast<text::Token>(RandomSizes::kVocab);
  return prompt;
}

std::vector<float> copied(std::span<const float> logits) { return {logits.begin(), logits.end()}; }

// Logits behind the prompt, and behind tokens of an answer.
std::vector<float> logits_behind(Session& session) {
  std::vector<float> all = copied(session.logits());
  for (const text::Token token : {5, 9, 2}) {
    const auto rows = session.decode(std::span(&token, 1));
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().message);
    if (rows) all.insert(all.end(), rows->begin(), rows->end());
  }
  return all;
}

std::vector<float> alone(const std::shared_ptr<Runtime>& runtime, const Tokens& prompt) {
  const auto session = *Session::open(runtime);
  EXPECT_TRUE(session->advance(prompt));
  return logits_behind(*session);
}

struct Read {
  std::vector<float> logits;
  size_t taken = 0;  // tokens that were not computed
};

// As the scheduler reads a prompt.
Read read(PrefixReuse& reuse, Session& session, const Tokens& prompt,
          std::vector<const Session*> others = {}, size_t piece = SIZE_MAX) {
  Read result;
  session.rewind(0);
  while (session.tokens().size() < prompt.size()) {
    const size_t before = session.tokens().size();
    const bool more = reuse.take_over(session, prompt, others);
    EXPECT_LT(session.tokens().size(), prompt.size());
    result.taken += session.tokens().size() - before;
    if (more) continue;
    const size_t held = session.tokens().size();
    const size_t most = std::min(piece, session.runtime()->prompt_columns());
    const size_t count = reuse.next_piece(session, prompt, most);
    EXPECT_TRUE(session.advance(std::span(prompt).subspan(held, count)));
    reuse.keep(session, prompt);
  }
  result.logits = logits_behind(session);
  return result;
}

bool has_states(const Session& session) { return session.memory().state_bytes() != 0; }

struct Case {
  std::string architecture;
  DType kv_type;
};

class PrefixReuseTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    model_ = std::make_unique<RandomArchitecture>(GetParam().architecture, DType::Q8_0);
  }
  std::shared_ptr<Runtime> runtime(size_t context, size_t chunk = 512) const {
    return *Runtime::create(**model_,
                            {.context = context, .prompt_chunk = chunk, .kv_type = kv_type()});
  }
  static DType kv_type() { return GetParam().kv_type; }

  std::unique_ptr<RandomArchitecture> model_;
};

TEST_P(PrefixReuseTest, ABeginningFromTheCacheHasTheBitsOfOneThatIsComputed) {
  const auto runtime = this->runtime(420);
  const auto first = *Session::open(runtime), second = *Session::open(runtime);
  const Tokens text = some_tokens(300, 1);
  for (const size_t common : {1u, 63u, 64u, 65u, 130u, 256u, 299u, 300u}) {
    PrefixReuse reuse(*first, {});
    EXPECT_EQ(read(reuse, *first, text, {}, 100).taken, 0u);
    const Tokens prompt = beginning_like(text, common, 40);
    const std::vector<float> want = alone(runtime, prompt);
    const Read got = read(reuse, *second, prompt);
    EXPECT_EQ(got.logits, want) << common;
    // The answer behind the first is not what the second goes on from.
    if (!has_states(*first)) {
      EXPECT_EQ(got.taken, common);
    }
    const Read again = read(reuse, *first, prompt);
    EXPECT_EQ(again.logits, want) << common;
    EXPECT_EQ(again.taken, has_states(*first) ? (prompt.size() - 1) / 64 * 64 : prompt.size() - 1);
    // States are kept where the second was found to part from the first.
    const Tokens third = beginning_like(text, common, 60);
    EXPECT_EQ(read(reuse, *second, third).logits, alone(runtime, third)) << common;
    const Tokens other = beginning_like(third, common, 1);
    const size_t taken = read(reuse, *second, other).taken;
    EXPECT_GE(taken, common / 64 * 64 - (common == other.size() && common % 64 == 0 ? 64 : 0));
  }
}

TEST_P(PrefixReuseTest, ABeginningFromAnotherSessionHasTheBitsOfOneThatIsComputed) {
  const auto runtime = this->runtime(420);
  const auto first = *Session::open(runtime), second = *Session::open(runtime);
  PrefixReuse reuse(*first, {.memory_bytes = 0});
  const Tokens text = some_tokens(300, 1);
  (void)read(reuse, *first, text);  // and its answer has begun
  for (const size_t common : {1u, 64u, 131u, 300u}) {
    const Tokens prompt = beginning_like(text, common, 40);
    const Read got = read(reuse, *second, prompt, {second.get(), first.get()});
    EXPECT_EQ(got.logits, alone(runtime, prompt)) << common;
    EXPECT_EQ(got.taken, has_states(*first) ? 0 : common);
  }
  const Tokens with_answer = {text.begin(), text.end()};
  Tokens talk = with_answer;
  talk.insert(talk.end(), {5, 9, 2, 4});
  EXPECT_EQ(read(reuse, *second, talk, {first.get()}).logits, alone(runtime, talk));
  EXPECT_EQ(reuse.cache().bytes_in_memory(), 0u);
}

// Where sliding windows are rings, and blocks are of more chunks than one.
TEST_P(PrefixReuseTest, RingsTakeOverWhatTheyWouldHold) {
  if (kv_type() != DType::Q8_0) return;
  const auto runtime = this->runtime(1800, 100);
  const auto first = *Session::open(runtime), second = *Session::open(runtime);
  PrefixReuse reuse(*first, {});
  const Tokens text = some_tokens(1650, 1);
  (void)read(reuse, *first, text);
  for (const size_t common : {1600u, 700u, 1650u}) {
    const Tokens prompt = beginning_like(text, common, 60);
    Session& session = common == 700 ? *first : *second;
    const Read got = read(reuse, session, prompt, {first.get(), second.get()});
    EXPECT_EQ(got.logits, alone(runtime, prompt)) << common;
    if (!has_states(*first)) {
      EXPECT_EQ(got.taken, common);
    }
    // What was taken over can be gone back to, or the session says that it cannot.
    session.rewind(common - 60);
    const auto back = std::span(prompt).first(common - 30);
    ASSERT_TRUE(session.advance(back.subspan(session.tokens().size())));
    EXPECT_EQ(logits_behind(session), alone(runtime, {back.begin(), back.end()})) << common;
  }
}

// A ring does not know its past, and what is behind the tokens of a block has overwritten more of
// it.
TEST_P(PrefixReuseTest, RingsTakeOverNothingThatTheyHaveForgotten) {
  if (kv_type() != DType::Q8_0) return;
  const auto runtime = this->runtime(1800, 100);
  const auto first = *Session::open(runtime), second = *Session::open(runtime);
  PrefixReuse none(*first, {.memory_bytes = 0}), reuse(*first, {});
  const Tokens text = some_tokens(1664, 1);
  (void)read(reuse, *first, text);
  const Tokens prompt = beginning_like(text, 700, 60);
  EXPECT_EQ(read(none, *second, prompt, {first.get()}).logits, alone(runtime, prompt));
  for (size_t length = 1100; length < 1200; length += 20) {
    (void)read(reuse, *second, beginning_like(text, 1602, 1));
    second->rewind(length);
    const Tokens back = beginning_like(text, length, 2);
    ASSERT_TRUE(second->advance(std::span(back).subspan(second->tokens().size())));
    EXPECT_EQ(logits_behind(*second), alone(runtime, back)) << length;
  }
}

TEST_P(PrefixReuseTest, ABeginningFromAFileHasTheBitsOfOneThatIsComputed) {
  OpenableFile file;
  const Tokens text = some_tokens(300, 1);
  const Tokens prompt = beginning_like(text, 290, 40);
  const auto options = [&] {
    return PrefixOptions{.fd = file.open(), .file_bytes = uint64_t{64} << 20};
  };
  std::vector<float> want;
  {
    const auto runtime = this->runtime(420);
    const auto session = *Session::open(runtime);
    PrefixReuse reuse(*session, options());
    ASSERT_EQ(reuse.file_problem(), "");
    (void)read(reuse, *session, text);
    while (reuse.write_some(false)) {
    }
    want = alone(runtime, prompt);
  }
  const auto runtime = this->runtime(500);  // the context may be another
  const auto session = *Session::open(runtime);
  PrefixReuse reuse(*session, options());
  const Read got = read(reuse, *session, prompt);
  EXPECT_EQ(got.logits, want);
  EXPECT_EQ(got.taken, has_states(*session) ? 256u : 290u);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& [name, fill] : random_architectures()) {
    for (const DType type : {DType::Q8_0, DType::F16, DType::F32}) all.push_back({name, type});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, PrefixReuseTest, testing::ValuesIn(cases()), [](const auto& tested) {
  std::string name = tested.param.architecture;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return cat(name, "_", name_of(tested.param.kv_type));
});

TEST(PrefixIdentityTest, TellsApartWhatComputesOtherBits) {
  const RandomArchitecture llama("llama", DType::Q8_0), other("llama", DType::F32);
  const auto identity = [](const LoadedModel& model, const SessionOptions& options) {
    return prefix_identity(**Session::open(model, options));
  };
  const std::string one = identity(*llama, {.context = 64});
  EXPECT_EQ(one, identity(*llama, {.context = 128, .threads = 1, .prompt_chunk = 7}));
  EXPECT_NE(one, identity(*other, {.context = 64}));
  EXPECT_NE(one, identity(*llama, {.context = 64, .kv_type = DType::F16}));
  EXPECT_NE(one, identity(*llama, {.context = 64, .precision = model::Precision::exact}));
  EXPECT_NE(one, identity(*llama, {.context = 64, .kernels = &kernels_for(IsaLevel::reference)}));
}

}  // namespace
}  // namespace hearth::engine
