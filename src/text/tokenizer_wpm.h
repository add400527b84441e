// WordPiece, as BERT and the embedding models after it use it: text is lowercased, freed of accents
// and split at spaces, signs and ideographs; each word is cut into the longest tokens from the
// left.
//
// GGUF writes BERT's "word" as "\u2581word" and its "##piece" as "piece".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "gguf/value.h"
#include "text/byte_trie.h"
#include "text/encoder.h"
#include "text/unicode.h"

namespace hearth::text {

class WpmEncoder final : public Encoder {
 public:
  // A longer word is the unknown token, as in BERT's own tokenizer.
  static constexpr size_t kMaxWordChars = 100;

  // bad_file when the vocabulary has no unknown token. Reads tokenizer.ggml.normalizer.lowercase
  // and .strip_accents.
  [[nodiscard]] static Result<std::unique_ptr<WpmEncoder>> create(const gguf::Metadata& metadata,
                                                                  const Vocab& vocab);

  void encode(const Vocab& vocab, std::string_view text, bool at_start,
              std::vector<Token>& out) const override;
  void append_normal(const Vocab& vocab, Token token, std::string& out) const override;

 private:
  // One word while its characters come in.
  struct Word {
    std::string text;  // with the mark in front
    size_t chars = 0;
  };

  void encode_chunk(std::string_view chunk, Word& word, std::vector<Token>& out) const;
  void add_char(char32_t code, uint16_t kind, Word& word, std::vector<Token>& out) const;
  void add_folded(const ClassedChar& c, Word& word, std::vector<Token>& out) const;
  [[nodiscard]] size_t chunk_end(std::string_view text, size_t at) const;
  void finish_word(Word& word, std::vector<Token>& out) const;

  const CharTable& chars_ = CharTable::get();
  ByteTrie tokens_;
  uint32_t behind_mark_ = ByteTrie::kNone;  // the node of tokens_ where words begin
  Token unknown_ = kNoToken;
  bool lowercase_ = true;
  bool strip_accents_ = true;
};

}  // namespace hearth::text
