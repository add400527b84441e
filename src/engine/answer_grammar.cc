#include "engine/answer_grammar.h"

#include <utility>

namespace hearth::engine {

std::shared_ptr<const grammar::TokenTrie> token_trie(const text::Tokenizer& tokenizer) {
  std::vector<std::string> pieces(tokenizer.vocab().size());
  for (size_t i = 0; i < pieces.size(); ++i)
    pieces[i] = tokenizer.piece(static_cast<text::Token>(i));
  return std::make_shared<const grammar::TokenTrie>(pieces);
}

std::unique_ptr<grammar::Constraint> constrain(std::shared_ptr<const grammar::Grammar> grammar,
                                               std::shared_ptr<const grammar::TokenTrie> trie,
                                               const text::Vocab& vocab) {
  std::vector<text::Token> ends;
  for (size_t i = 0; i < vocab.size(); ++i) {
    if (vocab.is_end_of_generation(static_cast<text::Token>(i)))
      ends.push_back(static_cast<text::Token>(i));
  }
  return std::make_unique<grammar::Constraint>(std::move(grammar), std::move(trie),
                                               std::move(ends));
}

}  // namespace hearth::engine
