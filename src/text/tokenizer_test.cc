#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>

#include "text/test_vocab.h"

namespace hearth::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Tokens = std::vector<Token>;

constexpr EncodeOptions kPlain{false, false};
constexpr EncodeOptions kParse{false, true};
constexpr Token kByteZero = 3;  // of spm_metadata

Tokenizer make(const TestMetadata& metadata) {
  auto tokenizer = Tokenizer::create(metadata.metadata());
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(tokenizer).value();
}

Error make_error(const TestMetadata& metadata) {
  const auto tokenizer = Tokenizer::create(metadata.metadata());
  EXPECT_FALSE(tokenizer);
  return tokenizer ? Error{} : tokenizer.error();
}

// Text as people and attackers write it: words, spaces, all of Unicode, and the marks that the
// tokenizers use themselves.
rc::Gen<std::string> any_text() {
  const auto piece = rc::gen::oneOf(
      rc::gen::element<std::string>(" ", "  ", "\n", "the", "a", "'s", "12", "\u2581", "\u010A",
                                    "<s>", "<0x41>", "<|x|>", "é", "🚀", "日本"),
      rc::gen::map(rc::gen::inRange<uint32_t>(1, 0x10F800), [](uint32_t code) {
        std::string text;
        append_utf8(text, code < 0xD800 ? code : code + 0x800);  // no surrogates
        return text;
      }));
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece),
                      [](const std::vector<std::string>& pieces) {
                        std::string text;
                        for (const std::string& p : pieces) text += p;
                        return text;
                      });
}

void expect_round_trips(const Tokenizer& tokenizer) {
  EXPECT_TRUE(rc::check([&] {
    const std::string text = *rc::gen::oneOf(any_text(), rc::gen::arbitrary<std::string>());
    const Tokens tokens = tokenizer.encode(text);
    for (const Token token : tokens) RC_ASSERT(tokenizer.vocab().contains(token));
    RC_ASSERT(tokenizer.decode(tokens) == text);
    const auto shown = tokenizer.decode(tokenizer.encode(text, kParse), SpecialTokens::show);
    RC_ASSERT(shown == text);
  }));
}

TEST(SpmTokenizer, MergesByScoreFromTheLeft) {
  const TestMetadata metadata = spm_metadata({"\u2581", "a", "b", "ab", "aa", "\u2581a"});
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode("ab", kPlain), ElementsAre(259, 262));
  EXPECT_THAT(tokenizer.encode("aaa", kPlain), ElementsAre(259, 263, 260));
  EXPECT_THAT(tokenizer.encode("b a", kPlain), ElementsAre(259, 261, 264));
  EXPECT_THAT(tokenizer.encode("", kPlain), IsEmpty());
  EXPECT_THAT(tokenizer.encode(""), ElementsAre(1));
}

TEST(SpmTokenizer, FallsBackToBytes) {
  const TestMetadata metadata = spm_metadata({"\u2581", "a"});
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode("aé\n", kPlain),
              ElementsAre(259, 260, kByteZero + 0xC3, kByteZero + 0xA9, kByteZero + 10));
  EXPECT_THAT(tokenizer.encode("\xFF", kPlain), ElementsAre(259, kByteZero + 0xFF));
  EXPECT_THAT(tokenizer.warnings(), IsEmpty());
}

TEST(SpmTokenizer, SplitsWordsOnlyWhereNoTokenReachesOver) {
  const std::vector<std::string> words = {"\u2581",  "a",       "b",       "\u2581a",
                                          "\u2581b", "a\u2581", "a\u2581b"};
  const TestMetadata metadata = spm_metadata(words);
  EXPECT_THAT(make(metadata).encode("a b", kPlain), ElementsAre(262, 263));
  TestMetadata other = spm_metadata({"\u2581", "a", "b", "a\u2581", "a\u2581b"});
  EXPECT_THAT(make(other).encode("a b", kPlain), ElementsAre(259, 263));
}

