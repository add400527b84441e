#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "convert/hf_config.h"
#include "convert/pre_tokenizer.h"
#include "convert/sentencepiece_model.h"
#include "convert/vocabulary.h"
#include "text/pretokenize.h"

namespace hearth::convert {
namespace {

using testing::HasSubstr;

std::string varint(uint64_t value) {
  std::string out;
  for (; value > 127; value >>= 7) out += static_cast<char>(value | 128);
  return out + static_cast<char>(value);
}

std::string message(uint32_t field, std::string_view data) {
  return cat(varint(field << 3 | 2), varint(data.size()), data);
}

std::string number(uint32_t field, uint64_t value) {
  return cat(varint(field << 3), varint(value));
}

std::string piece(std::string_view text, float score, uint64_t type) {
  std::string bits(sizeof score, '\0');
  std::memcpy(bits.data(), &score, sizeof score);
  return message(1, cat(message(1, text), varint(2 << 3 | 5), bits, number(3, type)));
}

std::string small_model() {
  return cat(piece("<unk>", 0, 2), piece("<s>", 0, 3), piece("a", -1.5f, 1), piece("<0x41>", 0, 6),
             message(2, cat(number(4, 8000), number(3, 2))),
             message(3, cat(message(1, "identity"), number(3, 0))));
}

TEST(SentencePieceModel, ReadsPiecesAndSpecs) {
  const auto vocabulary = read_sentencepiece(as_bytes(small_model()));
  ASSERT_TRUE(vocabulary.has_value()) << vocabulary.error().message;
  EXPECT_EQ(vocabulary->model, "llama");
  EXPECT_EQ(vocabulary->tokens, (std::vector<std::string>{"<unk>", "<s>", "a", "<0x41>"}));
  EXPECT_EQ(vocabulary->types, (std::vector<int32_t>{2, 3, 1, 6}));
  EXPECT_EQ(vocabulary->scores[2], -1.5f);
  EXPECT_EQ(vocabulary->add_space_prefix, false);
}

TEST(SentencePieceModel, SurvivesEveryTruncationAndChange) {
  const std::string file = small_model();
  for (size_t size = 0; size < file.size(); ++size) {
    (void)read_sentencepiece(as_bytes(std::string(file, 0, size)));
  }
  Rng rng(2);
  for (size_t at = 0; at < file.size(); ++at) {
    for (int i = 0; i < 32; ++i) {
      std::string changed = file;
      changed[at] = static_cast<char>(rng.below(256));
      const auto vocabulary = read_sentencepiece(as_bytes(changed));
      if (vocabulary) {
        EXPECT_EQ(vocabulary->tokens.size(), vocabulary->types.size());
      } else {
        EXPECT_FALSE(vocabulary.error().message.empty());
      }
    }
  }
  EXPECT_FALSE(read_sentencepiece({}));
  EXPECT_FALSE(read_sentencepiece(as_bytes(std::string(11, '\xFF'))));
}

TEST(Json, NamesThePlaceAndLimitsDepth) {
  EXPECT_TRUE(parse_json(R"({"a": [1, "\"]"]})"));
  EXPECT_THAT(parse_json("{\"a\" 1}").error().message, HasSubstr("from byte 5 on"));
  EXPECT_THAT(parse_json(std::string(65, '[') + std::string(65, ']')).error().message,
              HasSubstr("deeper than 64"));
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
}

Result<HfConfig> config_of(std::string_view json) {
  return HfConfig::create(Json::parse(json, nullptr, false));
}

TEST(HfConfig, TakesTheTextPartFirst) {
  const auto config = config_of(R"({"architectures": ["A"], "hidden_size": 1, "top": 2,
      "text_config": {"hidden_size": 3, "none": null}})");
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->architecture(), "A");
  EXPECT_EQ(*config->size({"hidden_size"}), 3u);
  EXPECT_EQ(*config->size({"other", "top"}), 2u);
  EXPECT_EQ(*config->size_or({"none"}, 7), 7u);
}

TEST(HfConfig, NamesTheKeyThatIsWrong) {
  const auto config = config_of(R"({"architectures": ["A"], "a": -1, "b": 1.5, "c": "x", "d": 1e99,
      "layer_types": ["x"], "num_hidden_layers": 2})");
  ASSERT_TRUE(config.has_value());
  for (const char* key : {"a", "b", "c", "d"}) {
    const auto value = config->size({key});
    ASSERT_FALSE(value.has_value()) << key;
    EXPECT_THAT(value.error().message, HasSubstr(cat("'", key, "' is not a whole number")));
  }
  EXPECT_THAT(config->size({"z"}).error().message, HasSubstr("has no 'z'"));
  EXPECT_FALSE(config->real({"c"}));
  EXPECT_FALSE(config->flag_or({"a"}, true));
  EXPECT_FALSE(config->text_or({"a"}, ""));
  EXPECT_FALSE(config->layer_types());
  EXPECT_FALSE(config_of("[]"));
  EXPECT_FALSE(config_of("{}"));
  EXPECT_FALSE(config_of(R"({"architectures": [1]})"));
}

