#include "text/vocab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "text/test_vocab.h"

namespace hearth::text {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Vocab read(const TestMetadata& metadata) {
  auto vocab = Vocab::read(metadata.metadata());
  EXPECT_TRUE(vocab) << vocab.error().message;
  return vocab ? *std::move(vocab) : Vocab();
}

Error read_error(const TestMetadata& metadata) {
  const auto vocab = Vocab::read(metadata.metadata());
  EXPECT_FALSE(vocab);
  return vocab ? Error{} : vocab.error();
}

TEST(Vocab, ReadsTextsScoresAndKinds) {
  const TestMetadata metadata = spm_metadata({"a", "\u2581b", "ab"});
  const Vocab vocab = read(metadata);
  EXPECT_EQ(vocab.size(), 262u);
  EXPECT_EQ(vocab.model(), TokenizerModel::spm);
  EXPECT_EQ(vocab.text(260), "\u2581b");
  EXPECT_EQ(vocab.score(260), -2.0f);
  EXPECT_EQ(vocab.kind(0), TokenKind::unknown);
  EXPECT_EQ(vocab.kind(3), TokenKind::byte);
  EXPECT_EQ(vocab.byte_value(3 + 0x41), 0x41);
  EXPECT_EQ(vocab.byte_value(260), std::nullopt);
  EXPECT_EQ(vocab.find("ab"), 261);
  EXPECT_EQ(vocab.find("abc"), std::nullopt);
  EXPECT_EQ(vocab.find(""), std::nullopt);
  EXPECT_EQ(vocab.newline(), 3 + 10);
  EXPECT_THAT(vocab.warnings(), IsEmpty());
}

TEST(Vocab, HasDefaultsForSentencePiece) {
  const TestMetadata metadata = spm_metadata({});
  const Vocab vocab = read(metadata);
  EXPECT_EQ(vocab.bos(), 1);
  EXPECT_EQ(vocab.eos(), 2);
  EXPECT_EQ(vocab.unk(), 0);
  EXPECT_TRUE(vocab.add_bos());
  EXPECT_FALSE(vocab.add_eos());
  EXPECT_TRUE(vocab.add_space_prefix());
}

TEST(Vocab, HasDefaultsForByteLevelBpe) {
  TestMetadata metadata = bpe_metadata({}, {"<|begin|>"});
  Vocab vocab = read(metadata);
  EXPECT_EQ(vocab.bos(), std::nullopt);
  EXPECT_EQ(vocab.eos(), std::nullopt);
  EXPECT_FALSE(vocab.add_bos());
  EXPECT_FALSE(vocab.add_space_prefix());
  EXPECT_EQ(vocab.text(*vocab.newline()), "\u010A");

  metadata.text("tokenizer.ggml.pre", "llama-bpe");
  metadata.u32("tokenizer.ggml.bos_token_id", 256);
  EXPECT_TRUE(read(metadata).add_bos());
  metadata.flag("tokenizer.ggml.add_bos_token", false);
  EXPECT_FALSE(read(metadata).add_bos());
}

TEST(Vocab, FlagsOfTheFileWin) {
  TestMetadata metadata = spm_metadata({});
  metadata.flag("tokenizer.ggml.add_bos_token", false);
  metadata.flag("tokenizer.ggml.add_eos_token", true);
  metadata.flag("tokenizer.ggml.add_space_prefix", false);
  metadata.u32("tokenizer.ggml.bos_token_id", 7);
  metadata.u32("tokenizer.ggml.padding_token_id", 8);
  const Vocab vocab = read(metadata);
  EXPECT_FALSE(vocab.add_bos());
  EXPECT_TRUE(vocab.add_eos());
  EXPECT_FALSE(vocab.add_space_prefix());
  EXPECT_EQ(vocab.bos(), 7);
  EXPECT_EQ(vocab.pad(), 8);
}

TEST(Vocab, KnowsWhatEndsAnAnswer) {
  TestMetadata metadata = bpe_metadata({}, {"<|begin|>", "<|im_end|>", "<|eom_id|>", "<stop>"});
  metadata.u32("tokenizer.ggml.eos_token_id", 259);
  const Vocab vocab = read(metadata);
  EXPECT_FALSE(vocab.is_end_of_generation(256));
  EXPECT_TRUE(vocab.is_end_of_generation(257));
  EXPECT_TRUE(vocab.is_end_of_generation(258));
  EXPECT_TRUE(vocab.is_end_of_generation(259));
  EXPECT_FALSE(vocab.is_end_of_generation(0));
  EXPECT_FALSE(vocab.is_end_of_generation(-1));
  EXPECT_FALSE(vocab.is_end_of_generation(260));
  EXPECT_EQ(vocab.eot(), 257);
  EXPECT_EQ(vocab.eom(), 258);
}

TEST(Vocab, MakesUserDefinedEndMarkersControlButLeavesNormalOnesAlone) {
  TestMetadata metadata = spm_metadata({});
  set_tokens(metadata, {{"<unk>", 0, kUnknown},
                        {"<s>", 0, kControl},
                        {"<end>", 0, kControl},
                        {"<|im_end|>", 0, kUserDefined},
                        {"</s>", 0, kNormal}});
  Vocab vocab = read(metadata);
  EXPECT_EQ(vocab.kind(3), TokenKind::control);
  EXPECT_TRUE(vocab.is_end_of_generation(3));
  EXPECT_EQ(vocab.kind(4), TokenKind::normal);
  EXPECT_FALSE(vocab.is_end_of_generation(4));
  metadata.erase("tokenizer.ggml.token_type");  // then the text is all there is to go by
  EXPECT_TRUE(read(metadata).is_end_of_generation(4));
}

TEST(Vocab, DoesNotEndAtMessagesOfAModelThatReturns) {
  const TestMetadata metadata =
      bpe_metadata({}, {"<|end|>", "<|return|>", "<|call|>", "<|endoftext|>"});
  const Vocab vocab = read(metadata);
  EXPECT_FALSE(vocab.is_end_of_generation(256));
  EXPECT_TRUE(vocab.is_end_of_generation(257));
  EXPECT_TRUE(vocab.is_end_of_generation(258));
  EXPECT_TRUE(vocab.is_end_of_generation(259));
}

TEST(Vocab, ReadsAFileWithoutVocabulary) {
  TestMetadata metadata;
  metadata.text("tokenizer.ggml.model", "no_vocab");
  const Vocab vocab = read(metadata);
  EXPECT_EQ(vocab.size(), 0u);
  EXPECT_EQ(vocab.model(), TokenizerModel::none);
  EXPECT_EQ(vocab.text(0), "");
  EXPECT_EQ(vocab.find("a"), std::nullopt);
  EXPECT_EQ(vocab.bos(), std::nullopt);
  EXPECT_EQ(read(TestMetadata()).model(), TokenizerModel::none);
}

TEST(Vocab, ReadsUnknownTokenizers) {
  TestMetadata metadata = spm_metadata({"a"});
  metadata.text("tokenizer.ggml.model", "test");
  const Vocab vocab = read(metadata);
  EXPECT_EQ(vocab.model(), TokenizerModel::unsupported);
  EXPECT_EQ(vocab.find("a"), 259);
}

TEST(Vocab, IgnoresSpecialIdsOutOfRangeAndSaysSo) {
  TestMetadata metadata = spm_metadata({});
  metadata.u32("tokenizer.ggml.bos_token_id", 4000000);
  metadata.scalar("tokenizer.ggml.eos_token_id", gguf::ValueType::u64, uint64_t{1} << 40);
  metadata.u32("tokenizer.ggml.padding_token_id", UINT32_MAX);
  metadata.scalar("tokenizer.ggml.unknown_token_id", gguf::ValueType::i32, ~uint64_t{0});
  const Vocab vocab = read(metadata);
  EXPECT_EQ(vocab.bos(), 1);
  EXPECT_EQ(vocab.eos(), 2);
  EXPECT_EQ(vocab.pad(), std::nullopt);
  EXPECT_EQ(vocab.unk(), std::nullopt);
  ASSERT_THAT(vocab.warnings(), SizeIs(2));
  EXPECT_THAT(vocab.warnings()[0], HasSubstr("bos_token_id"));
}

TEST(Vocab, WarnsWhenItCannotAddTheTokenTheModelWants) {
  TestMetadata metadata = bpe_metadata({});
  metadata.flag("tokenizer.ggml.add_bos_token", true);
  const Vocab vocab = read(metadata);
  EXPECT_FALSE(vocab.add_bos());
  ASSERT_THAT(vocab.warnings(), SizeIs(1));
  EXPECT_THAT(vocab.warnings()[0], HasSubstr("bos"));
}

TEST(Vocab, RefusesArraysThatAreTooShortOrOfTheWrongType) {
  TestMetadata metadata = spm_metadata({"a"});
  metadata.ints("tokenizer.ggml.token_type", {1, 2, 3});
  EXPECT_EQ(read_error(metadata).code, ErrorCode::bad_file);
  EXPECT_THAT(read_error(metadata).message, HasSubstr("tokenizer.ggml.token_type"));

  metadata = spm_metadata({"a"});
  metadata.floats("tokenizer.ggml.scores", {1});
  EXPECT_THAT(read_error(metadata).message, HasSubstr("tokenizer.ggml.scores"));
  metadata.texts("tokenizer.ggml.scores", {"1"});
  EXPECT_THAT(read_error(metadata).message, HasSubstr("tokenizer.ggml.scores"));
  metadata.u32("tokenizer.ggml.scores", 1);
  EXPECT_THAT(read_error(metadata).message, HasSubstr("tokenizer.ggml.scores"));

  metadata = spm_metadata({});
  metadata.ints("tokenizer.ggml.tokens", {1, 2});
  EXPECT_THAT(read_error(metadata).message, HasSubstr("tokenizer.ggml.tokens"));

  metadata = spm_metadata({});
  metadata.text("tokenizer.ggml.eos_token_id", "2");
  EXPECT_THAT(read_error(metadata).message, HasSubstr("tokenizer.ggml.eos_token_id"));
}

TEST(Vocab, RefusesATokenBeyondTheLimit) {
  TestMetadata metadata;
  metadata.text("tokenizer.ggml.model", "llama");
  metadata.texts("tokenizer.ggml.tokens", {std::string(kMaxTokenBytes, 'x')});
  EXPECT_EQ(read(metadata).find(std::string(kMaxTokenBytes, 'x')), 0);
  metadata.texts("tokenizer.ggml.tokens", {"a", std::string(kMaxTokenBytes + 1, 'x')});
  EXPECT_EQ(read_error(metadata).code, ErrorCode::too_large);
}

TEST(Vocab, RefusesMoreTokensThanTheLimit) {
  TestMetadata metadata;
  metadata.texts("tokenizer.ggml.tokens", std::vector<std::string>(kMaxTokens + 1));
  EXPECT_EQ(read_error(metadata).code, ErrorCode::too_large);
}

TEST(Vocab, BearsOddTokens) {
  TestMetadata metadata;
  metadata.text("tokenizer.ggml.model", "llama");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  set_tokens(metadata, {{"", 0, kNormal},
                        {"same", 1, kNormal},
                        {"same", 2, kNormal},
                        {"<0x-1>", 0, kByte},
                        {"<0x4>", 0, kByte},
                        {"<0xGG>", 0, kByte},
                        {"odd", nan, 77},
                        {"\xFF\xFE", 0, -3},
                        {std::string("a\0b", 3), 0, kNormal}});
  const Vocab vocab = read(metadata);
  EXPECT_EQ(vocab.find("same"), 1);
  for (Token token = 3; token < 6; ++token) EXPECT_EQ(vocab.byte_value(token), std::nullopt);
  EXPECT_EQ(vocab.kind(6), TokenKind::normal);
  EXPECT_EQ(vocab.score(6), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(vocab.kind(7), TokenKind::normal);
  EXPECT_EQ(vocab.find(std::string_view("a\0b", 3)), 8);
  EXPECT_THAT(vocab.warnings(), SizeIs(1));  // of the repeated text
  EXPECT_EQ(vocab.text(-1), "");
  EXPECT_EQ(vocab.text(std::numeric_limits<Token>::max()), "");
  EXPECT_EQ(vocab.kind(-5), TokenKind::unknown);
}

}  // namespace
}  // namespace hearth::text
