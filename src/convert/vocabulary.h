// The tokenizer of a Hugging Face folder as GGUF has it: tokenizer.json, or tokenizer.model, or
// vocab.json with merges.txt, and what the small files beside them say of special tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "convert/conversion.h"
#include "convert/json.h"

namespace hearth::convert {

// The files of a tokenizer; null where one is not there.
struct TokenizerFiles {
  Json tokenizer;   // tokenizer.json, or what vocab.json and merges.txt say in its form
  Json config;      // tokenizer_config.json
  Json added;       // added_tokens.json
  Json generation;  // generation_config.json
  std::optional<std::string> sentencepiece;  // the bytes of tokenizer.model
  std::optional<std::string> chat_template;  // chat_template.jinja or .json

  // An error when the folder holds no tokenizer.
  [[nodiscard]] static Result<TokenizerFiles> read(const std::string& folder);
};

// The values of tokenizer.ggml.token_type.
enum TokenType : int32_t {
  kNormalToken = 1,
  kUnknownToken = 2,
  kControlToken = 3,
  kUserToken = 4,
  kUnusedToken = 5,
  kByteToken = 6,
};

struct Vocabulary {
  std::string model;  // tokenizer.ggml.model
  std::string pre;    // tokenizer.ggml.pre
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  std::vector<float> scores;        // empty where the model has none
  std::vector<std::string> merges;  // the same
  std::vector<uint8_t> charsmap;    // the same
  std::optional<bool> add_bos;      // where the family knows better than the files
  std::optional<bool> add_space_prefix;
  std::optional<bool> remove_extra_whitespaces;
  std::optional<bool> lowercase;
  std::optional<bool> strip_accents;

  // Gives a token its place; places that were passed over are filled by fill_gaps().
  void put(size_t id, std::string token, TokenType type, float score = 0);
  void fill_gaps();
};

inline constexpr size_t kMaxVocabulary = size_t{4} << 20;

// What a token of tokenizer.json's list of added ones is.
struct AddedToken {
  size_t id = 0;
  std::string content;
  bool special = false;
};
// `count` is how many tokens the model has without them.
[[nodiscard]] Result<std::vector<AddedToken>> added_tokens(const TokenizerFiles& files,
                                                           size_t count);
// Some models do not mark what ought to be a control token.
[[nodiscard]] bool looks_special(std::string_view token);

// Reads the vocabulary, brought to `n_vocab` tokens, the rows of the embedding. `pre` is a name of
// a pre-tokenizer that counts more than what the files say, "" for none.
[[nodiscard]] Result<Vocabulary> read_vocabulary(const TokenizerFiles& files,
                                                 const std::string& architecture, size_t n_vocab,
                                                 const std::string& pre,
                                                 std::vector<std::string>& warnings);

// From tokenizer.json's three kinds of models.
[[nodiscard]] Result<Vocabulary> read_bpe(const TokenizerFiles& files, bool of_bytes);
[[nodiscard]] Result<Vocabulary> read_word_piece(const TokenizerFiles& files);
[[nodiscard]] Result<Vocabulary> read_unigram(const TokenizerFiles& files);
// The scores that make SentencePiece's BPE merge in the order of a list of merges.
[[nodiscard]] Result<Vocabulary> scores_from_merges(Vocabulary vocabulary);

// Everything under "tokenizer.": the vocabulary, ids of special tokens, whether they are put around
// a prompt, the chat template.
[[nodiscard]] Result<void> add_tokenizer_keys(Conversion& conversion, const TokenizerFiles& files,
                                              const Vocabulary& vocabulary);

}  // namespace hearth::convert
