#include "text/text_pair.h"

#include <algorithm>
#include <optional>

namespace hearth::text {
namespace {

void push(std::vector<Token>& tokens, bool wanted, std::optional<Token> token) {
  if (wanted && token) tokens.push_back(*token);
}

void append(std::vector<Token>& tokens, const std::vector<Token>& more) {
  tokens.insert(tokens.end(), more.begin(), more.end());
}

PairTokens encode_plain_pair(const Tokenizer& tokenizer, std::string_view query,
                             std::string_view document) {
  const Vocab& vocab = tokenizer.vocab();
  constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};
  const std::optional<Token> end = vocab.eos() ? vocab.eos() : vocab.sep();
  PairTokens pair;
  push(pair.tokens, vocab.add_bos(), vocab.bos());
  append(pair.tokens, tokenizer.encode(query, kPlain));
  push(pair.tokens, vocab.add_eos(), end);
  push(pair.tokens, vocab.add_sep(), vocab.sep());
  pair.second_from = pair.tokens.size();
  append(pair.tokens, tokenizer.encode(document, kPlain));
  push(pair.tokens, vocab.add_eos(), end);
  push(pair.tokens, vocab.add_sep() && vocab.model() == TokenizerModel::wpm, vocab.sep());
  return pair;
}

PairTokens encode_with_template(const Tokenizer& tokenizer, std::string_view source,
                                std::string_view query, std::string_view document) {
  constexpr std::string_view kQuery = "{query}", kDocument = "{document}";
  std::vector<Tokenizer::Piece> pieces;
  while (!source.empty()) {
    const size_t q = source.find(kQuery), d = source.find(kDocument);
    const size_t at = std::min(q, d);
    pieces.push_back({source.substr(0, at), true});
    if (at == source.npos) break;
    pieces.push_back({q < d ? query : document, false});
    source.remove_prefix(at + (q < d ? kQuery : kDocument).size());
  }
  PairTokens pair{tokenizer.encode(pieces), 0};
  pair.second_from = pair.tokens.size();
  return pair;
}

}  // namespace

PairTokens encode_pair(const Tokenizer& tokenizer, const gguf::Metadata& metadata,
                       std::string_view query, std::string_view document) {
  const auto source = metadata.text_or("tokenizer.chat_template.rerank", "").value_or("");
  return source.empty() ? encode_plain_pair(tokenizer, query, document)
                        : encode_with_template(tokenizer, source, query, document);
}

}  // namespace hearth::text
