#include "text/stream_decoder.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/utf8.h"
#include "text/test_vocab.h"

namespace hearth::text {
namespace {

constexpr Token kByteZero = 3;  // of spm_metadata

class StreamDecoderTest : public testing::Test {
 protected:
  StreamDecoderTest() : metadata_(spm_metadata({"\u2581", "a", "\u2581a", "é"})) {
    auto made = Tokenizer::create(metadata_.metadata());
    if (made) tokenizer_.emplace(*std::move(made));
  }

  static Token byte(unsigned char value) { return kByteZero + value; }

  TestMetadata metadata_;
  std::optional<Tokenizer> tokenizer_;
};

TEST_F(StreamDecoderTest, HoldsBackHalfACharacter) {
  StreamDecoder decoder(*tokenizer_);
  EXPECT_EQ(decoder.push(byte(0xF0)), "");
  EXPECT_EQ(decoder.push(byte(0x9F)), "");
  EXPECT_EQ(decoder.push(byte(0x9A)), "");
  EXPECT_EQ(decoder.push(byte(0x80)), "🚀");
  EXPECT_EQ(decoder.push(260), "a");
  EXPECT_EQ(decoder.push(262), "é");
  EXPECT_EQ(decoder.finish(), "");
}

TEST_F(StreamDecoderTest, ReplacesWhatCanNeverBeACharacter) {
  StreamDecoder decoder(*tokenizer_);
  EXPECT_EQ(decoder.push(byte(0xFF)), "\uFFFD");
  EXPECT_EQ(decoder.push(byte(0x80)), "\uFFFD");
  EXPECT_EQ(decoder.push(byte(0xE2)), "");
  EXPECT_EQ(decoder.push(260), "\uFFFDa");
  EXPECT_EQ(decoder.push(byte(0xE2)), "");
  EXPECT_EQ(decoder.push(byte(0x96)), "");
  EXPECT_EQ(decoder.finish(), "\uFFFD\uFFFD");
  EXPECT_EQ(decoder.finish(), "");
}

TEST_F(StreamDecoderTest, TakesTheSpacePrefixOffOnlyAtTheBeginningOfText) {
  StreamDecoder continues(*tokenizer_);
  EXPECT_EQ(continues.push(261), " a");
  StreamDecoder begins(*tokenizer_, SpecialTokens::hide, StreamStart::begins_text);
  EXPECT_EQ(begins.push(1), "");
  EXPECT_EQ(begins.push(261), "a");
  EXPECT_EQ(begins.push(261), " a");
}

TEST_F(StreamDecoderTest, ShowsSpecialTokensWhenAsked) {
  StreamDecoder hide(*tokenizer_);
  EXPECT_EQ(hide.push(2), "");
  StreamDecoder show(*tokenizer_, SpecialTokens::show);
  EXPECT_EQ(show.push(2), "</s>");
  EXPECT_EQ(show.push(-1), "");
}

TEST_F(StreamDecoderTest, GivesValidUtf8AndTheWholeTextOnAnyTokens) {
  EXPECT_TRUE(rc::check([&] {
    const auto tokens = *rc::gen::container<std::vector<Token>>(rc::gen::inRange<Token>(0, 263));
    StreamDecoder decoder(*tokenizer_);
    std::string streamed;
    std::string raw;
    for (const Token token : tokens) {
      const std::string text = decoder.push(token);
      RC_ASSERT(is_valid_utf8(text));
      streamed += text;
      tokenizer_->append_piece(raw, token, SpecialTokens::hide);
    }
    streamed += decoder.finish();
    std::string expected;
    for (size_t at = 0; at < raw.size();) {
      const Utf8Char c = decode_utf8(raw, at);
      append_utf8(expected, c.code);
      at += c.length;
    }
    RC_ASSERT(streamed == expected);
  }));
}

TEST_F(StreamDecoderTest, StreamsValidTextUnchanged) {
  EXPECT_TRUE(rc::check([&] {
    std::string text;
    for (const uint32_t code :
         *rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange<uint32_t>(1, 0x10F800))) {
      append_utf8(text, code < 0xD800 ? code : code + 0x800);
    }
    StreamDecoder decoder(*tokenizer_, SpecialTokens::hide, StreamStart::begins_text);
    std::string streamed;
    for (const Token token : tokenizer_->encode(text)) streamed += decoder.push(token);
    RC_ASSERT(streamed + decoder.finish() == text);
  }));
}

}  // namespace
}  // namespace hearth::text
