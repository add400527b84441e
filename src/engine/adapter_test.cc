// Adapters of sequences that are computed together. Beside models with the products in their
// weights: tests/cli/lora_test.py.
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "base/rng.h"
#include "engine/adapter_file.h"
#include "engine/prefix_reuse.h"
#include "engine/session.h"
#include "engine/test_architectures.h"

namespace hearth::engine {
namespace {

constexpr uint64_t kRank = 5;
constexpr size_t kVocab = RandomSizes::kVocab;

// For the matrices of attention and feed-forward blocks, experts included.
std::unique_ptr<const LoadedAdapter> adapter_for(const LoadedModel& model, DType type) {
  const gguf::File& base = model.file().gguf;
  RandomFile file(model.config().architecture, type);
  file.global_text("general.type", "adapter");
  file.global_text("adapter.type", "lora");
  for (const gguf::TensorInfo& tensor : base.tensors) {
    const std::string name(tensor.name);
    if (tensor.n_dims < 2 || name.find("blk.") != 0 || name.find("conv") != name.npos ||
        name.find("_b.") != name.npos)
      continue;
    file.matrix(name + ".lora_a", tensor.dims[0], kRank, tensor.n_dims == 3 ? tensor.dims[2] : 0);
    file.matrix(name + ".lora_b", kRank, tensor.dims[1], tensor.n_dims == 3 ? tensor.dims[2] : 0);
  }
  const TemporaryFile written(file);
  auto loaded = LoadedAdapter::load(written.path(), model);
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
  return loaded ? *std::move(loaded) : nullptr;
}

std::vector<text::Token> some_tokens(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<text::Token> tokens(n);
  for (text::Token& token : tokens) token = static_cast<text::Token>(rng.below(kVocab));
  return tokens;
}

class AdapterTest : public testing::TestWithParam<const char*> {
 protected:
  RandomArchitecture model_{GetParam(), DType::Q8_0};
};

TEST_P(AdapterTest, SequencesWithTheirOwnAreComputedTogetherAsAlone) {
  const auto first = adapter_for(*model_, DType::F32);
  const auto second = adapter_for(*model_, DType::F16);
  ASSERT_TRUE(first && second);
  const std::vector<Adapters> kinds = {
      {}, {{&first->adapter(), 1}}, {{&second->adapter(), -0.5f}, {&first->adapter(), 0.25f}}, {}};
  auto runtime = *Runtime::create(*model_, {.context = 90});
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<Session*> together;
  std::vector<std::vector<float>> want;
  const std::vector<text::Token> answer = some_tokens(6, 1);
  for (const Adapters& adapters : kinds) {
    sessions.push_back(*Session::open(runtime, adapters));
    together.push_back(sessions.back().get());
    // A session of its own, and decoded several at a time.
    auto alone =
        *Session::open(*model_, {.context = 90, .threads = 3, .prompt_chunk = 9}, adapters);
    const std::vector<text::Token> prompt = some_tokens(20 + sessions.size(), 2);
    ASSERT_TRUE(sessions.back()->advance(prompt));
    ASSERT_TRUE(alone->advance(prompt));
    const auto logits = alone->decode(answer);
    ASSERT_TRUE(logits);
    want.emplace_back(logits->begin(), logits->end());
  }
  EXPECT_NE(want[0], want[1]);
  // Nor does one take over what another has computed.
  std::set<std::string> identities;
  for (const auto& session : sessions) identities.insert(prefix_identity(*session));
  EXPECT_EQ(identities.size(), 3u);
  for (size_t t = 0; t < answer.size(); ++t) {
    const auto logits =
        Session::decode_together(together, std::vector<text::Token>(kinds.size(), answer[t]));
    ASSERT_TRUE(logits);
    for (size_t i = 0; i < kinds.size(); ++i) {
      EXPECT_EQ(std::memcmp(logits->data() + i * kVocab, want[i].data() + t * kVocab,
                            kVocab * sizeof(float)),
                0)
          << "sequence " << i << ", token " << t;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, AdapterTest,
                         testing::Values("llama", "qwen3moe", "deepseek2", "qwen35", "gemma4"));

}  // namespace
}  // namespace hearth::engine
