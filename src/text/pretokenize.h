// Splits text into the words that byte-level BPE merges within, as the expressions of each model
// family do. A new family is a row in the table of pretokenize.cc, and a splitter if its expression
// is new.
#pragma once

#include <cstdint>
#include <string_view>

#include "text/unicode.h"

namespace hearth::text {

// Each names the expression it implements; the comments in pretokenize.cc spell them out.
enum class Splitter : uint8_t {
  gpt2,
  digits_gpt2,  // every digit alone, then gpt2 on what is between
  llama3,       // digits by up to three
  qwen2,        // digits one by one
  qwen35,       // as qwen2, with marks counted as letters
};

struct PreTokenizer {
  std::string_view name;  // a value of tokenizer.ggml.pre
  Splitter splitter = Splitter::gpt2;
  bool add_bos = false;        // when tokenizer.ggml.add_bos_token does not say
  bool ignore_merges = false;  // a word that is a token is taken as it is
};

// nullptr when hearth does not know the name.
[[nodiscard]] const PreTokenizer* find_pre_tokenizer(std::string_view name);

// Yields the words of a text in order; joined they are the text, and none is empty. Any bytes will
// do: each byte of invalid UTF-8 counts as a character of no class.
class WordSplitter {
 public:
  WordSplitter(Splitter splitter, std::string_view text);

  // False when the text is used up.
  [[nodiscard]] bool next(std::string_view& word);

 private:
  // One character: where it ends, and what it is. At the end of the text, length is 0.
  struct Char {
    size_t end = 0;
    uint8_t kind = 0;
    unsigned char ascii = 0;  // 0 when it is not ASCII
  };

  [[nodiscard]] Char read(size_t at) const;
  [[nodiscard]] size_t skip(size_t at, uint8_t mask) const;  // characters of a class in the mask
  [[nodiscard]] size_t skip_other(size_t at, uint8_t not_in) const;
  [[nodiscard]] size_t contraction(size_t at, bool any_case) const;
  [[nodiscard]] size_t spaces(size_t at) const;
  [[nodiscard]] size_t gpt2_word(size_t at) const;
  [[nodiscard]] size_t llama3_word(size_t at, uint32_t max_digits, uint8_t letters) const;
  [[nodiscard]] size_t next_number(size_t at) const;

  const CharTable& chars_;
  std::string_view text_;
  size_t at_ = 0;
  size_t limit_ = 0;  // the text ends here as far as the expressions can see
  Splitter splitter_;
};

}  // namespace hearth::text
