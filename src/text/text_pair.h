// Two texts as one input, for models that score how well they suit each other: a question and a
// passage.
#pragma once

#include <string_view>
#include <vector>

#include "gguf/value.h"
#include "text/tokenizer.h"

namespace hearth::text {

struct PairTokens {
  std::vector<Token> tokens;
  size_t second_from = 0;  // what stands between the texts belongs to the first
};

// Writes the pair as the file's tokenizer.chat_template.rerank says, with {query} and {document} in
// it; without one as BERT and its kind read it: each text ended, a separator between them. Names of
// control tokens in the texts are words.
[[nodiscard]] PairTokens encode_pair(const Tokenizer& tokenizer, const gguf::Metadata& metadata,
                                     std::string_view query, std::string_view document);

}  // namespace hearth::text
