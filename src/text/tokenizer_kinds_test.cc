// The kinds of tokenizer beside SentencePiece BPE and byte-level BPE.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>
#include <deque>
#include <limits>

#include "text/stream_decoder.h"
#include "text/test_vocab.h"
#include "text/tokenizer.h"
#include "text/tokenizer_wpm.h"

namespace hearth::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Tokens = std::vector<Token>;

constexpr EncodeOptions kPlain{false, false};
constexpr EncodeOptions kParse{false, true};

Tokenizer make(const TestMetadata& metadata) {
  auto tokenizer = Tokenizer::create(metadata.metadata());
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(tokenizer).value();
}

// A vocabulary is views into the metadata, so a temporary one is kept.
Tokenizer make(TestMetadata&& metadata) {
  static std::deque<TestMetadata> kept;
  kept.push_back(std::move(metadata));
  return make(kept.back());
}

Error make_error(const TestMetadata& metadata) {
  const auto tokenizer = Tokenizer::create(metadata.metadata());
  EXPECT_FALSE(tokenizer);
  return tokenizer ? Error{} : tokenizer.error();
}

// --- WordPiece ---

TestMetadata small_wpm() {
  return wpm_metadata({"\u2581hello", "\u2581un", "able", "aff", "\u2581,", "\u2581cafe",  // 4..9
                       "\u2581\u4F60", "\u1161", "\u2581\u1100", "\u11A8", "\u2581H", "\u2581h"});
}

TEST(WpmTokenizer, TakesTheLongestTokens) {
  const Tokenizer tokenizer = make(small_wpm());
  EXPECT_THAT(tokenizer.warnings(), IsEmpty());
  EXPECT_THAT(tokenizer.encode("Hello, unaffable"), ElementsAre(1, 4, 8, 5, 7, 6, 2));
  EXPECT_THAT(tokenizer.encode("hello[MASK]", {true, true}), ElementsAre(1, 4, 3, 2));
  EXPECT_THAT(tokenizer.encode("unaffx hello", kPlain), ElementsAre(0, 4));
  EXPECT_THAT(tokenizer.encode(" \n\t", kPlain), IsEmpty());
  EXPECT_THAT(tokenizer.encode("", kPlain), IsEmpty());
  EXPECT_EQ(tokenizer.decode(Tokens{4, 8, 5, 7, 6}), "hello , unaffable");
}

TEST(WpmTokenizer, LowersStripsAndSplits) {
  const Tokenizer tokenizer = make(small_wpm());
  EXPECT_THAT(tokenizer.encode("CAF\u00C9 cafe\u0301", kPlain), ElementsAre(9, 9));
  EXPECT_THAT(tokenizer.encode("hello\u4F60hello", kPlain), ElementsAre(4, 10, 4));
  EXPECT_THAT(tokenizer.encode("he\u00ADllo\u200B\x01\xFF", kPlain), ElementsAre(4));
  EXPECT_THAT(tokenizer.encode("\uAC01", kPlain), ElementsAre(12, 11, 13));
}

TEST(WpmTokenizer, KeepsCaseAndAccentsWhenTheFileSaysSo) {
  TestMetadata metadata = small_wpm();
  metadata.flag("tokenizer.ggml.normalizer.lowercase", false);
  EXPECT_THAT(make(metadata).encode("H h caf\u00E9", kPlain), ElementsAre(14, 15, 0));
  metadata.flag("tokenizer.ggml.normalizer.strip_accents", true);
  EXPECT_THAT(make(metadata).encode("H caf\u00E9", kPlain), ElementsAre(14, 9));
}

TEST(WpmTokenizer, TakesAVeryLongWordForUnknown) {
  TestMetadata metadata = wpm_metadata({"\u2581a", "a"});
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode(std::string(WpmEncoder::kMaxWordChars, 'a'), kPlain), SizeIs(100));
  EXPECT_THAT(tokenizer.encode(std::string(WpmEncoder::kMaxWordChars + 1, 'a'), kPlain),
              ElementsAre(0));
}

