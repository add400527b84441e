#include "text/pretokenize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

namespace hearth::text {
namespace {

using Words = std::vector<std::string>;

Words split_words(Splitter splitter, std::string_view text) {
  Words words;
  WordSplitter splitting(splitter, text);
  for (std::string_view word; splitting.next(word);) words.emplace_back(word);
  return words;
}

struct SplitCase {
  std::string text;
  Words words;
};

void expect_words(Splitter splitter, const std::vector<SplitCase>& cases) {
  for (const SplitCase& c : cases) EXPECT_EQ(split_words(splitter, c.text), c.words) << c.text;
}

TEST(WordSplitter, SplitsAsGpt2) {
  expect_words(Splitter::gpt2, {
                                   {"", {}},
                                   {"Hello world", {"Hello", " world"}},
                                   {"  two  ", {" ", " two", "  "}},
                                   {"it's we'll 'S", {"it", "'s", " we", "'ll", " '", "S"}},
                                   {"you'RE they're", {"you", "'", "RE", " they", "'re"}},
                                   {"a1234 567", {"a", "1234", " 567"}},
                                   {"x\n\n y", {"x", "\n\n", " y"}},
                                   {"x\n\ny", {"x", "\n", "\n", "y"}},
                                   {"!?# ...", {"!?#", " ..."}},
                                   {"'", {"'"}},
                                   {"'l", {"'", "l"}},
                                   {"naïve 你好", {"naïve", " 你好"}},
                                   {"\t\tx", {"\t", "\t", "x"}},
                               });
}

TEST(WordSplitter, SplitsDigitsFirst) {
  expect_words(Splitter::digits_gpt2, {
                                          {"a1234 56", {"a", "1", "2", "3", "4", " ", "5", "6"}},
                                          {"12", {"1", "2"}},
                                          {"x  1", {"x", "  ", "1"}},
                                          {"x  y", {"x", " ", " y"}},
                                          {"3's", {"3", "'s"}},
                                          {"٣½", {"٣", "½"}},
                                          {"it's 5", {"it", "'s", " ", "5"}},
                                      });
}

TEST(WordSplitter, SplitsAsLlama3) {
  expect_words(Splitter::llama3, {
                                     {"Hello world", {"Hello", " world"}},
                                     {"it'S We'Ve 'D", {"it", "'S", " We", "'Ve", " '", "D"}},
                                     {"1234567", {"123", "456", "7"}},
                                     {" 12", {" ", "12"}},
                                     {"(word)!\n\nx", {"(word", ")!\n\n", "x"}},
                                     {" \n \n  x", {" \n \n", " ", " x"}},
                                     {"a\r\nb", {"a", "\r\n", "b"}},
                                     {"a   ", {"a", "   "}},
                                     {"\tx", {"\tx"}},
                                     {"  \tx", {"  ", "\tx"}},
                                     {" ?!", {" ?!"}},
                                     {"  ?", {" ", " ?"}},
                                     {"e\u0301a", {"e", "\u0301a"}},
                                     {"\nx", {"\n", "x"}},
                                 });
}

TEST(WordSplitter, SplitsAsQwen) {
  expect_words(Splitter::qwen2, {
                                    {"1234", {"1", "2", "3", "4"}},
                                    {"it'S 12", {"it", "'S", " ", "1", "2"}},
                                    {"e\u0301a", {"e", "\u0301a"}},
                                });
  expect_words(Splitter::qwen35, {
                                     {"e\u0301a 12", {"e\u0301a", " ", "1", "2"}},
                                     {"!\u0301", {"!\u0301"}},
                                 });
}

TEST(WordSplitter, TreatsInvalidUtf8AsSymbols) {
  expect_words(Splitter::gpt2, {{"a\xFF\xC3 b\xE2\x82", {"a", "\xFF\xC3", " b", "\xE2\x82"}}});
  expect_words(Splitter::llama3, {{"1\xFF\x80\n", {"1", "\xFF\x80\n"}}});
}

TEST(WordSplitter, LosesNothingOnAnyBytes) {
  EXPECT_TRUE(rc::check([](const std::string& noise, const std::vector<bool>& letters) {
    std::string text = noise;
    for (const bool letter : letters) text += letter ? "a" : " ";
    text += noise;
    for (const PreTokenizer& row : all_pre_tokenizers()) {
      const Splitter splitter = row.splitter;
      std::string joined;
      for (const std::string& word : split_words(splitter, text)) {
        RC_ASSERT(!word.empty());
        joined += word;
      }
      RC_ASSERT(joined == text);
    }
  }));
}

TEST(WordSplitter, SplitsByCase) {
  expect_words(Splitter::gpt4o, {
                                    {"helloWorld HTTPServer", {"hello", "World", " HTTPServer"}},
                                    {"\u00C9COLE \u00E9A", {"\u00C9COLE", " \u00E9", "A"}},
                                    {"it's DON'T'S", {"it's", " DON'T", "'S"}},
                                    {"a/b //x\n/", {"a", "/b", " //", "x", "\n", "/"}},
                                    {"e\u0301a", {"e\u0301a"}},
                                    {"\u0301AB", {"\u0301", "AB"}},
                                    {"1234", {"123", "4"}},
                                });
  expect_words(Splitter::tekken, {
                                     {"it's aB 12", {"it", "'s", " a", "B", " ", "1", "2"}},
                                     {"\u6F22A\u5B57", {"\u6F22A\u5B57"}},
                                 });
  expect_words(Splitter::kimi_k2, {{"Hi\u4F60\u597DBob's", {"Hi", "\u4F60\u597D", "Bob's"}}});
}

TEST(WordSplitter, GroupsDigitsFromTheRight) {
  expect_words(Splitter::afmoe, {{"a1234567", {"a", "1", "234", "567"}},
                                 {"  12345", {"  ", "12", "345"}},
                                 {"123456 1", {"123", "456", " ", "1"}}});
  expect_words(Splitter::tiny_aya, {{"1234 x", {"1", "234", " x"}}, {"1234x", {"123", "4", "x"}}});
  expect_words(Splitter::superbpe, {{"a 1234567 b", {"a ", "1", "234", "567", " b"}},
                                    {"12", {"12"}},
                                    {"123\u00B2123", {"123\u00B2", "123"}}});
}

TEST(WordSplitter, AppliesStepAfterStep) {
  expect_words(Splitter::deepseek_llm,
               {{"Hi \u4F60\u597D, 12\n\n x  ",
                 {"Hi", " ", "\u4F60\u597D", ",", " ", "12", "\n", "\n", " x", "  "}}});
  expect_words(Splitter::deepseek_v3,
               {{"a.bc 1234\u4F60!\n", {"a", ".bc", " ", "123", "4", "\u4F60", "!\n"}}});
  expect_words(Splitter::falcon, {{"it's 12345$", {"it", "'", "s", " ", "123", "45", "$"}}});
  expect_words(Splitter::bloom, {{"Hi, you  there", {"Hi", ",", " you", " ", " there"}}});
  expect_words(Splitter::chameleon,
               {{"a<sentinel:1>bIMGIMGABZc  x",
                 {"a", "<", "sentinel", ":", "1", ">", "b", "IMGIMGABZ", "c", "  ", "x"}}});
}

TEST(WordSplitter, CutsSpacesInHalves) {
  const auto words = split_words(Splitter::jais2, std::string(1000, ' ') + "x");
  std::vector<size_t> lengths;
  for (const std::string& word : words) lengths.push_back(word.size());
  EXPECT_EQ(lengths, (std::vector<size_t>{512, 256, 128, 64, 32, 4, 2, 1, 2}));
}

// 2 MB in one word, or of what makes an expression look far ahead, in a moment.
TEST(WordSplitter, TakesLinearTime) {
  constexpr size_t kSize = size_t{2} << 20;
  for (const std::string_view unit :
       {"a", "A", " ", "\n", "1", "\u0301", "\u00AA", "'", " a", "<sentinel:1", "\u4F60", "!"}) {
    std::string text;
    while (text.size() < kSize) text += unit;
    for (const char* end : {"", "x"}) {
      for (const PreTokenizer& row : all_pre_tokenizers()) {
        WordSplitter splitting(row.splitter, text);
        size_t bytes = 0;
        for (std::string_view word; splitting.next(word);) bytes += word.size();
        ASSERT_EQ(bytes, text.size()) << row.name << end;
      }
      text += end;
    }
  }
}

TEST(PreTokenizer, IsFoundByNameWithItsDefaults) {
  ASSERT_NE(find_pre_tokenizer("llama-bpe"), nullptr);
  EXPECT_TRUE(find_pre_tokenizer("llama-bpe")->ignore_merges);
  EXPECT_TRUE(find_pre_tokenizer("llama-bpe")->add_bos);
  ASSERT_NE(find_pre_tokenizer("smaug-bpe"), nullptr);
  EXPECT_FALSE(find_pre_tokenizer("smaug-bpe")->ignore_merges);
  EXPECT_FALSE(find_pre_tokenizer("qwen2")->add_bos);
  EXPECT_EQ(find_pre_tokenizer("qwen2")->splitter, Splitter::qwen2);
  EXPECT_EQ(find_pre_tokenizer(""), nullptr);
  EXPECT_EQ(find_pre_tokenizer("default"), nullptr);
  EXPECT_EQ(find_pre_tokenizer("qwen"), nullptr);
}

}  // namespace
}  // namespace hearth::text
