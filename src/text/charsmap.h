// The character map of SentencePiece models, as tokenizer.ggml.precompiled_charsmap holds it: what
// begins with one of its texts is replaced before anything else is done.
//
// The format is Darts-clone's double array, as SentencePiece writes it
// (docs/formats/gguf.md): four bytes with the size of the array in bytes, the array, then the
// replacements, each ended by a zero byte.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "text/byte_trie.h"

namespace hearth::text {

class Charsmap {
 public:
  static constexpr size_t kMaxBytes = size_t{16} << 20;
  static constexpr size_t kMaxRules = size_t{1} << 18;
  static constexpr size_t kMaxVisits = size_t{1} << 19;
  static constexpr size_t kMaxRuleBytes = 64;          // of the text that is replaced
  static constexpr size_t kMaxReplacementBytes = 256;  // of what it becomes
  // Bytes that a byte becomes; NFKC makes 11 of one at most (U+FDFA).
  static constexpr size_t kMaxGrowth = 16;

  // No rules: text stays as it is.
  Charsmap();

  // Reads all rules once, so that no text can meet a bad one. bad_file: sizes that do not fit, a
  // replacement without end or outside of the file or not in UTF-8;
  // too_large: beyond the limits above.
  [[nodiscard]] static Result<Charsmap> read(Bytes bytes);

  struct Step {
    std::string_view text;  // what comes out
    size_t consumed = 1;    // bytes of what went in
  };
  // What stands for the beginning of text[at..]: the replacement of the longest rule, or the
  // character itself, or U+FFFD for one byte that is none.
  [[nodiscard]] Step step(std::string_view text, size_t at) const;

  // How many bytes of text[at..] certainly stay as they are; may be fewer than do.
  [[nodiscard]] size_t plain_run(std::string_view text, size_t at) const {
    size_t end = at;
    while (end < text.size() && plain_[static_cast<unsigned char>(text[end])]) ++end;
    // A rule could join the last one with what follows.
    return end > at && end < text.size() ? end - at - 1 : end - at;
  }

  [[nodiscard]] size_t rules() const { return replacements_.size(); }

 private:
  void find_plain();

  std::vector<std::string> replacements_;
  ByteTrie trie_;
  // ASCII that no rule begins with, or only rules that go on with something else.
  std::array<bool, 256> plain_{};
};

}  // namespace hearth::text
