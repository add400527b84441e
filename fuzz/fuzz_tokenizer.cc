// Any bytes through both kinds of tokenizer: what is encoded comes back, and a stream of tokens
// reads as the whole does.
#include <memory>
#include <string>
#include <vector>

#include "fuzz.h"
#include "text/stream_decoder.h"
#include "text/test_vocab.h"
#include "text/tokenizer.h"

namespace hearth::fuzz {
namespace {

using text::TestMetadata;
using text::Token;
using text::Tokenizer;

struct Vocabulary {
  TestMetadata metadata;
  std::unique_ptr<Tokenizer> tokenizer;
};

std::unique_ptr<Vocabulary> make(TestMetadata metadata) {
  auto made = std::make_unique<Vocabulary>();
  made->metadata = std::move(metadata);
  auto tokenizer = Tokenizer::create(made->metadata.metadata());
  require(tokenizer.has_value(), "the vocabulary is good");
  made->tokenizer = std::make_unique<Tokenizer>(*std::move(tokenizer));
  return made;
}

TestMetadata spm(bool spaces_inside) {
  std::vector<std::string> words = {"\u2581", "\u2581\u2581", "a",      "b",       "ab",
                                    "aa",     "aaa",          "\u00E9", "\u2581a", "\u2581ab",
                                    "abab",   "\u65E5",       "<s",     "\n\n",    "the"};
  if (spaces_inside) words.push_back("a\u2581b");
  return text::spm_metadata(words);
}

TestMetadata bpe(const char* pre) {
  TestMetadata metadata = text::bpe_metadata(
      {"a b", "a a", "ab ab", "aa a", "\u0120 a", "\u0120 \u0120", "\u00C3 \u00A9", "1 2"},
      {"<|x|>", "<|im_end|>"});
  metadata.text("tokenizer.ggml.pre", pre);
  return metadata;
}

const std::vector<std::unique_ptr<Vocabulary>>& vocabularies() {
  static const auto made = [] {
    std::vector<std::unique_ptr<Vocabulary>> all;
    all.push_back(make(spm(false)));
    all.push_back(make(spm(true)));
    for (const char* pre : {"gpt-2", "llama-bpe", "qwen2", "deepseek-llm", "starcoder"})
      all.push_back(make(bpe(pre)));
    return all;
  }();
  return made;
}

// What a terminal is shown: each byte that is no part of a character as U+FFFD.
std::string shown(std::string_view bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(bytes, at);
    append_utf8(out, c.code);
    at += c.length;
  }
  return out;
}

void check(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool special : {false, true}) {
    const auto tokens = tokenizer.encode(text, {special, special});
    for (const Token token : tokens) {
      require(tokenizer.vocab().contains(token), "tokens are of the vocabulary");
    }
    if (special) continue;  // special tokens in the text are not part of it any more
    require(tokenizer.decode(tokens) == text, "decode gives what was encoded");
    text::StreamDecoder stream(tokenizer, text::SpecialTokens::hide,
                               text::StreamStart::begins_text);
    std::string streamed;
    for (const Token token : tokens) {
      const std::string piece = stream.push(token);
      require(is_valid_utf8(piece), "a stream hands out whole characters");
      streamed += piece;
    }
    streamed += stream.finish();
    require(streamed == shown(text), "a stream reads as the whole does");
  }
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& vocabulary : hearth::fuzz::vocabularies())
    hearth::fuzz::check(*vocabulary->tokenizer, text);
  return 0;
}