TEST(WpmTokenizer, NeedsAnUnknownToken) {
  TestMetadata metadata = wpm_metadata({"\u2581a"});
  metadata.scalar("tokenizer.ggml.unknown_token_id", gguf::ValueType::i32, ~uint64_t{0});
  EXPECT_EQ(make_error(metadata).code, ErrorCode::bad_file);
  EXPECT_THAT(make_error(metadata).message, HasSubstr("unknown_token_id"));
}

TEST(WpmTokenizer, WarnsWithoutASeparator) {
  TestMetadata metadata = wpm_metadata({"\u2581a"});
  metadata.scalar("tokenizer.ggml.seperator_token_id", gguf::ValueType::i32, ~uint64_t{0});
  const Tokenizer tokenizer = make(metadata);
  ASSERT_THAT(tokenizer.warnings(), SizeIs(1));
  EXPECT_THAT(tokenizer.warnings()[0], HasSubstr("sep"));
  EXPECT_THAT(tokenizer.encode("a"), ElementsAre(1, 4));
}

// --- Unigram ---

TestMetadata small_ugm() {
  return ugm_metadata({{"\u2581", -3, kNormal},         // 3
                       {"a", -2, kNormal},              // 4
                       {"b", -2, kNormal},              // 5
                       {"ab", -3, kNormal},             // 6
                       {"\u2581a", -2.5, kNormal},      // 7
                       {"bab", -4, kNormal},            // 8
                       {"\u2581<x>", 0, kUserDefined},  // 9
                       {"\u00E9", -1, kNormal}});       // 10
}

TEST(UgmTokenizer, FindsTheBestSum) {
  const Tokenizer tokenizer = make(small_ugm());
  EXPECT_THAT(tokenizer.warnings(), IsEmpty());
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(7, 5, 1));
  EXPECT_THAT(tokenizer.encode("abab", kPlain), ElementsAre(7, 8));
  EXPECT_THAT(tokenizer.encode("bb", kPlain), ElementsAre(3, 5, 5));
  EXPECT_THAT(tokenizer.encode("  a \n", kPlain), ElementsAre(7, 3, 2));
  EXPECT_THAT(tokenizer.encode("", kPlain), IsEmpty());
  EXPECT_THAT(tokenizer.encode("   ", kPlain), IsEmpty());
  EXPECT_EQ(tokenizer.decode(Tokens{7, 8, 7}), "abab a");
}

TEST(UgmTokenizer, JoinsUnknownCharacters) {
  const Tokenizer tokenizer = make(small_ugm());
  EXPECT_THAT(tokenizer.encode("axyz\u4F60b", kPlain), ElementsAre(7, 2, 5));
  EXPECT_THAT(tokenizer.encode("a\xFF\xFE", kPlain), ElementsAre(7, 2));
}

TEST(UgmTokenizer, SpellsUnknownCharactersInBytesWhereItCan) {
  std::vector<TestToken> tokens = {{"\u2581", -1, kNormal}, {"a", -1, kNormal}};
  for (const TestToken& token : byte_token_list()) tokens.push_back(token);
  const Tokenizer tokenizer = make(ugm_metadata(tokens));
  constexpr Token kZero = 5;
  EXPECT_THAT(tokenizer.encode("a\u00E9", kPlain), ElementsAre(3, 4, kZero + 0xC3, kZero + 0xA9));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a\u00E9 \u4F60", kPlain)), "a\u00E9 \u4F60");
}

TEST(UgmTokenizer, KeepsSpacesWhenTheFileSaysSo) {
  TestMetadata metadata = small_ugm();
  metadata.flag("tokenizer.ggml.remove_extra_whitespaces", false);
  EXPECT_THAT(make(metadata).encode("a  a ", kPlain), ElementsAre(7, 3, 7, 3));
  metadata.flag("tokenizer.ggml.add_space_prefix", false);
  EXPECT_THAT(make(metadata).encode("a a", kPlain), ElementsAre(4, 7));
}

