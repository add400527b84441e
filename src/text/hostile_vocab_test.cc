// Vocabularies that somebody made to make a reader slow, each with a megabyte of the text that is
// worst for it. What bounds the work is counted where something counts it; for the rest the time
// that a test takes tells (--gtest_filter='Hostile*'), and hours if anything were quadratic.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "text/charsmap.h"
#include "text/test_vocab.h"
#include "text/tokenizer.h"
#include "text/tokenizer_spm.h"

namespace hearth::text {
namespace {

using testing::HasSubstr;

constexpr size_t kText = 1000000;
constexpr EncodeOptions kPlain{false, false};
constexpr EncodeOptions kParse{false, true};

std::string times(std::string_view unit, size_t count) {
  std::string text;
  while (count-- != 0) text += unit;
  return text;
}

// A megabyte of it.
std::string much(std::string_view unit) { return times(unit, kText / unit.size() + 1); }

// Runs of each length up to `longest`.
std::vector<std::string> runs(std::string_view unit, size_t longest) {
  std::vector<std::string> all;
  for (size_t n = 1; n <= longest; ++n) all.push_back(times(unit, n));
  return all;
}

std::vector<TestToken> scored(const std::vector<std::string>& texts, float score) {
  std::vector<TestToken> tokens;
  for (const std::string& text : texts) tokens.push_back({text, score, kNormal});
  return tokens;
}

std::vector<std::string> single_bytes() {
  std::vector<std::string> escaped;
  static constexpr char kHex[] = "0123456789abcdef";
  for (size_t byte = 0; byte < 256; ++byte)
    escaped.push_back(cat("\\x", kHex[byte >> 4], kHex[byte & 15]));
  return escaped;
}

struct Case {
  const char* name;
  std::function<TestMetadata()> vocabulary;
  std::string text;
};

void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }

// Neighbours of 64 KiB, one of which grows a byte at a time: each merge asks for both together.
TestMetadata long_neighbours() {
  std::vector<std::string> words = runs("b", 1000);
  for (size_t n = 1; n <= kMaxTokenBytes; n *= 2) words.push_back(times("a", n));
  return spm_metadata(words);
}

TestMetadata growing_merges() {
  std::vector<std::string> merges;
  for (const std::string& run : runs("a", 500)) merges.push_back(run + " a");
  return bpe_metadata(merges, {});
}

TestMetadata whole_words() {
  TestMetadata metadata = bpe_metadata({"a a"}, {times("a", kMaxTokenBytes)});
  metadata.text("tokenizer.ggml.pre", "llama-bpe");
  return metadata;
}

TestMetadata lines_of_gemma() {
  TestMetadata metadata = spm_metadata(runs("\n", 31));
  metadata.text("tokenizer.ggml.model", "gemma4");
  metadata.u32("tokenizer.ggml.bos_token_id", 1);
  metadata.texts("tokenizer.ggml.merges", {"\n \n", "\n\n \n\n", "\n\n \n"});
  return metadata;
}

TestMetadata rwkv(const std::vector<std::string>& more) {
  TestMetadata metadata;
  metadata.text("tokenizer.ggml.model", "rwkv");
  std::vector<TestToken> tokens = scored(single_bytes(), 0);
  for (const TestToken& token : scored(more, 0)) tokens.push_back(token);
  set_tokens(metadata, tokens);
  return metadata;
}

// All rules begin alike, so every step walks to the end of one and finds none.
TestMetadata charsmap_of_dead_ends() {
  TestMetadata metadata = ugm_metadata(scored({"a", "b"}, -1));
  metadata.bytes("tokenizer.ggml.precompiled_charsmap",
                 charsmap_bytes({{times("a", 63) + "b", "b"}, {times("\u00E9", 31) + "b", "b"}}));
  return metadata;
}

const std::string kDeadEnd = times("a", 255) + "b";

std::vector<Case> cases() {
  return {
      {"SpmLongNeighbours", long_neighbours, much(times("a", kMaxTokenBytes) + times("b", 1000))},
      {"SpmManyRuns", [] { return spm_metadata(runs("a", 1000)); }, much("a")},
      {"SpmSpaces", [] { return spm_metadata(runs("\u2581", 300)); }, much(" ")},
      {"BpeGrowingMerges", growing_merges, much("a")},
      {"BpeGrowingMergesThatEnd", growing_merges, much(times("a", 400) + "b")},
      {"BpeWholeWords", whole_words, much("a")},
      {"GemmaLines", lines_of_gemma, much("\n")},
      {"UgmManyRuns", [] { return ugm_metadata(scored(runs("a", 256), -1)); }, much("a")},
      {"UgmDeadEnds", [] { return ugm_metadata(scored({"a", kDeadEnd}, -1)); }, much("a")},
      {"UgmCharsmapDeadEnds", charsmap_of_dead_ends, much("a")},
      {"WpmManyRuns", [] { return wpm_metadata(runs("a", 400)); }, much(times("a", 99) + " ")},
      {"WpmLongWord", [] { return wpm_metadata(runs("a", 400)); }, much("a")},
      {"RwkvDeadEnds", [] { return rwkv({kDeadEnd}); }, much("a")},
      {"SpecialDeadEnds", [] { return bpe_metadata({"a a"}, {kDeadEnd}); }, much("a")},
      {"SpecialRuns", [] { return bpe_metadata({"a a"}, runs("a", 256)); }, much("a")},
  };
}

class HostileVocab : public testing::TestWithParam<Case> {};

TEST_P(HostileVocab, IsReadAndEncodesAMegabyte) {
  const TestMetadata metadata = GetParam().vocabulary();
  const auto tokenizer = Tokenizer::create(metadata.metadata());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  for (const EncodeOptions& options : {kPlain, kParse}) {
    const auto tokens = tokenizer->encode(GetParam().text, options);
    ASSERT_LE(tokens.size(), 2 * GetParam().text.size());
    for (const Token token : tokens) ASSERT_TRUE(tokenizer->vocab().contains(token));
  }
}

INSTANTIATE_TEST_SUITE_P(All, HostileVocab, testing::ValuesIn(cases()),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(HostileVocabTest, AMillionTokensAreRead) {
  std::vector<std::string> words;
  for (size_t i = 0; i < 1000000; ++i) words.push_back(cat("w", i));
  const TestMetadata metadata = spm_metadata(words);
  const auto tokenizer = Tokenizer::create(metadata.metadata());
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("w999999 w1", kPlain)), "w999999 w1");
}

