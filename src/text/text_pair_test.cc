// Texts in pieces, and pairs of texts.
#include "text/text_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>

#include "text/test_vocab.h"

namespace hearth::text {
namespace {

using testing::ElementsAre;
using Piece = Tokenizer::Piece;

Tokenizer make(const TestMetadata& metadata) {
  auto tokenizer = Tokenizer::create(metadata.metadata());
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(tokenizer).value();
}

std::vector<Token> encode(const Tokenizer& tokenizer, const std::vector<Piece>& pieces) {
  return tokenizer.encode(pieces);
}

std::array<TestMetadata, 4> kinds() {
  return {spm_metadata({"\u2581", "t", "h", "e", "th", "the", "\u2581the", "<"}),
          bpe_metadata({"t h", "th e", "\u0120 t", "\u0120t he"}, {"<|x|>"}),
          wpm_metadata({"\u2581the", "\u2581cat", "s", "\u2581<"}),
          ugm_metadata({{"\u2581", -2, kNormal}, {"\u2581the", -1, kNormal}, {"t", -3, kNormal}})};
}

TEST(TokenizerPieces, BordersBetweenWordsDoNotMatter) {
  for (const TestMetadata& metadata : kinds()) {
    const Tokenizer tokenizer = make(metadata);
    EXPECT_TRUE(rc::check([&] {
      const auto part = rc::gen::element<std::string>("the", " ", "cat", "t", "<s>", "é", "<|x|>");
      const auto parts = *rc::gen::container<std::vector<std::string>>(part);
      std::string whole;
      std::vector<Piece> pieces;
      for (const std::string& text : parts) {
        whole += text;
        pieces.push_back({text, false});
      }
      RC_ASSERT(tokenizer.encode(pieces) ==
                tokenizer.encode(whole, {.add_special = false, .parse_special = false}));
      for (Piece& piece : pieces) piece.parse_special = true;
      RC_ASSERT(tokenizer.encode(pieces) ==
                tokenizer.encode(whole, {.add_special = false, .parse_special = true}));
    }));
  }
}

TEST(TokenizerPieces, OnlyMarksNameControlTokens) {
  const TestMetadata spm = spm_metadata({"\u2581", "<", "s", ">", "a"});
  const std::vector<Token> typed =
      encode(make(spm), {{"<s>", true}, {"a<s>", false}, {"</s>", true}});
  EXPECT_EQ(typed.front(), 1);
  EXPECT_EQ(typed.back(), 2);
  EXPECT_EQ(std::count(typed.begin(), typed.end(), 1), 1);
  const TestMetadata bpe = bpe_metadata({}, {"<|x|>"});
  EXPECT_THAT(encode(make(bpe), {{"<|x|>", true}, {"a", false}, {"<|x|>", true}}),
              ElementsAre(256, 'a', 256));
  EXPECT_EQ(encode(make(bpe), {{"<|x|>", false}}).size(), 5u);
  EXPECT_TRUE(encode(make(bpe), {}).empty());
}

// Its own tokenizer drops spaces behind control tokens, wherever the border of a piece is.
TEST(TokenizerPieces, SpacesBehindControlTokensOfPhi3) {
  TestMetadata metadata = spm_metadata({"\u2581", "a", "\u2581a"});
  metadata.text("general.name", "Phi-3");
  const Tokenizer tokenizer = make(metadata);
  const auto want = tokenizer.encode("</s> \n a", {.add_special = false, .parse_special = true});
  EXPECT_EQ(encode(tokenizer, {{"</s> ", true}, {"\n a", false}}), want);
}

TEST(TextPair, AsBertReadsThem) {
  const TestMetadata metadata = wpm_metadata({"\u2581who", "\u2581me", "\u2581you"});
  const Tokenizer tokenizer = make(metadata);
  const PairTokens pair = encode_pair(tokenizer, metadata.metadata(), "who", "me you");
  EXPECT_THAT(pair.tokens, ElementsAre(1, 4, 2, 5, 6, 2));
  EXPECT_EQ(pair.second_from, 3u);
  const PairTokens typed = encode_pair(tokenizer, metadata.metadata(), "[SEP]", "[CLS]");
  EXPECT_EQ(std::count(typed.tokens.begin(), typed.tokens.end(), 1), 1);
}

TEST(TextPair, AsXlmRobertaReadsThem) {
  TestMetadata metadata = ugm_metadata({{"<s>", 0, kControl}, {"\u2581a", -1, kNormal}});
  metadata.u32("tokenizer.ggml.bos_token_id", 3);
  metadata.u32("tokenizer.ggml.eos_token_id", 1);
  metadata.u32("tokenizer.ggml.seperator_token_id", 1);
  for (const char* key : {"add_bos_token", "add_eos_token", "add_sep_token"})
    metadata.flag(cat("tokenizer.ggml.", key), true);
  const PairTokens pair = encode_pair(make(metadata), metadata.metadata(), "a", "a a");
  EXPECT_THAT(pair.tokens, ElementsAre(3, 4, 1, 1, 4, 4, 1));
}

TEST(TextPair, AsTheFileSays) {
  TestMetadata metadata = bpe_metadata({}, {"<|x|>"});
  metadata.text("tokenizer.chat_template.rerank", "<|x|>{document}-{query}<|x|>");
  const PairTokens pair = encode_pair(make(metadata), metadata.metadata(), "{document}", "<|x|>");
  std::vector<Token> want{256};
  for (const char c : std::string("<|x|>-{document}")) want.push_back(c);
  want.push_back(256);
  EXPECT_EQ(pair.tokens, want);
}

}  // namespace
}  // namespace hearth::text
