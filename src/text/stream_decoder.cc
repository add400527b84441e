#include "text/stream_decoder.h"

#include <utility>

#include "base/utf8.h"

namespace hearth::text {

namespace {

std::string replace_invalid(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(bytes, at);
    if (c.valid) {
      out.append(bytes.substr(at, c.length));
    } else {
      append_utf8(out, 0xFFFD);
    }
    at += c.length;
  }
  return out;
}

}  // namespace

std::string StreamDecoder::push(Token token, SpecialTokens special) {
  const size_t before = pending_.size();
  tokenizer_->append_piece(pending_, token, special);
  if (pending_.size() != before) {
    const bool spaced = tokenizer_->vocab().add_space_prefix() && pending_[before] == ' ';
    if (strip_ && spaced && !tokenizer_->is_special(token)) pending_.erase(before, 1);
    strip_ = false;
  }
  const size_t complete = complete_utf8_prefix(pending_);
  std::string out = replace_invalid(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return out;
}

std::string StreamDecoder::finish() {
  strip_ = false;
  return replace_invalid(std::exchange(pending_, {}));
}

}  // namespace hearth::text