TEST(UgmTokenizer, AppliesTheCharacterMap) {
  TestMetadata metadata = small_ugm();
  metadata.bytes("tokenizer.ggml.precompiled_charsmap",
                 charsmap_bytes({{"\n", " "}, {"e\u0301", "\u00E9"}, {"\uFF41", "a"}}));
  EXPECT_THAT(make(metadata).encode("\uFF41\ne\u0301", kPlain), ElementsAre(7, 3, 10));
  metadata.bytes("tokenizer.ggml.precompiled_charsmap", "damaged");
  EXPECT_THAT(make_error(metadata).message, HasSubstr("precompiled_charsmap"));
  metadata.text("tokenizer.ggml.precompiled_charsmap", "text");
  EXPECT_THAT(make_error(metadata).message, HasSubstr("array of bytes"));
}

TEST(UgmTokenizer, BearsOddScoresAndLengths) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Tokenizer tokenizer =
      make(ugm_metadata({{"\u2581", -1, kNormal},
                         {"a", -infinity, kNormal},
                         {"b", std::numeric_limits<float>::quiet_NaN(), kNormal},
                         {std::string(300, 'c'), -1, kNormal},
                         {"d", std::numeric_limits<float>::max(), kNormal},
                         {"e", -std::numeric_limits<float>::max(), kNormal},
                         {"\xE4\xBD", -1, kNormal}}));
  EXPECT_THAT(tokenizer.warnings(), SizeIs(1));  // of the long one
  EXPECT_THAT(tokenizer.encode("abc", kPlain), ElementsAre(3, 2));
  EXPECT_THAT(tokenizer.encode("de\u4F60d", kPlain), ElementsAre(3, 7, 8, 2, 7));
}

TEST(UgmTokenizer, NeedsAnUnknownTokenOrBytes) {
  TestMetadata metadata = small_ugm();
  metadata.scalar("tokenizer.ggml.unknown_token_id", gguf::ValueType::i32, ~uint64_t{0});
  EXPECT_EQ(make_error(metadata).code, ErrorCode::bad_file);
}

// --- BPE of characters ---

TestMetadata gemma(const std::vector<std::string>& words, const std::vector<std::string>& merges) {
  TestMetadata metadata = spm_metadata(words);
  metadata.text("tokenizer.ggml.model", "gemma4");
  metadata.u32("tokenizer.ggml.bos_token_id", 1);
  metadata.texts("tokenizer.ggml.merges", merges);
  return metadata;
}

TEST(GemmaTokenizer, MergesCharactersAndSpellsTheRest) {
  const Tokenizer tokenizer =
      make(gemma({"\u2581", "a", "b", "\u2581a", "\n", "\n\n", "\u2581\u2581"},
                 {"\u2581 a", "\u2581 \u2581"}));
  EXPECT_THAT(tokenizer.warnings(), IsEmpty());
  EXPECT_THAT(tokenizer.encode("a a\n\nb"), ElementsAre(1, 260, 262, 264, 261));
  EXPECT_THAT(tokenizer.encode("a  b\n", kPlain), ElementsAre(260, 265, 261, 263));
  EXPECT_THAT(tokenizer.encode("\u00E9", kPlain), ElementsAre(3 + 0xC3, 3 + 0xA9));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(" a\u00E9  b\n\n\n", kPlain)), " a\u00E9  b\n\n\n");
}

TEST(GemmaTokenizer, MergesOverSpacesWhereAMergeDoes) {
  const Tokenizer tokenizer =
      make(gemma({"\u2581", "<", ">", "\u2581<", ">\u2581<", "a"}, {"\u2581 <", "> \u2581<"}));
  std::string text;
  while (text.size() < 6000) text += "a> <a <a> a";  // long enough for the cache of words
  Tokens expected;
  const Tokens unit = {264, 263, 264, 262, 264, 261, 259, 264};
  while (expected.size() < text.size() / 11 * unit.size()) {
    expected.insert(expected.end(), unit.begin(), unit.end());
  }
  EXPECT_EQ(tokenizer.encode(text, kPlain), expected);
}

TEST(GemmaTokenizer, AlwaysBeginsWithBos) {
  TestMetadata metadata = gemma({"a"}, {});
  metadata.flag("tokenizer.ggml.add_bos_token", false);
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode("a"), ElementsAre(1, 259));
  ASSERT_THAT(tokenizer.warnings(), SizeIs(1));
  EXPECT_THAT(tokenizer.warnings()[0], HasSubstr("bos"));
}

