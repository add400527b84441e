// Unigram language models of SentencePiece, as T5 and XLM-R use them: of all ways to cut a text
// into tokens the one with the best sum of scores. Kudo 2018, "Subword Regularization"; the best
// way is found as Viterbi does.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "gguf/value.h"
#include "text/byte_trie.h"
#include "text/charsmap.h"
#include "text/encoder.h"
#include "text/space_words.h"

namespace hearth::text {

class UgmEncoder final : public Encoder {
 public:
  // Tokens longer than this are never made from text; it bounds the work on hostile files.
  static constexpr size_t kMaxPieceBytes = 256;
  // Text without spaces is cut here, which bounds the memory.
  static constexpr size_t kMaxRunBytes = size_t{1} << 20;

  // bad_file: a bad tokenizer.ggml.precompiled_charsmap, or some text could not be encoded at all.
  [[nodiscard]] static Result<std::unique_ptr<UgmEncoder>> create(
      const gguf::Metadata& metadata, const Vocab& vocab, std::vector<std::string>& warnings);

  void encode(const Vocab& vocab, std::string_view text, bool at_start,
              std::vector<Token>& out) const override;
  void append_normal(const Vocab& vocab, Token token, std::string& out) const override;

 private:
  // The best way to reach a position of a word: the last token of it, and where that begins.
  struct Best {
    double score;
    Token token;
    uint32_t from;
  };

  Result<void> read_pieces(const Vocab& vocab, std::vector<std::string>& warnings);
  Result<void> read_charsmap(const gguf::Metadata& metadata);
  void find_bytes(const Vocab& vocab);
  [[nodiscard]] std::string normalize(const Vocab& vocab, std::string_view text) const;
  void reach(std::string_view word, size_t at, std::vector<Best>& best) const;
  void encode_word(std::string_view word, std::vector<Best>& best, std::vector<Token>& out) const;

  Charsmap charsmap_;
  ByteTrie pieces_;
  std::vector<float> scores_;             // of each token
  std::array<Token, 256> byte_tokens_{};  // all kNoToken unless the vocabulary has every byte
  Token unknown_ = kNoToken;
  float unknown_score_ = 0;
  WordBounds bounds_;
};

}  // namespace hearth::text
