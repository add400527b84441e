// RWKV's tokenizer: of all tokens that the text begins with the longest, again and again. The file
// spells tokens with the escapes \t \n \r \xNN and \\.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/byte_trie.h"
#include "text/encoder.h"

namespace hearth::text {

class RwkvEncoder final : public Encoder {
 public:
  // Tokens longer than this are never made from text; it bounds the work on hostile files.
  static constexpr size_t kMaxTokenBytes = 256;

  [[nodiscard]] static Result<std::unique_ptr<RwkvEncoder>> create(
      const Vocab& vocab, std::vector<std::string>& warnings);

  void encode(const Vocab& vocab, std::string_view text, bool at_start,
              std::vector<Token>& out) const override;
  void append_normal(const Vocab& vocab, Token token, std::string& out) const override;

 private:
  ByteTrie tokens_;
};

}  // namespace hearth::text
