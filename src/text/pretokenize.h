// Splits text into the words that BPE merges within, as the expressions of each model family do. A
// new family is a row in the tables of pretokenize.cc, and a step if one of its expressions is new.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "text/split_step.h"

namespace hearth::text {

// The families; pretokenize.cc has the steps of each.
enum class Splitter : uint8_t {
  usual,  // for models that do not say: what llama.cpp calls "default"
  gpt2,
  digits_gpt2,  // every digit alone, then gpt2 on what is between
  llama3,
  jais2,
  qwen2,
  qwen35,
  minicpm5,
  seed_coder,
  ufakzeka,
  exaone_moe,
  gpt4o,
  tekken,
  youtu,
  kimi_k2,
  tiny_aya,
  deepseek_llm,
  deepseek_coder,
  deepseek_v3,
  spark,
  afmoe,
  falcon,
  bloom,
  viking,
  superbpe,
  chameleon,
  laguna,
  lines,
  not_space,
};

// What merging begins with.
enum class Spelling : uint8_t {
  bytes,       // one token for each byte, in GPT-2's alphabet
  characters,  // one token for each character
  marked,      // the same, with spaces written as U+2581
};

struct PreTokenizer {
  std::string_view name;  // a value of tokenizer.ggml.pre
  Splitter splitter = Splitter::usual;
  bool add_bos = false;        // when tokenizer.ggml.add_bos_token does not say
  bool ignore_merges = false;  // a word that is a token is taken as it is
  bool add_sep = false;        // when tokenizer.ggml.add_sep_token does not say
  Spelling spelling = Spelling::bytes;
  bool newline_tokens = false;  // a run of newlines that is a token is taken as it is
};

// nullptr when hearth does not know the name.
[[nodiscard]] const PreTokenizer* find_pre_tokenizer(std::string_view name);
// All that hearth knows, for tests.
[[nodiscard]] std::span<const PreTokenizer> all_pre_tokenizers();

// Yields the words of a text in order; joined they are the text, and none is empty. Any bytes will
// do: each byte of invalid UTF-8 counts as a character of no class. Takes time linear in the text.
class WordSplitter {
 public:
  WordSplitter(Splitter splitter, std::string_view text);

  // False when the text is used up.
  [[nodiscard]] bool next(std::string_view& word);

 private:
  static constexpr size_t kMostSteps = 6;

  // Step i cuts piece i, which is a piece of step i - 1; piece 0 is the text.
  struct Piece {
    size_t begin = 0;
    size_t end = 0;
    SplitMemo memo;
  };

  [[nodiscard]] size_t cut(size_t level);

  SplitSteps steps_;
  std::string_view text_;
  std::span<const SplitStep> order_;
  std::array<Piece, kMostSteps> pieces_{};
  size_t at_ = 0;
};

}  // namespace hearth::text