// --- RWKV ---

TEST(RwkvTokenizer, TakesTheLongestTokenAgainAndAgain) {
  TestMetadata metadata;
  metadata.text("tokenizer.ggml.model", "rwkv");
  set_tokens(metadata, {{"<s>", 0, kControl},
                        {"a", 0, kNormal},
                        {"ab", 0, kNormal},
                        {"abcd", 0, kNormal},
                        {"\\n", 0, kNormal},
                        {"\\xe4\\xbd\\xa0", 0, kNormal},
                        {"\\\\", 0, kNormal},
                        {"\\x", 0, kNormal}});
  const Tokenizer tokenizer = make(metadata);
  EXPECT_THAT(tokenizer.encode("abca\n\u4F60\\x", kPlain), ElementsAre(2, 1, 4, 5, 6, 7));
  EXPECT_EQ(tokenizer.decode(Tokens{3, 4, 5, 6}), "abcd\n\u4F60\\");
  EXPECT_THAT(tokenizer.warnings(), SizeIs(1));
  EXPECT_THAT(tokenizer.warnings()[0], HasSubstr("252 of the 256 bytes"));
}

// --- special tokens ---

TEST(SpecialTokens, TakeSpacesInFrontAlongWhereTheModelDoes) {
  TestMetadata metadata = ugm_metadata({{"\u2581a", -1, kNormal}, {"<mask>", 0, kControl}});
  metadata.flag("tokenizer.ggml.remove_extra_whitespaces", false);
  EXPECT_THAT(make(metadata).encode("a  <mask> a", kParse), ElementsAre(3, 2, 4, 2, 3));
  metadata.text("general.architecture", "nomic-bert-moe");
  EXPECT_THAT(make(metadata).encode("a  <mask> a", kParse), ElementsAre(3, 4, 2, 3));
}

// --- all kinds ---

std::deque<TestMetadata> every_kind() {
  std::deque<TestMetadata> all;
  all.push_back(small_wpm());
  all.push_back(small_ugm());
  all.push_back(gemma({"\u2581", "a", "b", "\u2581a"}, {"\u2581 a"}));
  TestMetadata rwkv;
  rwkv.text("tokenizer.ggml.model", "rwkv");
  set_tokens(rwkv, {{"a", 0, kNormal}, {"aaaa", 0, kNormal}, {"\\xe4", 0, kNormal}});
  all.push_back(std::move(rwkv));
  return all;
}

TEST(AllKinds, StreamAsTheyDecode) {
  for (const TestMetadata& metadata : every_kind()) {
    const Tokenizer tokenizer = make(metadata);
    EXPECT_TRUE(rc::check([&](const std::string& noise) {
      const std::string text = "a \u4F60 " + noise + "ab \u00E9<x>";
      const Tokens tokens = tokenizer.encode(text, kPlain);
      StreamDecoder stream(tokenizer, SpecialTokens::hide, StreamStart::begins_text);
      std::string streamed;
      for (const Token token : tokens) {
        RC_ASSERT(tokenizer.vocab().contains(token));
        const std::string piece = stream.push(token);
        RC_ASSERT(is_valid_utf8(piece));
        streamed += piece;
      }
      streamed += stream.finish();
      const std::string whole = tokenizer.decode(tokens);
      if (is_valid_utf8(whole)) RC_ASSERT(streamed == whole);
    }));
  }
}

// A megabyte of what is worst for one kind or another took hours if any were quadratic.
TEST(AllKinds, AreNotQuadratic) {
  const auto start = std::chrono::steady_clock::now();
  for (const TestMetadata& metadata : every_kind()) {
    const Tokenizer tokenizer = make(metadata);
    for (const char* unit : {"a", " ", "ab", "\n", "\u00E9", "\u4F60", "\u0301", "x", "<x>"}) {
      std::string text;
      while (text.size() < 1000000) text += unit;
      for (const Token token : tokenizer.encode(text, kPlain)) {
        ASSERT_TRUE(tokenizer.vocab().contains(token));
      }
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::minutes(2));
}

}  // namespace
}  // namespace hearth::text
