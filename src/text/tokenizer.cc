#include "text/tokenizer.h"

#include <algorithm>

#include "text/tokenizer_bpe.h"
#include "text/tokenizer_rwkv.h"
#include "text/tokenizer_spm.h"
#include "text/tokenizer_ugm.h"
#include "text/tokenizer_wpm.h"

namespace hearth::text {

namespace {

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

size_t behind_spaces(std::string_view text, size_t at) {
  while (at < text.size() && is_ascii_space(text[at])) ++at;
  return at;
}

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return text.find(part) != text.npos; });
}

Result<void> check_usable(const Vocab& vocab) {
  if (vocab.model() == TokenizerModel::unsupported) {
    return fail(ErrorCode::unsupported, "the tokenizer '", printable(vocab.model_name(), 40),
                "' (tokenizer.ggml.model) is not one hearth can use: it knows 'llama', 'gpt2', "
                "'gemma4', 'whitespace', 'bert', 't5' and 'rwkv'");
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

Tokenizer::Tokenizer(Vocab vocab) : vocab_(std::move(vocab)), specials_(vocab_) {}

Result<Tokenizer> Tokenizer::create(const gguf::Metadata& metadata) {
  HEARTH_TRY(Vocab vocab, Vocab::read(metadata));
  HEARTH_CHECK(check_usable(vocab));
  Tokenizer tokenizer(std::move(vocab));
  tokenizer.warnings_ = tokenizer.vocab_.warnings();
  HEARTH_CHECK(tokenizer.make_encoder(metadata));
  HEARTH_CHECK(tokenizer.find_strips(metadata));
  return tokenizer;
}

Result<void> Tokenizer::make_encoder(const gguf::Metadata& metadata) {
  switch (vocab_.model()) {
    case TokenizerModel::spm: {
      HEARTH_TRY(encoder_, SpmEncoder::create(vocab_, warnings_));
      return {};
    }
    case TokenizerModel::wpm: {
      HEARTH_TRY(encoder_, WpmEncoder::create(metadata, vocab_));
      return {};
    }
    case TokenizerModel::ugm: {
      HEARTH_TRY(encoder_, UgmEncoder::create(metadata, vocab_, warnings_));
      return {};
    }
    case TokenizerModel::rwkv: {
      HEARTH_TRY(encoder_, RwkvEncoder::create(vocab_, warnings_));
      return {};
    }
    default: {
      HEARTH_TRY(encoder_, BpeEncoder::create(metadata, vocab_, warnings_));
      return {};
    }
  }
}

// Some models' own tokenizers take spaces away around special tokens. GGUF has no key for that, so
// the names in the file have to tell.
Result<void> Tokenizer::find_strips(const gguf::Metadata& metadata) {
  HEARTH_TRY(const std::string_view name, metadata.text_or("general.name", ""));
  HEARTH_TRY(const std::string_view arch, metadata.text_or("general.architecture", ""));
  const std::string lower_name = lower_ascii(name);
  std::string_view mask;
  if (has_any(vocab_.pre_name(), {"jina-v2-de", "jina-v2-es", "jina-v2-code"}) ||
      has_any(arch, {"nomic-bert-moe", "jina-bert-v3"})) {
    mask = "<mask>";
  } else if (has_any(lower_name, {"phi-3", "phi3"})) {
    strip_after_special_ = vocab_.model() == TokenizerModel::spm;
  } else if (has_any(lower_name, {"modern-bert"})) {
    mask = "[MASK]";
  }
  strips_before_ = vocab_.find(mask).value_or(kNoToken);
  return {};
}

std::string_view Tokenizer::in_front(std::string_view text, Token token) const {
  if (token == kNoToken || token != strips_before_) return text;
  while (!text.empty() && is_ascii_space(text.back())) text.remove_suffix(1);
  return text;
}

bool Tokenizer::strips_behind(Token token) const {
  if (!strip_after_special_) return false;
  const std::string_view name = vocab_.text(token);
  return name != "<unk>" && name != "<s>" && name != "<|endoftext|>";
}

std::vector<Token> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  std::vector<Token> out;
  out.reserve(text.size() / 3 + 2);
  if (options.add_special && vocab_.add_bos()) out.push_back(*vocab_.bos());
  bool at_start = true;
  for (size_t at = 0; at < text.size();) {
    const auto match = specials_.find(vocab_, text, at, options.parse_special);
    const std::string_view plain = in_front(text.substr(at, match.at - at), match.token);
    if (!plain.empty()) encoder_->encode(vocab_, plain, at_start, out);
    if (match.length == 0) break;
    out.push_back(match.token);
    at_start = true;
    at = match.at + match.length;
    if (strips_behind(match.token)) at = behind_spaces(text, at);
  }
  if (options.add_special && vocab_.add_eos()) out.push_back(*vocab_.eos());
  const bool ends_with_sep = vocab_.model() == TokenizerModel::wpm && vocab_.add_sep();
  if (options.add_special && ends_with_sep) out.push_back(*vocab_.sep());
  return out;
}

std::vector<Token> Tokenizer::encode(std::span<const Piece> pieces) const {
  std::vector<Token> out;
  std::string plain;  // since the last special token
  Token last = kNoToken;
  const auto end_plain = [&](Token next) {
    std::string_view text = plain;
    if (last != kNoToken && strips_behind(last)) text.remove_prefix(behind_spaces(text, 0));
    text = in_front(text, next);
    if (!text.empty()) encoder_->encode(vocab_, text, true, out);
    plain.clear();
  };
  for (const Piece& piece : pieces) {
    for (size_t at = 0; at < piece.text.size();) {
      const auto match = specials_.find(vocab_, piece.text, at, piece.parse_special);
      plain += piece.text.substr(at, match.at - at);
      if (match.length == 0) break;
      end_plain(match.token);
      out.push_back(match.token);
      last = match.token;
      at = match.at + match.length;
    }
  }
  end_plain(kNoToken);
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
    // An unknown token stands for text, and only SentencePiece BPE begins anew behind special ones.
    if (is_special(token) && vocab_.kind(token) != TokenKind::unknown) {
      at_start = at_start || vocab_.model() == TokenizerModel::spm;
    } else if (out.size() != before) {
      if (at_start && vocab_.add_space_prefix() && out[before] == ' ') out.erase(before, 1);
      at_start = false;
    }
  }
  return out;
}

}  // namespace hearth::text
