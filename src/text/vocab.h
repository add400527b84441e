// The vocabulary of a model: the text, score and kind of every token, and the tokens with a role.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "gguf/value.h"
#include "text/hash.h"

namespace hearth::text {

using Token = int32_t;

inline constexpr Token kNoToken = -1;
inline constexpr uint64_t kMaxTokens = uint64_t{4} << 20;
inline constexpr uint64_t kMaxTokenBytes = uint64_t{64} << 10;
inline constexpr uint64_t kMaxMerges = uint64_t{16} << 20;

// The values of tokenizer.ggml.token_type.
enum class TokenKind : uint8_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6,
};

enum class TokenizerModel : uint8_t {
  none,         // no vocabulary at all: "no_vocab", "none" or no key
  spm,          // "llama": SentencePiece BPE by score
  bpe,          // "gpt2": byte-level BPE by merges; "gemma4": of characters
  wpm,          // "bert": WordPiece
  ugm,          // "t5": unigram language model of SentencePiece
  rwkv,         // "rwkv": the longest token, again and again
  unsupported,  // a name that hearth has no code for
};

// Reads a vocabulary and answers questions about single tokens. Texts are views into the bytes the
// metadata was parsed from and live as long as those; 14 bytes per token are kept beside the index.
class Vocab {
 public:
  // A file without `tokenizer.ggml.tokens` gives an empty vocabulary: the model still has logits,
  // only Tokenizer::create refuses it. Special ids out of range become warnings, not errors.
  [[nodiscard]] static Result<Vocab> read(const gguf::Metadata& metadata);

  [[nodiscard]] size_t size() const { return offsets_.size(); }
  [[nodiscard]] bool contains(Token token) const {
    return token >= 0 && static_cast<size_t>(token) < offsets_.size();
  }

  // The text as the file spells it ("<0x0A>", and spaces as the family marks them); "" when out of
  // range.
  [[nodiscard]] std::string_view text(Token token) const {
    return contains(token) ? text_at(static_cast<size_t>(token)) : std::string_view();
  }
  [[nodiscard]] float score(Token token) const {
    const auto i = static_cast<size_t>(token);
    return contains(token) && i < scores_.size() ? scores_[i] : 0.0f;
  }
  [[nodiscard]] TokenKind kind(Token token) const {
    return contains(token) ? kinds_[static_cast<size_t>(token)] : TokenKind::unknown;
  }
  // The byte that a well-formed "<0xNN>" token of the byte kind stands for.
  [[nodiscard]] std::optional<uint8_t> byte_value(Token token) const;

  // The token with exactly this text; the lowest one when a file has it twice. Never an empty one.
  [[nodiscard]] std::optional<Token> find(std::string_view text) const;

  [[nodiscard]] std::optional<Token> bos() const { return bos_; }
  [[nodiscard]] std::optional<Token> eos() const { return eos_; }
  [[nodiscard]] std::optional<Token> eot() const { return eot_; }  // end of a turn
  [[nodiscard]] std::optional<Token> eom() const {
    return eom_;
  }  // end of a message, tool to follow
  [[nodiscard]] std::optional<Token> unk() const { return unk_; }
  [[nodiscard]] std::optional<Token> pad() const { return pad_; }
  [[nodiscard]] std::optional<Token> sep() const { return sep_; }    // between two texts
  [[nodiscard]] std::optional<Token> mask() const { return mask_; }  // a word to be guessed
  [[nodiscard]] std::optional<Token> newline() const { return newline_; }

  // True for every token that ends an answer: eos, eot, eom and the known end markers.
  [[nodiscard]] bool is_end_of_generation(Token token) const {
    return contains(token) && ends_[static_cast<size_t>(token)] != 0;
  }

  [[nodiscard]] bool add_bos() const { return add_bos_; }
  [[nodiscard]] bool add_eos() const { return add_eos_; }
  // Whether sep stands between two texts, and with WordPiece behind each.
  [[nodiscard]] bool add_sep() const { return add_sep_; }
  // Whether text gets a space in front, which is taken off again when it is read back.
  [[nodiscard]] bool add_space_prefix() const { return add_space_prefix_; }
  // Whether runs of spaces count as one, and those at the ends as none (unigram models).
  [[nodiscard]] bool remove_extra_spaces() const { return remove_extra_spaces_; }

  [[nodiscard]] TokenizerModel model() const { return model_; }
  [[nodiscard]] std::string_view model_name() const { return model_name_; }  // tokenizer.ggml.model
  [[nodiscard]] std::string_view pre_name() const { return pre_name_; }      // tokenizer.ggml.pre
  [[nodiscard]] size_t longest_text() const { return longest_text_; }        // bytes

  // What was odd about the file and what hearth did about it; one line each.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Slot {
    uint32_t tag = 0;
    Token token = kNoToken;
  };

  [[nodiscard]] std::string_view text_at(size_t i) const {
    const uint64_t at = offsets_[i];
    const auto length = load_unaligned<uint64_t>(tokens_.bytes.data() + at);
    return as_text(tokens_.bytes.subspan(at + sizeof length, length));
  }

  Result<void> read_names(const gguf::Metadata& metadata);
  Result<void> read_texts(const gguf::Metadata& metadata);
  Result<void> read_scores(const gguf::Metadata& metadata);
  Result<void> read_kinds(const gguf::Metadata& metadata);
  Result<void> read_special_ids(const gguf::Metadata& metadata);
  Result<void> read_flags(const gguf::Metadata& metadata);
  Result<std::optional<Token>> read_id(const gguf::Metadata& metadata, std::string_view key,
                                       std::optional<Token> fallback);
  void build_index();
  void find_end_markers();
  void find_message_ends();
  [[nodiscard]] std::optional<Token> find_marker(std::string_view text) const;

  gguf::Array tokens_;
  std::vector<uint64_t> offsets_;  // of each text in tokens_.bytes
  std::vector<float> scores_;      // empty when the file has none
  std::vector<TokenKind> kinds_;
  std::vector<uint8_t> ends_;
  std::vector<Slot> index_;  // open addressing, a power of two, at most half full
  uint64_t seed_ = 0;
  size_t longest_text_ = 0;
  bool has_kinds_ = false;

  std::string_view model_name_;
  std::string_view pre_name_;
  TokenizerModel model_ = TokenizerModel::none;
  std::optional<Token> bos_, eos_, eot_, eom_, unk_, sep_, pad_, mask_, newline_;
  bool add_bos_ = false;
  bool add_eos_ = false;
  bool add_sep_ = false;
  bool add_space_prefix_ = false;
  bool remove_extra_spaces_ = false;
  std::vector<std::string> warnings_;
};

}  // namespace hearth::text
