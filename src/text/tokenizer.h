// Text to token ids and back, as the model was trained.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gguf/value.h"
#include "text/encoder.h"
#include "text/special_splitter.h"
#include "text/vocab.h"

namespace hearth::text {

struct EncodeOptions {
  bool add_special = true;     // bos in front and eos behind, where the model wants them
  bool parse_special = false;  // "<|im_start|>" in the text becomes the control token
};

// Whether control and unknown tokens show their text, or nothing.
enum class SpecialTokens { hide, show };

// Safe to use from several threads at once. Refers to the bytes the metadata was parsed from.
class Tokenizer {
 public:
  // unsupported: a kind of tokenizer that hearth has no code for, or a model without vocabulary.
  // bad_file: a vocabulary that contradicts itself. The error names the metadata key.
  [[nodiscard]] static Result<Tokenizer> create(const gguf::Metadata& metadata);

  // Takes any bytes. Reading the tokens back with decode() gives the same bytes, for every
  // vocabulary that can spell all bytes (warnings() tells when it cannot).
  [[nodiscard]] std::vector<Token> encode(std::string_view text, EncodeOptions options = {}) const;

  // A text in pieces, of which only some may name control tokens. What stands between special
  // tokens is encoded together, because a tokenizer may join what is on both sides of a border.
  struct Piece {
    std::string_view text;
    bool parse_special = false;
  };
  [[nodiscard]] std::vector<Token> encode(std::span<const Piece> pieces) const;

  // The bytes that one token stands for: maybe half a character, "" for an id out of range.
  [[nodiscard]] std::string piece(Token token, SpecialTokens special = SpecialTokens::hide) const;
  void append_piece(std::string& out, Token token, SpecialTokens special) const;

  // The text of a whole sequence. Where encode() puts a space in front of text, at the start and
  // with SentencePiece BPE behind special tokens, one space is taken off again.
  [[nodiscard]] std::string decode(std::span<const Token> tokens,
                                   SpecialTokens special = SpecialTokens::hide) const;

  // True for tokens that are not made of text around them: control, unknown and user-defined ones.
  [[nodiscard]] bool is_special(Token token) const;

  [[nodiscard]] const Vocab& vocab() const { return vocab_; }

  // What may make answers worse with this file, one line each; show them to the user.
  [[nodiscard]] std::vector<std::string> warnings() const { return warnings_; }

 private:
  explicit Tokenizer(Vocab vocab);

  Result<void> make_encoder(const gguf::Metadata& metadata);
  Result<void> find_strips(const gguf::Metadata& metadata);
  [[nodiscard]] std::string_view in_front(std::string_view text, Token token) const;
  [[nodiscard]] bool strips_behind(Token token) const;

  Vocab vocab_;
  SpecialSplitter specials_;
  std::unique_ptr<const Encoder> encoder_;
  std::vector<std::string> warnings_;
  // Spaces behind special tokens, or in front of one, that belong to them: nothing is made of them.
  bool strip_after_special_ = false;
  Token strips_before_ = kNoToken;
};

}  // namespace hearth::text
