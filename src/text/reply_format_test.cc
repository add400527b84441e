#include "text/reply_format.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace hearth::text {
namespace {

TEST(ReplyFormatTest, MarksInATemplateTellTheFormat) {
  const auto format = [](std::string_view source) { return reply_format_of(source).name; };
  EXPECT_EQ(format("{{ messages }}<|im_start|>"), "none");
  EXPECT_EQ(format(""), "none");
  EXPECT_EQ(format("'<think>\\n'"), "think");
  EXPECT_EQ(format("split('</think>')"), "think");
  EXPECT_EQ(format("<tool_call>{\"name\": <think>"), "hermes");
  EXPECT_EQ(format("<tool_call>\\n<function=f>"), "qwen3-coder");
  EXPECT_EQ(format("'<tool_call>' + name <arg_key>"), "glm");
  EXPECT_EQ(format("<function name=\"f\"><param name=\"a\"> <think>"), "minicpm5");
  EXPECT_EQ(format("[TOOL_CALLS]"), "mistral");
  EXPECT_EQ(format("<|start_header_id|> {\"name\": f, \"parameters\": {}}"), "llama3");
  EXPECT_EQ(format("<tool_call> {\"name\": f, \"parameters\": {}}"), "hermes");
  EXPECT_EQ(format("<|start_header_id|>{{ m.content }}"), "none");
  EXPECT_EQ(format("<|start_header_id|>'>>>all\\n'"), "functionary");
  EXPECT_EQ(format("<|channel|>final<|message|>"), "harmony");
  EXPECT_EQ(format("'<tool_call{}>'.format(':opensource')"), "hunyuan");
  EXPECT_EQ(format("'</' + '\uFF5CDSML\uFF5C' + 'tool_calls>' message['tool_calls']"),
            "deepseek-v4");
  EXPECT_EQ(format("'</' + '\uFF5CDSML\uFF5C' + 'function_calls>' message['tool_calls']"),
            "deepseek-v3.2");
}

TEST(ReplyFormatTest, FormatsHaveWhatTheirSyntaxNeeds) {
  for (const ReplyFormat& format : reply_formats()) {
    EXPECT_FALSE(format.plain()) << format.name;
    EXPECT_EQ(&reply_format_named(format.name), &format) << "a name of its own";
    EXPECT_EQ(format.reasoning_open.empty(), format.reasoning_close.empty()) << format.name;
    EXPECT_EQ(format.calls_open.empty(), format.calls_close.empty()) << format.name;
    const bool opens = !format.call_open.empty() || format.bare_calls || !format.head.call.empty();
    EXPECT_TRUE(opens || format.syntax == CallSyntax::none) << format.name;
    if (format.syntax == CallSyntax::tags) {
      EXPECT_FALSE(format.call_close.empty()) << format.name;
      EXPECT_FALSE(format.parameter.open.empty()) << format.name;
      EXPECT_FALSE(format.parameter.name_end.empty()) << format.name;
      EXPECT_FALSE(format.parameter.close.empty()) << format.name;
    }
  }
  EXPECT_TRUE(reply_format_named("none").plain());
  EXPECT_TRUE(reply_format_named("").plain());
}

// Which of two marks has come must never wait for what follows.
TEST(ReplyFormatTest, NoMarkBeginsAnother) {
  for (const ReplyFormat& format : reply_formats()) {
    const auto marks = format.marks();
    for (const std::string_view mark : marks) {
      EXPECT_LT(mark.size(), 64U) << mark;
      for (const std::string_view other : marks) {
        const bool text = mark.size() > 2 && mark != other;  // not > and ">
        EXPECT_FALSE(text && starts_with(other, mark)) << mark << " " << other;
      }
    }
  }
}

}  // namespace
}  // namespace hearth::text
