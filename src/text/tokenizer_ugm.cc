#include "text/tokenizer_ugm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "text/space_words.h"
#include "text/word_cache.h"

namespace hearth::text {

namespace {

constexpr float kUnknownPenalty = 10;  // below the worst token, as SentencePiece has it

// Collects normalized bytes; spaces become marks, as the model wants them.
class MarkedText {
 public:
  MarkedText(size_t bytes, bool prefix, bool merge) : needs_mark_(prefix), merge_(merge) {
    out_.reserve(bytes + bytes / 2);
  }
  void append(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      if (text[at] == ' ') {
        if (!merge_) out_.append(kSpaceMark);
        in_word_ = false;
        ++at;
        continue;
      }
      if (!in_word_ && (needs_mark_ || merge_)) out_.append(kSpaceMark);
      in_word_ = true;
      needs_mark_ = false;
      size_t end = at + 1;
      while (end < text.size() && text[end] != ' ') ++end;
      out_.append(text.data() + at, end - at);
      at = end;
    }
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
  bool needs_mark_;  // in front of the first word
  bool merge_;       // runs of spaces become one, and none stays at the ends
  bool in_word_ = false;
};

}  // namespace

Result<std::unique_ptr<UgmEncoder>> UgmEncoder::create(const gguf::Metadata& metadata,
                                                       const Vocab& vocab,
                                                       std::vector<std::string>& warnings) {
  auto encoder = std::make_unique<UgmEncoder>();
  HEARTH_CHECK(encoder->read_charsmap(metadata));
  HEARTH_CHECK(encoder->read_pieces(vocab, warnings));
  encoder->find_bytes(vocab);
  encoder->unknown_ = vocab.unk().value_or(kNoToken);
  if (encoder->unknown_ == kNoToken && encoder->byte_tokens_[0] == kNoToken) {
    return fail(
        ErrorCode::bad_file,
        "the vocabulary has neither an unknown token (tokenizer.ggml.unknown_token_id) nor "
        "a token for every byte, so not every text can be encoded: convert the model again");
  }
  return encoder;
}

Result<void> UgmEncoder::read_charsmap(const gguf::Metadata& metadata) {
  constexpr std::string_view kKey = "tokenizer.ggml.precompiled_charsmap";
  const gguf::Value* value = metadata.find(kKey);
  if (value == nullptr) return {};
  const bool bytes =
      value->type == gguf::ValueType::array &&
      (value->array.element == gguf::ValueType::u8 || value->array.element == gguf::ValueType::i8);
  if (!bytes) {
    return fail(ErrorCode::bad_file, "metadata key '", kKey, "' should be an array of bytes");
  }
  HEARTH_TRY(charsmap_, Charsmap::read(value->array.bytes));
  return {};
}

Result<void> UgmEncoder::read_pieces(const Vocab& vocab, std::vector<std::string>& warnings) {
  float worst = std::numeric_limits<float>::max();
  size_t too_long = 0;
  std::vector<ByteTrie::Entry> entries;
  scores_.assign(vocab.size(), 0.0f);
  for (size_t i = 0; i < vocab.size(); ++i) {
    const auto token = static_cast<Token>(i);
    const TokenKind kind = vocab.kind(token);
    const std::string_view text = vocab.text(token);
    const float score = vocab.score(token);
    const bool made_from_text =
        kind == TokenKind::normal || kind == TokenKind::user_defined || kind == TokenKind::unused;
    if (!made_from_text || text.empty() || !std::isfinite(score)) continue;
    if (kind == TokenKind::normal) worst = std::min(worst, score);
    if (text.size() > kMaxPieceBytes) {
      ++too_long;
      continue;
    }
    // Scores are logarithms of chances, so 0 makes a user-defined token win wherever it stands.
    scores_[i] = kind == TokenKind::user_defined ? 0.0f : score;
    entries.push_back({text, static_cast<uint32_t>(i)});
    bounds_.add_token(text);
  }
  unknown_score_ = (worst == std::numeric_limits<float>::max() ? 0.0f : worst) - kUnknownPenalty;
  if (too_long != 0) {
    warnings.push_back(
        cat(too_long, " tokens of more than ", kMaxPieceBytes, " bytes are never made from text"));
  }
  HEARTH_TRY(pieces_, ByteTrie::create(std::move(entries), "the tokens"));
  return {};
}

void UgmEncoder::find_bytes(const Vocab& vocab) {
  byte_tokens_.fill(kNoToken);
  size_t found = 0;
  for (size_t i = 0; i < vocab.size(); ++i) {
    const auto token = static_cast<Token>(i);
    const auto byte = vocab.byte_value(token);
    if (!byte || byte_tokens_[*byte] != kNoToken) continue;
    byte_tokens_[*byte] = token;
    ++found;
  }
  if (found != byte_tokens_.size()) byte_tokens_.fill(kNoToken);
}

std::string UgmEncoder::normalize(const Vocab& vocab, std::string_view text) const {
  MarkedText out(text.size(), vocab.add_space_prefix(), vocab.remove_extra_spaces());
  for (size_t at = 0; at < text.size();) {
    const size_t plain = charsmap_.plain_run(text, at);
    if (plain != 0) {
      out.append(text.substr(at, plain));
      at += plain;
      continue;
    }
    const Charsmap::Step step = charsmap_.step(text, at);
    out.append(step.text);
    at += step.consumed;
  }
  return out.take();
}

void UgmEncoder::encode(const Vocab& vocab, std::string_view text, bool /*at_start*/,
                        std::vector<Token>& out) const {
  const std::string marked = normalize(vocab, text);
  const std::string_view all = marked;
  const size_t first = out.size();
  std::vector<Best> best;
  WordCache cache(all.size());
  for (size_t at = 0; at < all.size();) {
    const size_t end = bounds_.word_end(all, at, kMaxRunBytes);
    const std::string_view word = all.substr(at, end - at);
    at = end;
    if (cache.copy(word, out)) continue;
    const size_t begin = out.size();
    encode_word(word, best, out);
    cache.remember(word, begin, out);
  }
  // Unknown tokens that follow each other are one.
  const auto begin = out.begin() + static_cast<std::ptrdiff_t>(first);
  const auto both = [&](Token a, Token b) { return a == unknown_ && b == unknown_; };
  out.erase(std::unique(begin, out.end(), both), out.end());
}

// Tries every token that begins at `at`; a character that is no token is unknown.
void UgmEncoder::reach(std::string_view word, size_t at, std::vector<Best>& best) const {
  const double so_far = best[at].score;
  const size_t length =
      std::min(utf8_length(static_cast<unsigned char>(word[at])), word.size() - at);
  const auto offer = [&](size_t end, Token token, float score) {
    if (so_far + static_cast<double>(score) <= best[end].score) return;
    best[end] = {so_far + static_cast<double>(score), token, static_cast<uint32_t>(at)};
  };
  bool known = false;
  uint32_t node = pieces_.first(static_cast<unsigned char>(word[at]));
  for (size_t end = at + 1; node != ByteTrie::kNone; ++end) {
    if (const uint32_t token = pieces_.value(node); token != ByteTrie::kNone) {
      offer(end, static_cast<Token>(token), scores_[token]);
      known = known || end - at == length;
    }
    if (end == word.size()) break;
    node = pieces_.next(node, static_cast<unsigned char>(word[end]));
  }
  if (!known) offer(at + length, unknown_, unknown_score_);
}

void UgmEncoder::encode_word(std::string_view word, std::vector<Best>& best,
                             std::vector<Token>& out) const {
  constexpr double kNever = -std::numeric_limits<double>::max();
  best.assign(word.size() + 1, {kNever, unknown_, 0});
  best[0].score = 0;
  for (size_t at = 0; at < word.size();) {
    reach(word, at, best);
    at += std::min(utf8_length(static_cast<unsigned char>(word[at])), word.size() - at);
  }
  const size_t begin = out.size();
  for (size_t end = word.size(); end > 0; end = best[end].from) {
    const bool spelled = best[end].token == unknown_ && byte_tokens_[0] != kNoToken;
    if (!spelled) {
      out.push_back(best[end].token);
      continue;
    }
    for (size_t at = end; at > best[end].from; --at) {
      out.push_back(byte_tokens_[static_cast<unsigned char>(word[at - 1])]);
    }
  }
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end());
}

void UgmEncoder::append_normal(const Vocab& vocab, Token token, std::string& out) const {
  append_unmarked(out, vocab.text(token));
}

}  // namespace hearth::text