TEST(HfConfig, KnowsOldAndNewRope) {
  const auto old = config_of(R"({"architectures": ["A"], "rope_scaling": {"type": "linear"}})");
  EXPECT_EQ(*old->rope().text_or({"rope_type", "type"}, ""), "linear");
  const auto split = config_of(R"({"architectures": ["A"], "rope_parameters": {
      "full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}})");
  EXPECT_EQ(*split->rope().real({"rope_theta"}), 1e6);
  EXPECT_EQ(*split->sliding_rope().real({"rope_theta"}), 1e4);
}

std::string pre_of(const Json& steps, const std::string& architecture, bool ignore_merges) {
  const Json tokenizer = {{"model", {{"ignore_merges", ignore_merges}}},
                          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", steps}}}};
  std::vector<std::string> warnings;
  const auto name = pre_tokenizer_name(tokenizer, architecture, "", warnings);
  return name ? cat(*name, warnings.empty() ? "" : " (guessed)") : name.error().message;
}

Json split(std::string_view expression) {
  return {{"type", "Split"}, {"pattern", {{"Regex", std::string(expression)}}}};
}

TEST(PreTokenizer, IsFoundByWhatTheFileSplitsWith) {
  const Json bytes = {{"type", "ByteLevel"}, {"use_regex", false}};
  const Json gpt2 = {{"type", "ByteLevel"}};
  const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
  const Json llama3 =
      split(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+)"
            R"([\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
  EXPECT_EQ(pre_of(Json::array({gpt2}), "llama", false), "gpt-2");
  EXPECT_EQ(pre_of({digits, gpt2}, "llama", false), "smollm");
  EXPECT_EQ(pre_of({digits, gpt2}, "starcoder2", false), "starcoder");
  EXPECT_EQ(pre_of({digits, gpt2}, "granite", false), "refact");
  EXPECT_EQ(pre_of({llama3, bytes}, "llama", true), "llama-bpe");
  EXPECT_EQ(pre_of({llama3, bytes}, "phi3", false), "dbrx");
  EXPECT_EQ(pre_of({llama3, bytes}, "glm4", false), "glm4");
  EXPECT_EQ(pre_of({llama3, bytes}, "lfm2", true), "lfm2");
  const Json tekken = split(
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?)"
      R"([^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
  EXPECT_EQ(pre_of({tekken, bytes}, "llama", true), "tekken");
  const Json gpt4o = split(
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
      R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+)"
      R"([\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
  EXPECT_EQ(pre_of({gpt4o, bytes}, "gpt-oss", false), "gpt-4o");
  // With line ends as themselves.
  const Json deepseek[] = {
      split(R"(\p{N}{1,3})"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
      split("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?"
            "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")};
  EXPECT_EQ(pre_of({deepseek[0], deepseek[1], deepseek[2], bytes}, "deepseek2", false),
            "deepseek-v3");
  const Json runs = {{"type", "Digits"}, {"individual_digits", false}};
  EXPECT_EQ(pre_of({split("[\r\n]"), split("\\s?[A-Z]+"), split("\\s?[!-/]+"), split("\\s+$"),
                    split("[\u4e00-\u9fa5]+"), runs, bytes},
                   "deepseek2", false),
            "deepseek-llm");
  EXPECT_EQ(pre_of({split("x"), bytes}, "qwen35", false), "qwen35 (guessed)");
  EXPECT_THAT(pre_of({split("x"), bytes}, "llama", false), HasSubstr("--pre"));
}

TEST(PreTokenizer, KnowsOnlyNamesThatHearthHas) {
  std::vector<std::string> warnings;
  for (const char* name : {"gpt-2", "smollm", "starcoder", "refact", "dbrx", "llama-bpe", "glm4",
                           "lfm2", "qwen2", "qwen35", "gpt-4o", "tekken", "deepseek-v3",
                           "deepseek-coder", "falcon", "bloom", "roberta-bpe"}) {
    EXPECT_NE(text::find_pre_tokenizer(name), nullptr) << name;
  }
  EXPECT_FALSE(pre_tokenizer_name(Json(), "llama", "no-such", warnings));
}

TEST(Vocabulary, MergesBecomeScores) {
  Vocabulary vocabulary;
  for (const char* token : {"a", "b", "ab", "aba", "zz"}) {
    vocabulary.put(vocabulary.tokens.size(), token, kNormalToken);
  }
  vocabulary.merges = {"a b", "ab a", "a ba"};
  const auto scored = scores_from_merges(vocabulary);
  ASSERT_TRUE(scored.has_value());
  EXPECT_EQ(scored->scores, (std::vector<float>{-3, -3, 0, -1, -3}));
  EXPECT_TRUE(scored->merges.empty());
  vocabulary.merges = {"ab"};
  EXPECT_FALSE(scores_from_merges(vocabulary));
}

}  // namespace
}  // namespace hearth::convert
