// BPE as GPT-2 introduced it: text is split into words, every byte of a word is a token, and
// neighbours are merged in the order of a list. Llama 3, Qwen and many others use it. Gemma 4 and a
// few others merge characters instead, with spaces written as U+2581 and byte tokens for unknown
// ones.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "gguf/value.h"
#include "text/char_tokens.h"
#include "text/encoder.h"
#include "text/pair_table.h"
#include "text/pretokenize.h"
#include "text/space_words.h"
#include "text/word_cache.h"

namespace hearth::text {

// The character that GPT-2 writes for a byte: itself when it is printable in Latin-1, otherwise one
// from U+0100 on, so that no token ever holds a space or a control character.
[[nodiscard]] char32_t byte_to_char(uint8_t byte);
// The byte that a character stands for, or -1.
[[nodiscard]] int char_to_byte(char32_t code);

class BpeEncoder final : public Encoder {
 public:
  // Reads tokenizer.ggml.merges; bad_file when it is missing or malformed. An unknown
  // tokenizer.ggml.pre is a warning: words are then split as GPT-2 does.
  [[nodiscard]] static Result<std::unique_ptr<BpeEncoder>> create(
      const gguf::Metadata& metadata, const Vocab& vocab, std::vector<std::string>& warnings);

  void encode(const Vocab& vocab, std::string_view text, bool at_start,
              std::vector<Token>& out) const override;
  void append_normal(const Vocab& vocab, Token token, std::string& out) const override;

 private:
  void choose_splitter(const Vocab& vocab, std::vector<std::string>& warnings);
  void map_bytes(const Vocab& vocab, std::vector<std::string>& warnings);
  void map_characters(const Vocab& vocab);
  Result<void> read_merges(const gguf::Metadata& metadata, const Vocab& vocab,
                           std::vector<std::string>& warnings);
  [[nodiscard]] Token whole_word(const Vocab& vocab, std::string_view word,
                                 std::string& scratch) const;
  void encode_words(const Vocab& vocab, std::string_view text, std::vector<Token>& out) const;
  void encode_pieces(const Vocab& vocab, std::string_view text, std::vector<Token>& out) const;
  void encode_word(std::string_view word, Merger& merger, std::vector<Token>& out) const;
  void encode_characters(const Vocab& vocab, std::string_view word, Merger& merger,
                         std::vector<Token>& out) const;

  PreTokenizer pre_;
  PairTable merges_;
  std::array<Token, 256> byte_tokens_{};  // kNoToken when the vocabulary lacks the byte
  std::vector<Merge> byte_merges_;        // of every two bytes: what each word begins with
  // Of text that is not spelled in bytes: single characters, and where words can be merged apart.
  CharTokens char_tokens_;
  WordBounds bounds_;
  bool drops_spaces_ = false;  // all whitespace in a text, as the model "whitespace" does
  bool lowercase_ = false;     // of a text whose spaces are dropped
  Token unknown_ = kNoToken;
};

}  // namespace hearth::text
