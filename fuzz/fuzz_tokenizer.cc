// Any bytes through every kind of tokenizer: what is encoded comes back where the kind keeps all of
// a text, and a stream of tokens reads as the whole does. The same bytes as a character map: it is
// refused or can be used.
#include <memory>
#include <string>
#include <vector>

#include "fuzz.h"
#include "text/charsmap.h"
#include "text/pretokenize.h"
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

TestMetadata wpm(bool lowercase) {
  TestMetadata metadata = text::wpm_metadata({"\u2581a", "\u2581ab", "b", "aa", "\u2581,", "\u00E9",
                                              "\u2581\u65E5", "\u2581the", "\u1161", "e"});
  metadata.flag("tokenizer.ggml.normalizer.lowercase", lowercase);
  return metadata;
}

TestMetadata ugm(bool bytes, bool merge_spaces) {
  std::vector<text::TestToken> tokens = {
      {"\u2581", -2, text::kNormal},  {"a", -2, text::kNormal},
      {"b", -3, text::kNormal},       {"ab", -4, text::kNormal},
      {"\u2581a", -3, text::kNormal}, {"a\u2581b", -5, text::kNormal},
      {"\u00E9", -1, text::kNormal},  {"the", 0, text::kUserDefined},
      {"\xE6\x97", -1, text::kNormal}};
  if (bytes) {
    for (const text::TestToken& token : text::byte_token_list()) tokens.push_back(token);
  }
  TestMetadata metadata = text::ugm_metadata(tokens);
  metadata.flag("tokenizer.ggml.remove_extra_whitespaces", merge_spaces);
  metadata.bytes("tokenizer.ggml.precompiled_charsmap", text::charsmap_bytes({{"\n", " "},
                                                                              {"\t", " "},
                                                                              {"e\u0301", "\u00E9"},
                                                                              {"\uFF41", "a"},
                                                                              {"\u00AD", ""},
                                                                              {"\uFB01", "fi"}}));
  return metadata;
}

TestMetadata gemma() {
  TestMetadata metadata =
      text::spm_metadata({"\u2581", "a", "b", "ab", "\u2581a", "\u2581\u2581", "a\u2581a", "\n\n"});
  metadata.text("tokenizer.ggml.model", "gemma4");
  metadata.u32("tokenizer.ggml.bos_token_id", 1);
  metadata.texts("tokenizer.ggml.merges",
                 {"a b", "\u2581 a", "a \u2581a", "\u2581 \u2581", "\n \n"});
  return metadata;
}

TestMetadata rwkv() {
  TestMetadata metadata;
  metadata.text("tokenizer.ggml.model", "rwkv");
  std::vector<text::TestToken> tokens = {{"the", 0, text::kNormal}, {"a\\nb", 0, text::kNormal}};
  static constexpr char kHex[] = "0123456789abcdef";
  for (size_t byte = 0; byte < 256; ++byte) {
    tokens.push_back({cat("\\x", kHex[byte >> 4], kHex[byte & 15]), 0, text::kNormal});
  }
  text::set_tokens(metadata, tokens);
  return metadata;
}

const std::vector<std::unique_ptr<Vocabulary>>& vocabularies() {
  static const auto made = [] {
    std::vector<std::unique_ptr<Vocabulary>> all;
    all.push_back(make(spm(false)));
    all.push_back(make(spm(true)));
    for (const char* pre : {"gpt-2", "llama-bpe"}) all.push_back(make(bpe(pre)));
    all.push_back(make(rwkv()));
    all.push_back(make(gemma()));
    for (const bool yes : {false, true}) {
      all.push_back(make(wpm(yes)));
      all.push_back(make(ugm(yes, true)));
      all.push_back(make(ugm(yes, false)));
    }
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

// Lowercase, spaces that become one and the like do not come back, nor does U+2581 as itself.
bool keeps_all(const text::Vocab& vocab) {
  return vocab.model() != text::TokenizerModel::wpm && vocab.model() != text::TokenizerModel::ugm &&
         vocab.model_name() != "gemma4";
}

void check_splitters(std::string_view text) {
  for (const text::PreTokenizer& row : text::all_pre_tokenizers()) {
    text::WordSplitter splitting(row.splitter, text);
    size_t at = 0;
    for (std::string_view word; splitting.next(word);) {
      require(!word.empty() && word.data() == text.data() + at, "words are the text in order");
      at += word.size();
    }
    require(at == text.size(), "words are the whole text");
  }
}

void check_charsmap(std::string_view bytes) {
  const auto made = text::Charsmap::read(as_bytes(bytes));
  if (!made) {
    require(made.error().message.find('\n') == std::string::npos, "an error is one line");
    return;
  }
  for (size_t at = 0; at < bytes.size();) {
    const size_t plain = made->plain_run(bytes, at);
    const text::Charsmap::Step step = made->step(bytes, at);
    require(step.consumed > 0 && at + step.consumed <= bytes.size(), "a step moves on");
    require(is_valid_utf8(step.text), "what comes out is UTF-8");
    at += plain != 0 ? plain : step.consumed;
    require(at <= bytes.size(), "a run ends with the text");
  }
}

void check(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool special : {false, true}) {
    const auto tokens = tokenizer.encode(text, {special, special});
    for (const Token token : tokens) {
      require(tokenizer.vocab().contains(token), "tokens are of the vocabulary");
    }
    if (special) continue;  // special tokens in the text are not part of it any more
    const std::string whole = tokenizer.decode(tokens);
    if (keeps_all(tokenizer.vocab())) require(whole == text, "decode gives what was encoded");
    text::StreamDecoder stream(tokenizer, text::SpecialTokens::hide,
                               text::StreamStart::begins_text);
    std::string streamed;
    for (const Token token : tokens) {
      const std::string piece = stream.push(token);
      require(is_valid_utf8(piece), "a stream hands out whole characters");
      streamed += piece;
    }
    streamed += stream.finish();
    require(streamed == shown(whole), "a stream reads as the whole does");
  }
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& vocabulary : hearth::fuzz::vocabularies())
    hearth::fuzz::check(*vocabulary->tokenizer, text);
  hearth::fuzz::check_splitters(text);
  hearth::fuzz::check_charsmap(text);
  return 0;
}
