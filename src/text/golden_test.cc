// Exact ids against other programs' tokenizers, on the bundled model and on real vocabularies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "text/test_vocab.h"
#include "text/tokenizer.h"

namespace hearth::text {
namespace {

constexpr EncodeOptions kPlain{false, false};

std::string without_last_newline(std::string text) {
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// The texts of NAME.inp: separated by a line, so the newline in front of it is not part of a text.
std::vector<std::string> split_cases(const std::string& content) {
  constexpr std::string_view kSeparator = "__ggml_vocab_test__\n";
  std::vector<std::string> cases;
  size_t from = 0;
  while (from < content.size()) {
    const size_t to = content.find(kSeparator, from);
    cases.push_back(without_last_newline(content.substr(from, to - from)));
    if (to == content.npos) break;
    from = to + kSeparator.size();
  }
  return cases;
}

std::vector<std::vector<Token>> read_ids(const std::string& content) {
  std::vector<std::vector<Token>> lines;
  std::istringstream in(content);
  for (std::string line; std::getline(in, line);) {
    std::istringstream numbers(line);
    lines.emplace_back();
    for (Token token = 0; numbers >> token;) lines.back().push_back(token);
  }
  return lines;
}

class VocabularyTest : public testing::TestWithParam<std::string> {};

TEST_P(VocabularyTest, GivesTheExpectedIdsAndReadsThemBack) {
  const std::string base = shared_path("vocab/" + GetParam());
  const auto file = load_gguf(base + ".gguf");
  const auto input = read_whole(base + ".inp");
  const auto expected = read_whole(base + ".out");
  if (!file || !input || !expected) {
    GTEST_SKIP() << "NOT TESTED: no " << base << ".{gguf,inp,out} beside the source tree";
  }
  const auto tokenizer = Tokenizer::create(file->file.metadata);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_THAT(tokenizer->warnings(), testing::IsEmpty());
  const auto cases = split_cases(*input);
  const auto ids = read_ids(*expected);
  ASSERT_GE(cases.size(), ids.size());
  ASSERT_GE(ids.size(), 40u);
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto tokens = tokenizer->encode(cases[i], kPlain);
    EXPECT_EQ(tokens, ids[i]) << "case " << i << ": '" << cases[i] << "'";
    EXPECT_EQ(tokenizer->encode(cases[i], {false, true}), ids[i]);
    // WordPiece keeps neither case nor accents nor spaces.
    const bool keeps_all = tokenizer->vocab().model() != TokenizerModel::wpm;
    if (keeps_all) EXPECT_EQ(tokenizer->decode(tokens), cases[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, VocabularyTest,
                         testing::Values("llama-spm", "phi-3", "gpt-2", "llama-bpe", "qwen2",
                                         "gemma-4", "bert-bge"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::erase(name, '-');
                           return name;
                         });

// One JSON object in every line of a file of tests/data.
std::vector<nlohmann::json> read_lines(const std::string& name) {
  const auto content = read_whole(HEARTH_SOURCE_DIR "/tests/data/" + name);
  EXPECT_TRUE(content) << name;
  std::vector<nlohmann::json> lines;
  std::istringstream in(content.value_or(""));
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

// Made by tools/compare_tokenizers.py from the models' own expressions, where llama.cpp's ids
// agreed.
TEST(PreTokenizers, SplitAsTheModelsDo) {
  const auto cases = read_lines("pretokenizer_cases.jsonl");
  EXPECT_GE(cases.size(), 1000u);
  for (const nlohmann::json& c : cases) {
    const auto words = c["words"].get<std::vector<std::string>>();
    std::string text;
    for (const std::string& word : words) text += word;
    const PreTokenizer* pre = find_pre_tokenizer(c["pre"].get<std::string>());
    WordSplitter splitting(pre == nullptr ? Splitter::usual : pre->splitter, text);
    std::vector<std::string> found;
    for (std::string_view word; splitting.next(word);) found.emplace_back(word);
    EXPECT_EQ(found, words) << c["pre"];
  }
}

// What llama.cpp v0.5.0 gives for random texts, made by the same tool.
TEST(Tokenizers, GiveTheIdsOfLlamaCpp) {
  std::map<std::string, std::unique_ptr<LoadedFile>> files;
  std::map<std::string, Tokenizer> tokenizers;
  for (const nlohmann::json& c : read_lines("tokenizer_cases.jsonl")) {
    const auto name = c["vocab"].get<std::string>();
    if (files.find(name) == files.end()) {
      files[name] = load_gguf(shared_path(cat("vocab/", name, ".gguf")));
      if (!files[name]) GTEST_SKIP() << "NOT TESTED: no shared/vocab beside the source tree";
      auto made = Tokenizer::create(files[name]->file.metadata);
      ASSERT_TRUE(made) << made.error().message;
      tokenizers.emplace(name, *std::move(made));
    }
    const auto text = c["text"].get<std::string>();
    const auto ids = tokenizers.at(name).encode(text, {.add_special = true, .parse_special = true});
    EXPECT_EQ(ids, c["ids"].get<std::vector<Token>>()) << name << ": " << text;
  }
}

struct ChatCase {
  std::string vocabulary;
  std::string text;
  std::vector<Token> ids;
  Token end_of_turn;
};

const ChatCase kChats[] = {
    {"phi-3", "<|user|>\nHi<|end|>\n<|assistant|>\n", {32010, 6324, 32007, 32001}, 32007},
    {"llama-bpe", "<|begin_of_text|>Hi<|eot_id|>", {128000, 13347, 128009}, 128009},
    {"qwen2", "<|im_start|>user\nHi<|im_end|>", {151644, 872, 198, 13048, 151645}, 151645},
};

TEST(SpecialTokens, AreTakenOutOfChatsForRealVocabularies) {
  for (const ChatCase& c : kChats) {
    const auto file = load_gguf(shared_path("vocab/" + c.vocabulary + ".gguf"));
    if (!file) GTEST_SKIP() << "NOT TESTED: no shared/vocab beside the source tree";
    const auto tokenizer = Tokenizer::create(file->file.metadata);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ(tokenizer->encode(c.text, {false, true}), c.ids) << c.vocabulary;
    EXPECT_TRUE(tokenizer->vocab().is_end_of_generation(c.end_of_turn)) << c.vocabulary;
    const auto plain = tokenizer->encode(c.text, kPlain);
    for (const Token token : plain) EXPECT_FALSE(tokenizer->is_special(token)) << c.vocabulary;
    EXPECT_EQ(tokenizer->decode(plain), c.text) << c.vocabulary;
  }
}

class BundledModelTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = load_gguf(bundled_model_path());
    ASSERT_NE(file_, nullptr) << "cannot read " << bundled_model_path();
    auto made = Tokenizer::create(file_->file.metadata);
    ASSERT_TRUE(made) << made.error().message;
    tokenizer_.emplace(*std::move(made));
  }

  std::unique_ptr<LoadedFile> file_;
  std::optional<Tokenizer> tokenizer_;
};

TEST_F(BundledModelTest, KnowsItsSpecialTokens) {
  const Vocab& vocab = tokenizer_->vocab();
  EXPECT_EQ(vocab.size(), 4096u);
  EXPECT_EQ(vocab.bos(), 1);
  EXPECT_EQ(vocab.eos(), 2);
  EXPECT_EQ(vocab.unk(), 0);
  EXPECT_EQ(vocab.newline(), 13);
  EXPECT_TRUE(vocab.add_bos());
  EXPECT_FALSE(vocab.add_eos());
  EXPECT_TRUE(vocab.is_end_of_generation(2));
  EXPECT_FALSE(vocab.is_end_of_generation(1));
  EXPECT_THAT(tokenizer_->warnings(), testing::IsEmpty());
}

struct IdCase {
  std::string text;
  std::vector<Token> ids;
};

// Made with the PyTorch reference of the model.
const IdCase kPrompts[] = {
    {"Once upon a time", {1, 476, 473, 261, 420}},
    {"Lily and Tom went to the park. They saw a",
     {1, 418, 270, 493, 451, 271, 264, 676, 4041, 347, 424, 261}},
    {"One day, a little dog named Max found a shiny red ball.\n\"What is this?\" he asked.",
     {1,   442, 364,  4047, 261,  404, 590, 492, 671, 570, 261, 1188,
      854, 642, 4041, 13,   4051, 987, 393, 562, 488, 284, 534, 4041}},
    {"The king had 3 daughters, and the youngest (who was 12) said: \"Caf\303\251 is closed!\"",
     {1,   297,  989,  354,  4025, 4083, 1407, 610, 4047, 270,  264, 3684, 2280, 4039, 2124,
      291, 4025, 4086, 4087, 4084, 340,  4081, 310, 4076, 1769, 198, 172,  393,  2089, 435}},
};

TEST_F(BundledModelTest, GivesTheIdsOfTheReferencePrompts) {
  for (const IdCase& c : kPrompts) {
    EXPECT_EQ(tokenizer_->encode(c.text), c.ids) << c.text;
    EXPECT_EQ(tokenizer_->decode(c.ids), c.text);
  }
}

// Made with python3-sentencepiece 0.1.97 and the model the vocabulary was converted from.
const IdCase kSentencePiece[] = {
    {"Hello", {343, 2533}},
    {"  two  spaces  ", {4025, 4025, 839, 4025, 465, 1781, 4025, 4025}},
    {" ", {4025, 4025}},
    {"tabs\tand\nnewlines\n\n", {260, 535, 4033, 12, 545, 13, 4031, 712, 4036, 2877, 13, 13}},
    {"It's 3.14 or 1,000,000!", {455,  4052, 4033, 4025, 4083, 4041, 4086, 4090, 657,  4025,
                                 4086, 4047, 4088, 4088, 4088, 4047, 4088, 4088, 4088, 4056}},
    {"<s> </s> <unk> <0x41>", {4025, 63,   4033, 65,   4025, 63,   50,   4033, 65,   4025,
                               63,   2275, 65,   4025, 63,   4088, 4062, 4090, 4086, 65}},
    {"na\303\257ve caf\303\251", {296, 4027, 198, 178, 342, 277, 1769, 198, 172}},
    {"\344\275\240\345\245\275", {4025, 231, 192, 163, 232, 168, 192}},
    {"\360\237\230\200 smile", {4025, 243, 162, 155, 131, 1092}},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     {261,  4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027,
      4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027,
      4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027,
      4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027,
      4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027, 4027}},
    {"CamelCaseWordsAndMore", {630, 327, 419, 4076, 873, 4063, 1331, 4033, 2085, 4061, 421}},
    {"The quick brown fox jumps over the lazy dog.",
     {297, 1187, 2191, 1758, 860, 4033, 701, 264, 3551, 590, 4041}},
    {"x", {4025, 4062}},
    {"\303\251", {4025, 198, 172}},
    {"antidisestablishmentarianism",
     {2223, 298, 286, 531, 535, 4036, 643, 1490, 290, 2014, 286, 4040}},
};

TEST_F(BundledModelTest, AgreesWithSentencePiece) {
  for (const IdCase& c : kSentencePiece) {
    EXPECT_EQ(tokenizer_->encode(c.text, kPlain), c.ids) << c.text;
    EXPECT_EQ(tokenizer_->decode(c.ids), c.text);
  }
}

}  // namespace
}  // namespace hearth::text