TEST(SpmTokenizer, NeverMakesControlTokensOfPlainText) {
  TestMetadata metadata = spm_metadata({"\u2581", "<", "s", ">", "<s", "\u2581<"});
  const Tokenizer tokenizer = make(metadata);
  for (const Token token : tokenizer.encode("<s>", kPlain)) EXPECT_NE(token, 1);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("<s>", kPlain)), "<s>");
  EXPECT_THAT(tokenizer.encode("<s>", kParse), ElementsAre(1));
  EXPECT_THAT(tokenizer.encode("<0x41>", kPlain),
              testing::Not(testing::Contains(kByteZero + 0x41)));
}

TEST(SpmTokenizer, PutsASpaceBehindSpecialTokensAndTakesItOffAgain) {
  const TestMetadata metadata = spm_metadata({"\u2581", "a", "b", "\u2581a", "\u2581b"});
  const Tokenizer tokenizer = make(metadata);
  const Tokens tokens = tokenizer.encode("a<s>b</s>", kParse);
  EXPECT_THAT(tokens, ElementsAre(262, 1, 263, 2));
  EXPECT_EQ(tokenizer.decode(tokens), "ab");
  EXPECT_EQ(tokenizer.decode(tokens, SpecialTokens::show), "a<s>b</s>");
  EXPECT_EQ(tokenizer.piece(262), " a");
  EXPECT_EQ(tokenizer.piece(1), "");
  EXPECT_EQ(tokenizer.piece(1, SpecialTokens::show), "<s>");
  EXPECT_EQ(tokenizer.piece(-1), "");
  EXPECT_EQ(tokenizer.piece(99999, SpecialTokens::show), "");
}

TEST(SpmTokenizer, StripsAfterSpecialTokensOnlyForPhi3) {
  TestMetadata metadata = spm_metadata({"\u2581", "a", "\u2581a"});
  EXPECT_THAT(make(metadata).encode("</s>\n a", kParse), ElementsAre(2, 259, 13, 261));
  metadata.text("general.name", "My Phi-3 mini");
  EXPECT_THAT(make(metadata).encode("</s>\n a", kParse), ElementsAre(2, 261));
  EXPECT_THAT(make(metadata).encode("<s>\n", kParse), SizeIs(3));
}

TEST(SpmTokenizer, RoundTripsAnyText) {
  expect_round_trips(make(spm_metadata({"\u2581", "t", "h", "e", "th", "the", "\u2581the", "<"})));
  expect_round_trips(make(spm_metadata({})));  // nothing but bytes, not even a space
  TestMetadata metadata = spm_metadata({"\u2581", "a", "\u2581\u2581", "a\u2581a"});
  metadata.flag("tokenizer.ggml.add_space_prefix", false);
  metadata.flag("tokenizer.ggml.add_eos_token", true);
  expect_round_trips(make(metadata));
}

TEST(SpmTokenizer, GivesTheSameIdsWithAndWithoutTheWordCache) {
  const TestMetadata metadata = spm_metadata({"\u2581", "a", "b", "ab", "ba", "\u2581a", "abab"});
  const Tokenizer tokenizer = make(metadata);
  std::string text;
  Tokens expected;
  for (uint32_t i = 0; i < 3000; ++i) {
    std::string word;
    for (uint32_t bits = i * 2654435761u; bits > 0xFFFFF; bits <<= 1) {
      word += (bits >> 31) != 0 ? 'a' : 'b';
    }
    if (word.empty()) word = "b";
    text += (i == 0 ? "" : " ") + word;
    const Tokens alone = tokenizer.encode(word, kPlain);
    expected.insert(expected.end(), alone.begin(), alone.end());
  }
  EXPECT_EQ(tokenizer.encode(text, kPlain), expected);
}

TEST(BpeTokenizer, MergesByRank) {
  const TestMetadata metadata = bpe_metadata({"t h", "th e", "\u0120 the", "h e"});
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode("the the he", kPlain),
              ElementsAre(257, 258, *tokenizer.vocab().find("\u0120"), 259));
  EXPECT_EQ(tokenizer.piece(258), " the");
  EXPECT_THAT(tokenizer.warnings(), IsEmpty());
}

