#include "text/tokenizer_spm.h"

#include <algorithm>
#include <numeric>

#include "base/utf8.h"
#include "text/space_words.h"

namespace hearth::text {

namespace {

// Text can only ever become tokens of these kinds; spelling out "<s>" must not make the bos token.
bool is_mergeable(TokenKind kind) {
  return kind == TokenKind::normal || kind == TokenKind::user_defined || kind == TokenKind::unused;
}

}  // namespace

Result<std::unique_ptr<SpmEncoder>> SpmEncoder::create(const Vocab& vocab,
                                                       std::vector<std::string>& warnings) {
  auto encoder = std::make_unique<SpmEncoder>();
  encoder->rank_tokens(vocab, warnings);
  const Token unknown = vocab.unk().value_or(kNoToken);
  encoder->byte_tokens_.fill(kNoToken);
  for (size_t i = 0; i < vocab.size(); ++i) {
    const auto token = static_cast<Token>(i);
    const auto byte = vocab.byte_value(token);
    if (byte && encoder->byte_tokens_[*byte] == kNoToken) encoder->byte_tokens_[*byte] = token;
  }
  size_t missing = 0;
  for (Token& token : encoder->byte_tokens_) {
    if (token != kNoToken) continue;
    ++missing;
    token = unknown;
  }
  if (missing != 0 && unknown == kNoToken) {
    return fail(ErrorCode::bad_file, "the vocabulary lacks ", missing,
                " of the 256 byte tokens and has no unknown token, so not every text can be "
                "encoded: convert the model again");
  }
  if (missing != 0) {
    warnings.push_back(cat("the vocabulary lacks ", missing,
                           " of the 256 byte tokens: rare characters are lost in the prompt"));
  }
  encoder->char_tokens_ = CharTokens(
      vocab, [&](Token token) { return encoder->find(vocab, vocab.text(token)).token == token; });
  return encoder;
}

void SpmEncoder::rank_tokens(const Vocab& vocab, std::vector<std::string>& warnings) {
  std::vector<Token> order;
  size_t too_long = 0;
  for (size_t i = 0; i < vocab.size(); ++i) {
    const auto token = static_cast<Token>(i);
    const std::string_view text = vocab.text(token);
    if (text.empty() || !is_mergeable(vocab.kind(token))) continue;
    if (text.size() > kMaxTokenBytes) {
      ++too_long;
      continue;
    }
    order.push_back(token);
    longest_ = std::max(longest_, text.size());
    bounds_.add_token(text);
  }
  if (too_long != 0) {
    warnings.push_back(
        cat(too_long, " tokens of more than ", kMaxTokenBytes, " bytes are never made from text"));
  }
  std::sort(order.begin(), order.end(),
            [&](Token a, Token b) { return vocab.score(a) > vocab.score(b); });
  ranks_.assign(vocab.size(), kNoMerge);
  uint32_t rank = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i != 0 && vocab.score(order[i]) != vocab.score(order[i - 1])) ++rank;
    ranks_[static_cast<size_t>(order[i])] = rank;  // equal scores share a rank: leftmost first
  }
}

Merge SpmEncoder::find(const Vocab& vocab, std::string_view text) const {
  if (text.size() > longest_) return {};
  const auto token = vocab.find(text);
  if (!token) return {};
  const uint32_t rank = ranks_[static_cast<size_t>(*token)];
  return rank == kNoMerge ? Merge{} : Merge{rank, *token};
}

void SpmEncoder::append_bytes(std::string_view text, std::vector<Token>& out) const {
  if (text == kSpaceMark) text = " ";  // a vocabulary without U+2581: still a space when read back
  for (const char c : text) out.push_back(byte_tokens_[static_cast<unsigned char>(c)]);
}

void SpmEncoder::encode(const Vocab& vocab, std::string_view text, bool at_start,
                        std::vector<Token>& out) const {
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 2);
  if (vocab.add_space_prefix() && at_start) escaped.append(kSpaceMark);
  // U+2581 in the text itself is spelled in bytes: as a token it would be read back as a space.
  while (true) {
    const size_t at = text.find(kSpaceMark);
    append_marked(escaped, text.substr(0, at));
    encode_escaped(vocab, escaped, out);
    if (at == text.npos) return;
    for (const char c : kSpaceMark) out.push_back(byte_tokens_[static_cast<unsigned char>(c)]);
    escaped.clear();
    text.remove_prefix(at + kSpaceMark.size());
  }
}

void SpmEncoder::encode_escaped(const Vocab& vocab, std::string_view escaped,
                                std::vector<Token>& out) const {
  Merger merger;
  WordCache cache(escaped.size());
  for (size_t at = 0; at < escaped.size();) {
    const size_t end = bounds_.word_end(escaped, at);
    const std::string_view word = escaped.substr(at, end - at);
    at = end;
    if (cache.copy(word, out)) continue;
    const size_t begin = out.size();
    encode_word(vocab, word, merger, out);
    cache.remember(word, begin, out);
  }
}

void SpmEncoder::encode_word(const Vocab& vocab, std::string_view word, Merger& merger,
                             std::vector<Token>& out) const {
  merger.clear();
  for (size_t at = 0; at < word.size();) {
    const Utf8Char c = decode_utf8(word, at);
    const std::string_view text = word.substr(at, c.length);
    const bool known = c.valid && CharTokens::has(c.code);
    merger.push(known ? char_tokens_.of(c.code) : find(vocab, text).token, c.length);
    at += c.length;
  }
  merger.run([&](const Symbol& left, const Symbol& right) {
    return find(vocab, word.substr(left.begin, size_t{left.length} + right.length));
  });
  for (const Symbol& symbol : merger.symbols()) {
    if (symbol.token != kNoToken) {
      out.push_back(symbol.token);
    } else {
      append_bytes(word.substr(symbol.begin, symbol.length), out);
    }
  }
}

void SpmEncoder::append_normal(const Vocab& vocab, Token token, std::string& out) const {
  append_unmarked(out, vocab.text(token));
}

}  // namespace hearth::text
