#include "quantize/own_text.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/loader.h"

namespace hearth::quantize {
namespace {

constexpr char kBundled[] = HEARTH_SOURCE_DIR "/models/hearth-stories-6m-q8_0.gguf";

class OwnTextTest : public testing::Test {
 protected:
  std::vector<text::Token> written(size_t windows, size_t length, uint64_t seed,
                                   size_t threads = 2) {
    engine::SessionOptions options;
    options.context = length;
    options.threads = threads;
    auto runtime = engine::Runtime::create(*model_, options);
    EXPECT_TRUE(runtime);
    const auto text = write_own_text(*runtime, windows, length, seed, [&](size_t done) {
      EXPECT_GE(done, told_);
      EXPECT_LE(done, windows * length);
      told_ = done;
    });
    told_ = 0;
    EXPECT_TRUE(text) << (text ? "" : text.error().message);
    return text ? *text : std::vector<text::Token>();
  }

  std::unique_ptr<const engine::LoadedModel> model_ = *engine::LoadedModel::load(kBundled);
  size_t told_ = 0;
};

TEST_F(OwnTextTest, TheSameForTheSameSeed) {
  const auto text = written(3, 40, 1);
  EXPECT_EQ(written(3, 40, 1), text);
  EXPECT_EQ(written(3, 40, 1, 1), text);
  EXPECT_NE(written(3, 40, 2), text);
}

// More windows than are written side by side, too.
TEST_F(OwnTextTest, WindowsBeginWithBosAndHoldTokensOfTheModel) {
  const text::Vocab& vocab = model_->tokenizer()->vocab();
  const auto text = written(19, 24, 3);
  ASSERT_EQ(text.size(), 19u * 24);
  std::set<std::vector<text::Token>> different;
  for (size_t w = 0; w < 19; ++w) {
    EXPECT_EQ(text[w * 24], *vocab.bos());
    const auto begin = text.begin() + static_cast<ptrdiff_t>(w * 24);
    different.emplace(begin, begin + 24);
  }
  EXPECT_EQ(different.size(), 19u);
  for (const text::Token token : text) EXPECT_LT(token, model_->config().n_vocab);
  // A story's end is followed by another's beginning.
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (vocab.is_end_of_generation(text[i])) EXPECT_EQ(text[i + 1], *vocab.bos());
  }
}

TEST_F(OwnTextTest, SmallTexts) {
  EXPECT_EQ(written(1, 1, 1), std::vector<text::Token>{*model_->tokenizer()->vocab().bos()});
  EXPECT_TRUE(written(0, 10, 1).empty());
}

}  // namespace
}  // namespace hearth::quantize
