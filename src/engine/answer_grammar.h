// A grammar for answers of a model: what grammar/ needs to know of its tokens.
#pragma once

#include <memory>

#include "grammar/constraint.h"
#include "text/tokenizer.h"

namespace hearth::engine {

// All tokens by the bytes that they add to an answer; control tokens add none. Takes a tenth of a
// second for a large vocabulary: to be shared by all answers of a model.
[[nodiscard]] std::shared_ptr<const grammar::TokenTrie> token_trie(
    const text::Tokenizer& tokenizer);

// For one answer.
[[nodiscard]] std::unique_ptr<grammar::Constraint> constrain(
    std::shared_ptr<const grammar::Grammar> grammar, std::shared_ptr<const grammar::TokenTrie> trie,
    const text::Vocab& vocab);

}  // namespace hearth::engine