TEST(BpeTokenizer, TakesWholeWordsWhereTheModelIgnoresMerges) {
  TestMetadata metadata = bpe_metadata({"a b", "b c", "ab c"}, {"stop"});
  metadata.texts("tokenizer.ggml.merges", {"b c", "a b"});  // no way from "a" and "bc" to "abc"
  EXPECT_THAT(make(metadata).encode("abc", kPlain), ElementsAre('a' - 0, 257));
  metadata.text("tokenizer.ggml.pre", "llama-bpe");
  metadata.u32("tokenizer.ggml.bos_token_id", 0);
  const Tokenizer whole = make(metadata);
  EXPECT_THAT(whole.encode("abc", kPlain), ElementsAre(258));
  EXPECT_THAT(whole.encode("stop", kPlain), SizeIs(4));  // a control token is no word
}

TEST(BpeTokenizer, TakesSpecialTokensOutOnlyWhenAsked) {
  const TestMetadata metadata = bpe_metadata({}, {"<|x|>", "<|x|>y", "<|"});
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode("a<|x|>", kParse), ElementsAre(testing::_, 256));
  EXPECT_THAT(tokenizer.encode("<|x|>y", kParse), ElementsAre(257));  // the longest wins
  EXPECT_THAT(tokenizer.encode("<|x|", kParse), ElementsAre(258, testing::_, testing::_));
  EXPECT_THAT(tokenizer.encode("a<|x|>", kPlain), SizeIs(6));
}

TEST(BpeTokenizer, AlwaysTakesUserDefinedTokensOut) {
  TestMetadata metadata = bpe_metadata({});
  std::vector<TestToken> tokens = byte_token_list();
  metadata.texts("tokenizer.ggml.merges", {});
  for (size_t byte = 0; byte < 256; ++byte) {
    tokens[byte] = {"", 0, kNormal};
    append_utf8(tokens[byte].text, byte_to_char(static_cast<uint8_t>(byte)));
  }
  tokens.push_back({"  ", 0, kUserDefined});
  set_tokens(metadata, tokens);
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode("x   y", kPlain), ElementsAre('x' - 0, 256, ' ' - 0, 'y' - 0));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("x   y", kPlain)), "x   y");
}

TEST(BpeTokenizer, RoundTripsAnyText) {
  for (const char* pre : {"gpt-2", "llama-bpe", "qwen2", "smollm", "qwen35", "unheard-of"}) {
    TestMetadata metadata =
        bpe_metadata({"t h", "th e", "\u0120 the", "\u0120 \u0120", "Ã ©"}, {"<|x|>", "<s>"});
    metadata.text("tokenizer.ggml.pre", pre);
    metadata.u32("tokenizer.ggml.bos_token_id", 261);
    expect_round_trips(make(metadata));
  }
}

TEST(BpeTokenizer, WarnsWhenThePreTokenizerIsMissingOrUnknown) {
  TestMetadata metadata = bpe_metadata({});
  metadata.text("tokenizer.ggml.pre", "invented\x1B[0m");
  const auto unknown = make(metadata).warnings();
  ASSERT_THAT(unknown, SizeIs(1));
  EXPECT_THAT(unknown[0], HasSubstr("'invented\\x1b[0m'"));
  EXPECT_THAT(unknown[0], HasSubstr("quietly worse"));
  metadata.erase("tokenizer.ggml.pre");
  ASSERT_THAT(make(metadata).warnings(), SizeIs(1));
  EXPECT_THAT(make(metadata).warnings()[0], HasSubstr("tokenizer.ggml.pre"));
  EXPECT_EQ(make(metadata).decode(make(metadata).encode("it's on")), "it's on");
}

TEST(BpeTokenizer, RefusesBadMerges) {
  TestMetadata metadata = bpe_metadata({"t h"});
  for (const char* merge : {"th", " th", "th ", "", " ", "  "}) {
    metadata.texts("tokenizer.ggml.merges", {"t h", merge});
    EXPECT_EQ(make_error(metadata).code, ErrorCode::bad_file) << merge;
    EXPECT_THAT(make_error(metadata).message, HasSubstr("merge 1"));
  }
  metadata.erase("tokenizer.ggml.merges");
  EXPECT_THAT(make_error(metadata).message, HasSubstr("tokenizer.ggml.merges"));
  metadata.ints("tokenizer.ggml.merges", {1});
  EXPECT_THAT(make_error(metadata).message, HasSubstr("tokenizer.ggml.merges"));
}

