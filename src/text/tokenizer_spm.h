// SentencePiece BPE with byte fallback, as Llama 2, Mistral, Gemma and Phi-3 use it: the tokens are
// merged by score, a space is written as U+2581.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/char_tokens.h"
#include "text/encoder.h"
#include "text/merge.h"
#include "text/space_words.h"
#include "text/word_cache.h"

namespace hearth::text {

class SpmEncoder final : public Encoder {
 public:
  // Tokens longer than this are never made from text; it bounds the work on hostile files.
  static constexpr size_t kMaxTokenBytes = 256;

  // bad_file when some text could not be encoded at all: no byte tokens and no unknown token.
  [[nodiscard]] static Result<std::unique_ptr<SpmEncoder>> create(
      const Vocab& vocab, std::vector<std::string>& warnings);

  void encode(const Vocab& vocab, std::string_view text, bool at_start,
              std::vector<Token>& out) const override;
  void append_normal(const Vocab& vocab, Token token, std::string& out) const override;

 private:
  void rank_tokens(const Vocab& vocab, std::vector<std::string>& warnings);
  [[nodiscard]] Merge find(const Vocab& vocab, std::string_view text) const;
  void encode_escaped(const Vocab& vocab, std::string_view escaped, std::vector<Token>& out) const;
  void encode_word(const Vocab& vocab, std::string_view word, Merger& merger,
                   std::vector<Token>& out) const;
  void append_bytes(std::string_view text, std::vector<Token>& out) const;

  std::vector<uint32_t> ranks_;  // of each token by score, the best 0; kNoMerge: never a result
  std::array<Token, 256> byte_tokens_{};
  CharTokens char_tokens_;
  size_t longest_ = 0;  // bytes of the longest token that can be a result
  WordBounds bounds_;
};

}  // namespace hearth::text
