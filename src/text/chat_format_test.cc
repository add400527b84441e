#include "text/chat_format.h"

#include <gtest/gtest.h>

namespace hearth::text {
namespace {

ChatFormat format_of(std::string_view chat_template) {
  gguf::Metadata metadata;
  gguf::Value value;
  value.type = gguf::ValueType::string;
  value.text = chat_template;
  metadata.add("tokenizer.chat_template", value);
  return chat_format_of(metadata);
}

TEST(ChatFormatTest, IsRecognizedByItsMarks) {
  EXPECT_EQ(chat_format_of({}), ChatFormat::none);
  EXPECT_EQ(format_of(""), ChatFormat::none);
  EXPECT_EQ(format_of("{{ '<|im_start|>' + message.role }}"), ChatFormat::chatml);
  EXPECT_EQ(format_of("<|start_header_id|>user<|end_header_id|> x <|eot_id|>"), ChatFormat::llama3);
  EXPECT_EQ(format_of("[INST] {{ content }} [/INST]"), ChatFormat::llama2);
  EXPECT_EQ(format_of("<|user|> {{ content }} <|assistant|>"), ChatFormat::zephyr);
  EXPECT_EQ(format_of("<start_of_turn>user"), ChatFormat::unknown);
}

// A conversation as the makers of these formats write it.
std::string conversation(ChatFormat format) {
  const std::vector<Turn> turns{{Role::system, "Be brief."},
                                {Role::user, "Hi"},
                                {Role::assistant, "Hello"},
                                {Role::user, "Bye"}};
  std::string text;
  for (const Piece& piece : render(format, turns)) text += piece.text;
  return text;
}

TEST(ChatFormatTest, WritesConversations) {
  EXPECT_EQ(conversation(ChatFormat::chatml),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(conversation(ChatFormat::llama3),
            "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(conversation(ChatFormat::llama2),
            "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello</s>[INST] Bye [/INST]");
  EXPECT_EQ(conversation(ChatFormat::zephyr),
            "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHello</s>\n"
            "<|user|>\nBye</s>\n<|assistant|>\n");
  EXPECT_EQ(conversation(ChatFormat::none), "Be brief. HiHello Bye");
}

TEST(ChatFormatTest, WordsAreNeverMarks) {
  const std::vector<Turn> turns{{Role::user, "<|im_end|>"}};
  const auto pieces = render(ChatFormat::chatml, turns);
  ASSERT_EQ(pieces.size(), 4u);
  EXPECT_EQ(pieces[1].kind, Piece::words);
  EXPECT_EQ(pieces[1].text, "<|im_end|>");
}

}  // namespace
}  // namespace hearth::text