// What merging asks for is as long as the longest token at most, so this bounds its work.
TEST(HostileVocabTest, VeryLongTokensAreNeverMergedFromText) {
  constexpr size_t kMost = SpmEncoder::kMaxTokenBytes;
  std::vector<std::string> words = {"\u2581"};
  for (size_t n = 1; n <= 2 * kMost; n *= 2) words.push_back(times("a", n));
  const TestMetadata metadata = spm_metadata(words);
  const auto tokenizer = Tokenizer::create(metadata.metadata());
  ASSERT_TRUE(tokenizer);
  ASSERT_EQ(tokenizer->warnings().size(), 1u);
  EXPECT_THAT(tokenizer->warnings()[0], HasSubstr("1 tokens of more than 256 bytes"));
  const auto tokens = tokenizer->encode(times("a", 2 * kMost), kPlain);
  EXPECT_EQ(tokens.size(), 3u);  // the space in front and two halves
  EXPECT_EQ(tokenizer->decode(tokens), times("a", 2 * kMost));
}

// A text may become longer, but not by so much that a megabyte fills the memory.
TEST(HostileVocabTest, CharacterMapsThatBlowTextUpAreRefused) {
  constexpr size_t kMost = Charsmap::kMaxGrowth;
  const auto read = [](const std::string& text, size_t becomes) {
    const std::string bytes = charsmap_bytes({{text, times("b", becomes)}});
    return Charsmap::read(as_bytes(bytes));
  };
  EXPECT_TRUE(read("a", kMost));
  EXPECT_TRUE(read("abc", 3 * kMost));
  const auto refused = read("a", kMost + 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::too_large);
  EXPECT_THAT(refused.error().message, HasSubstr("16 times"));
}

}  // namespace
}  // namespace hearth::text
