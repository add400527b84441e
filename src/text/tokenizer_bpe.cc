#include "text/tokenizer_bpe.h"

#include "base/utf8.h"
#include "text/space_words.h"

namespace hearth::text {

namespace {

constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";

constexpr bool is_printable(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

constexpr std::array<char32_t, 256> kCharOfByte = [] {
  std::array<char32_t, 256> chars{};
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    chars[static_cast<size_t>(byte)] = is_printable(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return chars;
}();

constexpr size_t kByteChars = 0x100 + 68;  // 68 bytes are not printable

constexpr std::array<int16_t, kByteChars> kByteOfChar = [] {
  std::array<int16_t, kByteChars> bytes{};
  for (int16_t& byte : bytes) byte = -1;
  for (size_t byte = 0; byte < 256; ++byte) bytes[kCharOfByte[byte]] = static_cast<int16_t>(byte);
  return bytes;
}();

// The alphabet ends below U+0800, so every character has one byte or two.
void append_byte_chars(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    const char32_t code = kCharOfByte[static_cast<unsigned char>(c)];
    if (code >= 0x80) out.push_back(static_cast<char>(0xC0 | code >> 6));
    out.push_back(static_cast<char>(code < 0x80 ? code : 0x80 | (code & 0x3F)));
  }
}

}  // namespace

char32_t byte_to_char(uint8_t byte) { return kCharOfByte[byte]; }

int char_to_byte(char32_t code) { return code < kByteChars ? kByteOfChar[code] : -1; }

Result<std::unique_ptr<BpeEncoder>> BpeEncoder::create(const gguf::Metadata& metadata,
                                                       const Vocab& vocab,
                                                       std::vector<std::string>& warnings) {
  auto encoder = std::make_unique<BpeEncoder>();
  encoder->choose_splitter(vocab, warnings);
  if (encoder->pre_.spelling == Spelling::bytes) {
    encoder->map_bytes(vocab, warnings);
  } else {
    encoder->map_characters(vocab);
  }
  encoder->drops_spaces_ = vocab.model_name() == "whitespace";
  HEARTH_TRY(encoder->lowercase_, metadata.bool_or("tokenizer.ggml.normalizer.lowercase", false));
  HEARTH_CHECK(encoder->read_merges(metadata, vocab, warnings));
  return encoder;
}

void BpeEncoder::choose_splitter(const Vocab& vocab, std::vector<std::string>& warnings) {
  const std::string_view name = vocab.pre_name();
  if (const PreTokenizer* known = find_pre_tokenizer(name)) {
    pre_ = *known;
    return;
  }
  constexpr std::string_view kCost =
      ": text is split into words by a common rule, which may differ from how the model was "
      "trained: "
      "it then sees up to a tenth more tokens, and answers get quietly worse; ";
  if (name.empty() || name == "default") {
    warnings.push_back(
        cat("the model does not say how it splits text into words "
            "(tokenizer.ggml.pre)",
            kCost, "convert it again with a newer converter"));
  } else {
    warnings.push_back(cat("hearth does not know the pre-tokenizer '", printable(name, 40),
                           "' (tokenizer.ggml.pre)", kCost,
                           "a newer hearth may know it, or convert the model again"));
  }
}

void BpeEncoder::map_bytes(const Vocab& vocab, std::vector<std::string>& warnings) {
  unknown_ = vocab.unk().value_or(kNoToken);
  size_t missing = 0;
  for (size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
    std::string text;
    append_utf8(text, kCharOfByte[byte]);
    const auto token = vocab.find(text);
    const bool usable = token && vocab.kind(*token) != TokenKind::control;
    byte_tokens_[byte] = usable ? *token : kNoToken;
    missing += usable ? 0 : 1;
  }
  if (missing != 0) {
    warnings.push_back(cat("the vocabulary has no token for ", missing,
                           " of the 256 bytes: text "
                           "that needs them is lost in the prompt"));
  }
}

void BpeEncoder::map_characters(const Vocab& vocab) {
  unknown_ = vocab.unk().value_or(kNoToken);
  byte_tokens_.fill(kNoToken);
  for (size_t i = 0; i < vocab.size(); ++i) {
    const auto token = static_cast<Token>(i);
    const auto byte = vocab.byte_value(token);
    if (byte && byte_tokens_[*byte] == kNoToken) byte_tokens_[*byte] = token;
  }
  char_tokens_ =
      CharTokens(vocab, [&](Token token) { return vocab.find(vocab.text(token)) == token; });
}

Result<void> BpeEncoder::read_merges(const gguf::Metadata& metadata, const Vocab& vocab,
                                     std::vector<std::string>& warnings) {
  HEARTH_TRY(const gguf::Array* array, metadata.array(kMergesKey, gguf::ValueType::string));
  if (array == nullptr) {
    return fail(ErrorCode::bad_file, "metadata key '", kMergesKey,
                "' is missing, which a 'gpt2' tokenizer needs: convert the model again");
  }
  if (array->count > kMaxMerges) {
    return fail(ErrorCode::too_large, "metadata key '", kMergesKey, "' has ", array->count,
                " merges; hearth reads at most ", kMaxMerges);
  }
  merges_.reserve(array->count);
  std::string joined;
  uint64_t useless = 0;
  uint64_t at = 0;
  for (uint64_t rank = 0; rank < array->count; ++rank) {
    const std::string_view line = array->next_string(at);
    const size_t space = line.find(' ', 1);
    if (space == line.npos || space + 1 == line.size()) {
      return fail(ErrorCode::bad_file, "metadata key '", kMergesKey, "': merge ", rank, " ('",
                  printable(line, 40), "') is not two tokens with a space between them");
    }
    joined.assign(line.substr(0, space)).append(line.substr(space + 1));
    const auto left = vocab.find(line.substr(0, space));
    const auto right = vocab.find(line.substr(space + 1));
    const auto whole = vocab.find(joined);
    if (pre_.spelling == Spelling::marked) bounds_.add_token(joined);
    if (left && right && whole) {
      merges_.insert(*left, *right, {static_cast<uint32_t>(rank), *whole});
    } else {
      ++useless;
    }
  }
  if (pre_.spelling == Spelling::bytes) {
    byte_merges_.reserve(size_t{1} << 16);
    for (const Token left : byte_tokens_) {
      for (const Token right : byte_tokens_) byte_merges_.push_back(merges_.find(left, right));
    }
  }
  if (useless != 0) {
    warnings.push_back(cat(useless, " of ", array->count,
                           " merges name tokens that the vocabulary does not have: ignored"));
  }
  return {};
}

void BpeEncoder::encode(const Vocab& vocab, std::string_view text, bool /*at_start*/,
                        std::vector<Token>& out) const {
  if (pre_.spelling == Spelling::bytes) {
    encode_words(vocab, text, out);
    return;
  }
  std::string changed;
  changed.reserve(text.size() + text.size() / 2);
  if (pre_.spelling == Spelling::marked) {
    append_marked(changed, text);
    text = changed;
  } else if (drops_spaces_ && lowercase_) {
    for (size_t at = 0; at < text.size();) {
      const ClassedChar c = read_char(CharTable::get(), text, at);
      append_utf8(changed, lowercase(c.code));
      at = c.end;
    }
    text = changed;
  }
  encode_pieces(vocab, text, out);
}

void BpeEncoder::encode_words(const Vocab& vocab, std::string_view text,
                              std::vector<Token>& out) const {
  Merger merger;
  std::string scratch;
  WordCache cache(text.size());
  WordSplitter words(pre_.splitter, text);
  for (std::string_view word; words.next(word);) {
    if (cache.copy(word, out)) continue;
    const size_t begin = out.size();
    const Token whole = pre_.ignore_merges ? whole_word(vocab, word, scratch) : kNoToken;
    if (whole != kNoToken) {
      out.push_back(whole);
    } else {
      for (size_t at = 0; at < word.size(); at += kMaxWordBytes) {
        encode_word(word.substr(at, kMaxWordBytes), merger, out);
      }
    }
    cache.remember(word, begin, out);
  }
}

void BpeEncoder::encode_pieces(const Vocab& vocab, std::string_view text,
                               std::vector<Token>& out) const {
  Merger merger;
  WordCache cache(text.size());
  WordSplitter pieces(pre_.splitter, text);
  for (std::string_view line; pieces.next(line);) {
    if (drops_spaces_ && (read_char(CharTable::get(), line, 0).kind & kWhitespace) != 0) continue;
    const bool newlines = pre_.newline_tokens && line[0] == '\n';
    if (const auto whole = newlines ? vocab.find(line) : std::nullopt) {
      out.push_back(*whole);
      continue;
    }
    for (size_t at = 0; at < line.size();) {
      const size_t end = bounds_.word_end(line, at);
      const std::string_view word = line.substr(at, end - at);
      at = end;
      if (cache.copy(word, out)) continue;
      const size_t begin = out.size();
      encode_characters(vocab, word, merger, out);
      cache.remember(word, begin, out);
    }
  }
}

Token BpeEncoder::whole_word(const Vocab& vocab, std::string_view word,
                             std::string& scratch) const {
  if (word.size() > vocab.longest_text()) return kNoToken;
  scratch.clear();
  append_byte_chars(scratch, word);
  const auto token = vocab.find(scratch);
  return token && vocab.kind(*token) != TokenKind::control ? *token : kNoToken;
}

void BpeEncoder::encode_word(std::string_view word, Merger& merger, std::vector<Token>& out) const {
  merger.clear();
  for (const char c : word) {
    const Token token = byte_tokens_[static_cast<unsigned char>(c)];
    merger.push(token, 1);
  }
  merger.run([&](const Symbol& left, const Symbol& right) {
    if (left.length == 1 && right.length == 1) {
      return byte_merges_[size_t{static_cast<unsigned char>(word[left.begin])} << 8 |
                          static_cast<unsigned char>(word[right.begin])];
    }
    return merges_.find(left.token, right.token);
  });
  for (const Symbol& symbol : merger.symbols()) {
    const Token token = symbol.token != kNoToken ? symbol.token : unknown_;
    if (token != kNoToken) out.push_back(token);
  }
}

void BpeEncoder::encode_characters(const Vocab& vocab, std::string_view word, Merger& merger,
                                   std::vector<Token>& out) const {
  merger.clear();
  for (size_t at = 0; at < word.size();) {
    const Utf8Char c = decode_utf8(word, at);
    const bool known = c.valid && CharTokens::has(c.code);
    merger.push(
        known ? char_tokens_.of(c.code) : vocab.find(word.substr(at, c.length)).value_or(kNoToken),
        c.length);
    at += c.length;
  }
  merger.run([&](const Symbol& left, const Symbol& right) {
    return merges_.find(left.token, right.token);
  });
  for (const Symbol& symbol : merger.symbols()) {
    if (symbol.token != kNoToken) {
      out.push_back(symbol.token);
      continue;
    }
    for (const char c : word.substr(symbol.begin, symbol.length)) {
      const Token byte = byte_tokens_[static_cast<unsigned char>(c)];
      const Token token = byte != kNoToken ? byte : unknown_;
      if (token != kNoToken) out.push_back(token);
    }
  }
}

void BpeEncoder::append_normal(const Vocab& vocab, Token token, std::string& out) const {
  const std::string_view text = vocab.text(token);
  if (pre_.spelling == Spelling::marked) {
    append_unmarked(out, text);
    return;
  }
  if (pre_.spelling == Spelling::characters) {
    out.append(text);
    return;
  }
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const int byte = c.valid ? char_to_byte(c.code) : -1;
    if (byte >= 0) {
      out.push_back(static_cast<char>(byte));
    } else {  // an added token that is not spelled in the alphabet of bytes
      out.append(text.substr(at, c.length));
    }
    at += c.length;
  }
}

}  // namespace hearth::text
