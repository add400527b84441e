#include "text/text_pair.h"

#include <optional>
#include <string>

#include "text/special_splitter.h"

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

// Takes text in pieces. Words of the template and of the texts beside it are encoded together,
// because a tokenizer may join what stands on both sides of a border; marks are found in the
// template alone.
class TemplateEncoder {
 public:
  explicit TemplateEncoder(const Tokenizer& tokenizer)
      : tokenizer_(tokenizer), specials_(tokenizer.vocab()) {}

  void add_words(std::string_view text) { words_ += text; }

  void add_template(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const auto match = specials_.find(tokenizer_.vocab(), text, at, true);
      words_ += text.substr(at, match.at - at);
      if (match.length == 0) return;
      end_words();
      tokens_.push_back(match.token);
      at = match.at + match.length;
    }
  }

  std::vector<Token> finish() {
    end_words();
    return std::move(tokens_);
  }

 private:
  void end_words() {
    append(tokens_, tokenizer_.encode(words_, {.add_special = false, .parse_special = false}));
    words_.clear();
  }

  const Tokenizer& tokenizer_;
  SpecialSplitter specials_;
  std::string words_;
  std::vector<Token> tokens_;
};

PairTokens encode_with_template(const Tokenizer& tokenizer, std::string_view source,
                                std::string_view query, std::string_view document) {
  constexpr std::string_view kQuery = "{query}", kDocument = "{document}";
  TemplateEncoder encoder(tokenizer);
  while (!source.empty()) {
    const size_t q = source.find(kQuery), d = source.find(kDocument);
    const size_t at = std::min(q, d);
    encoder.add_template(source.substr(0, at));
    if (at == source.npos) break;
    encoder.add_words(q < d ? query : document);
    source.remove_prefix(at + (q < d ? kQuery : kDocument).size());
  }
  PairTokens pair{encoder.finish(), 0};
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