TEST(BpeTokenizer, IgnoresMergesOfTokensItLacksAndSaysSo) {
  TestMetadata metadata = bpe_metadata({"t h"});
  metadata.texts("tokenizer.ggml.merges", {"t h", "th e", "xx yy", "t h"});
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode("the", kPlain), ElementsAre(256, 'e' - 0));
  ASSERT_THAT(tokenizer.warnings(), SizeIs(1));
  EXPECT_THAT(tokenizer.warnings()[0], HasSubstr("2 of 4 merges"));
}

TEST(BpeTokenizer, SurvivesAVocabularyWithoutBytes) {
  TestMetadata metadata = bpe_metadata({});
  set_tokens(metadata, {{"a", 0, kNormal}, {"", 0, kNormal}, {"\u0120 \xFF raw", 0, kNormal}});
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode("abc", kPlain), ElementsAre(0));
  EXPECT_EQ(tokenizer.piece(1), "");
  EXPECT_EQ(tokenizer.piece(2), "  \xFF raw");
  EXPECT_THAT(tokenizer.warnings(), SizeIs(1));
}

TEST(Tokenizer, RefusesWhatItCannotUse) {
  TestMetadata metadata = spm_metadata({});
  for (const char* model : {"plamo2", "hybriddna", "test"}) {
    metadata.text("tokenizer.ggml.model", model);
    EXPECT_EQ(make_error(metadata).code, ErrorCode::unsupported);
    EXPECT_THAT(make_error(metadata).message, HasSubstr(model));
  }
  metadata.text("tokenizer.ggml.model", "no_vocab");
  EXPECT_EQ(make_error(metadata).code, ErrorCode::unsupported);
  metadata.erase("tokenizer.ggml.model");
  EXPECT_EQ(make_error(metadata).code, ErrorCode::unsupported);
  metadata.text("tokenizer.ggml.model", "llama");
  metadata.erase("tokenizer.ggml.tokens");
  EXPECT_THAT(make_error(metadata).message, HasSubstr("tokenizer.ggml.tokens"));
  metadata.u32("tokenizer.ggml.model", 1);
  EXPECT_THAT(make_error(metadata).message, HasSubstr("tokenizer.ggml.model"));
}

TEST(Tokenizer, NeedsBytesOrAnUnknownTokenForSpm) {
  TestMetadata metadata = spm_metadata({});
  set_tokens(metadata, {{"<unk>", 0, kUnknown}, {"<s>", 0, kControl}, {"<0x-1>", 0, kByte}});
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode("a", {true, false}), ElementsAre(1, 0, 0));
  EXPECT_THAT(tokenizer.warnings(), SizeIs(1));
  EXPECT_EQ(tokenizer.piece(2), "<0x-1>");
  metadata.scalar("tokenizer.ggml.unknown_token_id", gguf::ValueType::i32, ~uint64_t{0});
  EXPECT_EQ(make_error(metadata).code, ErrorCode::bad_file);
}

TEST(Tokenizer, CanBeMovedAndUsedFromThere) {
  const TestMetadata metadata = spm_metadata({"\u2581", "a", "\u2581a"});
  Tokenizer first = make(metadata);
  const Tokenizer second = std::move(first);
  EXPECT_THAT(second.encode("a"), ElementsAre(1, 261));
}

// A million characters without a space took hours if merging were quadratic.
TEST(Tokenizer, IsNotQuadraticOnLongWords) {
  std::string random;
  uint64_t state = 1;
  for (size_t i = 0; i < 1000000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    random += static_cast<char>('a' + (state >> 60) % 4);
  }
  const TestMetadata spm = spm_metadata({"\u2581", "a", "b", "c", "aa", "aaaa", "ab", "abc"});
  const TestMetadata bpe = bpe_metadata({"a a", "aa aa", "a b", "ab c", "b c", "\u0120 \u0120"},
                                        {"<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>"});
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& text : {std::string(1000000, 'a'), random, std::string(1000000, ' '),
                                  std::string(1000000, '<'), std::string(1000000, '\n')}) {
    for (const TestMetadata* metadata : {&spm, &bpe}) {
      const Tokenizer tokenizer = make(*metadata);
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, kParse)), text);
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::minutes(2));
}

}  // namespace
}  // namespace hearth::text
