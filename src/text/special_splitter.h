// Finds the tokens that are taken out of a text before anything else is done to it: "<|im_end|>"
// and its like. At every place the longest one wins, as in the tokenizers the models came with.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "text/vocab.h"

namespace hearth::text {

class SpecialSplitter {
 public:
  // Longer texts are never taken out: no model has such, and it bounds the work on hostile files.
  static constexpr size_t kMaxBytes = 256;

  struct Match {
    size_t at = std::string_view::npos;  // npos: none left
    size_t length = 0;
    Token token = kNoToken;
  };

  explicit SpecialSplitter(const Vocab& vocab);

  // The first special token in text[from..]. User-defined tokens always count; control and unknown
  // tokens only with `parse_special`.
  [[nodiscard]] Match find(const Vocab& vocab, std::string_view text, size_t from,
                           bool parse_special) const;

 private:
  [[nodiscard]] Match match_at(const Vocab& vocab, std::string_view text, size_t at,
                               bool parse_special) const;

  std::vector<Token> sorted_;               // by text
  std::array<uint32_t, 257> first_byte_{};  // range of sorted_ for each first byte
};

}  // namespace hearth::text
