#include "text/tokenizer_wpm.h"

#include <algorithm>

#include "text/space_words.h"
#include "text/word_cache.h"

namespace hearth::text {

namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// What BERT's tokenizers take for ideographs, each a word of its own. The range from U+2B920 should
// begin at U+2B820, but models were trained with it as it is.
constexpr Range kIdeographs[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                 {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                 {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};

bool is_ideograph(char32_t code) {
  return code >= kIdeographs[0].first &&
         std::any_of(std::begin(kIdeographs), std::end(kIdeographs),
                     [&](const Range& range) { return range.first <= code && code <= range.last; });
}

}  // namespace

Result<std::unique_ptr<WpmEncoder>> WpmEncoder::create(const gguf::Metadata& metadata,
                                                       const Vocab& vocab) {
  auto encoder = std::make_unique<WpmEncoder>();
  HEARTH_TRY(encoder->lowercase_, metadata.bool_or("tokenizer.ggml.normalizer.lowercase", true));
  HEARTH_TRY(encoder->strip_accents_,
             metadata.bool_or("tokenizer.ggml.normalizer.strip_accents", encoder->lowercase_));
  if (!vocab.unk()) {
    return fail(ErrorCode::bad_file,
                "a 'bert' tokenizer needs an unknown token (tokenizer.ggml.unknown_token_id) that "
                "is in the vocabulary: convert the model again");
  }
  encoder->unknown_ = *vocab.unk();
  std::vector<ByteTrie::Entry> entries;
  for (size_t i = 0; i < vocab.size(); ++i) {
    const auto token = static_cast<Token>(i);
    const TokenKind kind = vocab.kind(token);
    const bool made_from_text =
        kind == TokenKind::normal || kind == TokenKind::user_defined || kind == TokenKind::unused;
    // No word is longer, so no such token is ever found.
    const bool fits = vocab.text(token).size() <= 4 * kMaxWordChars + kSpaceMark.size();
    if (made_from_text && fits && !vocab.text(token).empty()) {
      entries.push_back({vocab.text(token), static_cast<uint32_t>(i)});
    }
  }
  HEARTH_TRY(encoder->tokens_, ByteTrie::create(std::move(entries), "the tokens"));
  uint32_t node = encoder->tokens_.first(static_cast<unsigned char>(kSpaceMark[0]));
  for (size_t i = 1; i < kSpaceMark.size() && node != ByteTrie::kNone; ++i) {
    node = encoder->tokens_.next(node, static_cast<unsigned char>(kSpaceMark[i]));
  }
  encoder->behind_mark_ = node;
  return encoder;
}

// What stands between spaces is a chunk, and no chunk depends on another.
void WpmEncoder::encode(const Vocab& /*vocab*/, std::string_view text, bool /*at_start*/,
                        std::vector<Token>& out) const {
  WordCache cache(text.size());
  Word word;
  for (size_t at = 0; at < text.size();) {
    const ClassedChar c = read_char(chars_, text, at);
    if ((c.kind & kWhitespace) != 0) {
      at = c.end;
      continue;
    }
    const size_t end = chunk_end(text, c.end);
    const std::string_view chunk = text.substr(at, end - at);
    at = end;
    if (cache.copy(chunk, out)) continue;
    const size_t begin = out.size();
    encode_chunk(chunk, word, out);
    cache.remember(chunk, begin, out);
  }
}

size_t WpmEncoder::chunk_end(std::string_view text, size_t at) const {
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte > ' ' && byte < 0x80) {
      ++at;
      continue;
    }
    const ClassedChar c = read_char(chars_, text, at);
    if ((c.kind & kWhitespace) != 0) break;
    at = c.end;
  }
  return at;
}

void WpmEncoder::encode_chunk(std::string_view chunk, Word& word, std::vector<Token>& out) const {
  word.text = kSpaceMark;
  word.chars = 0;
  for (size_t at = 0; at < chunk.size();) {
    const ClassedChar c = read_char(chars_, chunk, at);
    at = c.end;
    if (c.code == 0 || c.code == 0xFFFD || (c.kind & kControlChar) != 0) continue;
    if ((c.kind & (kLetter | kNumber)) != 0 && c.code < 0x80) {
      const bool lowers = lowercase_ && (c.kind & kUpper) != 0;
      word.text.push_back(static_cast<char>(lowers ? c.code | 0x20 : c.code));
      ++word.chars;
    } else {
      add_folded(c, word, out);
    }
  }
  finish_word(word, out);
}

void WpmEncoder::add_folded(const ClassedChar& c, Word& word, std::vector<Token>& out) const {
  if (strip_accents_ && (c.kind & kAccent) != 0) return;
  if ((c.kind & kFolds) == 0 || !strip_accents_ || c.code < 0x80) {
    add_char(c.code, c.kind, word, out);
    return;
  }
  for (const char32_t base : without_accents(c.code)) {
    if (base != 0) add_char(base, chars_[base], word, out);
  }
}

void WpmEncoder::add_char(char32_t code, uint16_t kind, Word& word, std::vector<Token>& out) const {
  if (strip_accents_ && (kind & kAccent) != 0) return;
  const bool sign = (kind & kPunctuation) != 0 || (code < 0x80 && (kind & kSymbol) != 0);
  const bool alone = sign || is_ideograph(code);
  if (alone) finish_word(word, out);
  // Letters in circles and Roman numerals have case without being letters.
  const bool lowers = lowercase_ && (kind & kFolds) != 0 && (kind & kLower) == 0;
  append_utf8(word.text, lowers ? lowercase(code) : code);
  ++word.chars;
  if (alone) finish_word(word, out);
}

void WpmEncoder::finish_word(Word& word, std::vector<Token>& out) const {
  if (word.chars == 0) return;
  const size_t begin = out.size();
  bool fits = word.chars <= kMaxWordChars;
  for (size_t at = 0; fits && at < word.text.size();) {
    const ByteTrie::Match match =
        at == 0 ? tokens_.longest(word.text, 0, behind_mark_, kSpaceMark.size())
                : tokens_.longest(word.text, at);
    fits = match.length != 0;
    if (fits) out.push_back(static_cast<Token>(match.value));
    at += match.length;
  }
  if (!fits) {
    out.resize(begin);
    out.push_back(unknown_);
  }
  word.text.resize(kSpaceMark.size());
  word.chars = 0;
}

void WpmEncoder::append_normal(const Vocab& vocab, Token token, std::string& out) const {
  append_unmarked(out, vocab.text(token));
}

}  // namespace hearth::text
