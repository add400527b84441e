#include "text/tokenizer_rwkv.h"

#include "base/text.h"

namespace hearth::text {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void append_unescaped(std::string& out, std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      out.push_back(text[at]);
      continue;
    }
    const char c = text[++at];
    const int high = c == 'x' && at + 2 < text.size() ? hex_value(text[at + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[at + 2]) : -1;
    if (low >= 0) {
      out.push_back(static_cast<char>(high * 16 + low));
      at += 2;
    } else {
      out.push_back(c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c);
    }
  }
}

}  // namespace

Result<std::unique_ptr<RwkvEncoder>> RwkvEncoder::create(const Vocab& vocab,
                                                         std::vector<std::string>& warnings) {
  auto encoder = std::make_unique<RwkvEncoder>();
  std::vector<std::string> texts(vocab.size());
  std::vector<ByteTrie::Entry> entries;
  for (size_t i = 0; i < vocab.size(); ++i) {
    const auto token = static_cast<Token>(i);
    if (vocab.kind(token) == TokenKind::control) continue;
    append_unescaped(texts[i], vocab.text(token));
    if (texts[i].empty() || texts[i].size() > kMaxTokenBytes) continue;
    entries.push_back({texts[i], static_cast<uint32_t>(i)});
  }
  HEARTH_TRY(encoder->tokens_, ByteTrie::create(std::move(entries), "the tokens"));
  size_t missing = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    missing += encoder->tokens_.longest({&text, 1}, 0).length == 0 ? 1 : 0;
  }
  if (missing != 0) {
    warnings.push_back(cat("the vocabulary has no token for ", missing,
                           " of the 256 bytes: text that needs them is lost in the prompt"));
  }
  return encoder;
}

void RwkvEncoder::encode(const Vocab& vocab, std::string_view text, bool /*at_start*/,
                         std::vector<Token>& out) const {
  for (size_t at = 0; at < text.size();) {
    const ByteTrie::Match match = tokens_.longest(text, at);
    if (match.length != 0) {
      out.push_back(static_cast<Token>(match.value));
    } else if (vocab.unk()) {
      out.push_back(*vocab.unk());
    }
    at += match.length != 0 ? match.length : 1;
  }
}

void RwkvEncoder::append_normal(const Vocab& vocab, Token token, std::string& out) const {
  append_unescaped(out, vocab.text(token));
}

}  // namespace hearth::text
