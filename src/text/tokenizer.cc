#include "text/tokenizer.h"

#include <algorithm>

#include "text/tokenizer_bpe.h"
#include "text/tokenizer_spm.h"

namespace hearth::text {

namespace {

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Phi-3's own tokenizer swallows the whitespace behind its special tokens. GGUF has no key for
// that, so the name of the model has to tell.
bool strips_after_special(std::string_view model_name) {
  std::string lower(model_name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower.find("phi-3") != lower.npos || lower.find("phi3") != lower.npos;
}

Result<void> check_usable(const Vocab& vocab) {
  if (vocab.model() == TokenizerModel::unsupported) {
    return fail(ErrorCode::unsupported, "the tokenizer '", printable(vocab.model_name(), 40),
                "' (tokenizer.ggml.model) is not one hearth can use: it knows 'llama' and 'gpt2'");
  }
  if (vocab.model() == TokenizerModel::none) {
    return fail(ErrorCode::unsupported, "the model has no tokenizer (tokenizer.ggml.model is ",
                vocab.model_name().empty() ? "missing" : "'no_vocab'",
                "): it can only be used with token ids");
  }
  if (vocab.size() == 0) {
    return fail(ErrorCode::bad_file,
                "metadata key 'tokenizer.ggml.tokens' is missing or empty: "
                "the file is incomplete, get or convert it again");
  }
  return {};
}

}  // namespace

Tokenizer::Tokenizer(Vocab vocab, bool strip_after_special)
    : vocab_(std::move(vocab)), specials_(vocab_), strip_after_special_(strip_after_special) {}

Result<Tokenizer> Tokenizer::create(const gguf::Metadata& metadata) {
  HEARTH_TRY(Vocab vocab, Vocab::read(metadata));
  HEARTH_CHECK(check_usable(vocab));
  HEARTH_TRY(const std::string_view name, metadata.text_or("general.name", ""));
  const bool spm = vocab.model() == TokenizerModel::spm;
  Tokenizer tokenizer(std::move(vocab), spm && strips_after_special(name));
  tokenizer.warnings_ = tokenizer.vocab_.warnings();
  if (spm) {
    HEARTH_TRY(tokenizer.encoder_, SpmEncoder::create(tokenizer.vocab_, tokenizer.warnings_));
  } else {
    HEARTH_TRY(tokenizer.encoder_,
               BpeEncoder::create(metadata, tokenizer.vocab_, tokenizer.warnings_));
  }
  return tokenizer;
}

size_t Tokenizer::end_of_special(std::string_view text, const SpecialSplitter::Match& match) const {
  size_t end = match.at + match.length;
  if (!strip_after_special_) return end;
  const std::string_view name = vocab_.text(match.token);
  if (name == "<unk>" || name == "<s>" || name == "<|endoftext|>") return end;
  while (end < text.size() && is_ascii_space(text[end])) ++end;
  return end;
}

std::vector<Token> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  std::vector<Token> out;
  out.reserve(text.size() / 3 + 2);
  if (options.add_special && vocab_.add_bos()) out.push_back(*vocab_.bos());
  bool at_start = true;
  for (size_t at = 0; at < text.size();) {
    const auto match = specials_.find(vocab_, text, at, options.parse_special);
    const std::string_view plain = text.substr(at, match.at - at);
    if (!plain.empty()) encoder_->encode(vocab_, plain, at_start, out);
    if (match.length == 0) break;
    out.push_back(match.token);
    at_start = true;
    at = end_of_special(text, match);
  }
  if (options.add_special && vocab_.add_eos()) out.push_back(*vocab_.eos());
  return out;
}

bool Tokenizer::is_special(Token token) const {
  const TokenKind kind = vocab_.kind(token);
  return kind == TokenKind::control || kind == TokenKind::unknown ||
         kind == TokenKind::user_defined;
}

void Tokenizer::append_piece(std::string& out, Token token, SpecialTokens special) const {
  if (!vocab_.contains(token)) return;
  switch (vocab_.kind(token)) {
    case TokenKind::control:
    case TokenKind::unknown:
      if (special == SpecialTokens::show) out.append(vocab_.text(token));
      return;
    case TokenKind::user_defined:
      out.append(vocab_.text(token));
      return;
    case TokenKind::byte:
      if (const auto byte = vocab_.byte_value(token)) {
        out.push_back(static_cast<char>(*byte));
      } else {
        out.append(vocab_.text(token));
      }
      return;
    case TokenKind::normal:
    case TokenKind::unused:
      encoder_->append_normal(vocab_, token, out);
      return;
  }
}

std::string Tokenizer::piece(Token token, SpecialTokens special) const {
  std::string out;
  append_piece(out, token, special);
  return out;
}

std::string Tokenizer::decode(std::span<const Token> tokens, SpecialTokens special) const {
  std::string out;
  bool at_start = true;
  for (const Token token : tokens) {
    const size_t before = out.size();
    append_piece(out, token, special);
    if (is_special(token)) {
      at_start = true;
    } else if (out.size() != before) {
      if (at_start && vocab_.add_space_prefix() && out[before] == ' ') out.erase(before, 1);
      at_start = false;
    }
  }
  return out;
}

}  // namespace hearth::text
