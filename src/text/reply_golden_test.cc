// Replies as the templates of real models write them (tools/reply_cases.py): whole, in pieces,
// truncated and damaged.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "text/reply_test.h"

namespace hearth::text {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct Case {
  std::string name;
  const ReplyFormat* format;
  std::string prompt_end;
  std::string text;
  Reply want;
};

struct Cases {
  ReplyTools tools;
  std::vector<Case> cases;
};

const Cases& cases() {
  static const Cases kCases = [] {
    std::ifstream in(cat(HEARTH_SOURCE_DIR, "/tests/data/reply_cases.json"));
    const ordered_json document = ordered_json::parse(in);
    Cases all{ReplyTools::read(document["tools"].dump()), {}};
    for (const auto& item : document["cases"]) {
      Case made{item["name"],
                &reply_format_named(item["format"].get<std::string>()),
                item["prompt_end"],
                item["reply"],
                {}};
      made.want.content = item["content"];
      made.want.reasoning = item["reasoning"];
      made.want.raw = made.text;
      for (size_t i = 0; i < item["calls"].size(); ++i) {
        const std::string tool = item["calls"][i];
        made.want.calls.push_back({item["ids"][i], tool, document["arguments"][tool].dump()});
      }
      all.cases.push_back(std::move(made));
    }
    return all;
  }();
  return kCases;
}

Parsed parse(const Case& c, std::string_view text, const std::vector<size_t>& cuts = {}) {
  return parse(*c.format, c.prompt_end, text, cases().tools, cuts);
}

// What holds for every text: nothing depends on the cuts, calls are JSON objects, the events are
// the reply.
void check_promises(const Case& c, std::string_view text, const std::vector<size_t>& cuts) {
  const Parsed whole = parse(c, text);
  const Parsed pieces = parse(c, text, cuts);
  ASSERT_EQ(shown(pieces.reply), shown(whole.reply)) << c.name << "\n" << text;
  ASSERT_EQ(shown(pieces.events), shown(whole.events)) << c.name << "\n" << text;
  ASSERT_EQ(whole.reply.raw, text);
  std::string content;
  std::string reasoning;
  for (const ReplyEvent& event : pieces.events) {
    if (event.kind == ReplyEvent::Kind::content) content += event.text;
    if (event.kind == ReplyEvent::Kind::reasoning) reasoning += event.text;
  }
  EXPECT_EQ(content, whole.reply.content);
  EXPECT_EQ(reasoning, whole.reply.reasoning);
  for (const ToolCall& call : whole.reply.calls) {
    EXPECT_TRUE(json::parse(call.arguments, nullptr, false).is_object()) << call.arguments;
    EXPECT_FALSE(call.name.empty());
  }
}

TEST(ReplyGoldenTest, EveryFormatIsThere) {
  EXPECT_GT(cases().cases.size(), 400U);
  for (const ReplyFormat& format : reply_formats()) {
    if (format.name == "harmony") continue;  // no template of the collection has it
    const bool any = std::any_of(cases().cases.begin(), cases().cases.end(),
                                 [&](const Case& c) { return c.format->name == format.name; });
    EXPECT_TRUE(any) << format.name;
  }
}

TEST(ReplyGoldenTest, WhatATemplateWritesComesBack) {
  for (const Case& c : cases().cases) {
    const Parsed parsed = parse(c, c.text);
    EXPECT_FALSE(parsed.reply.malformed) << c.name << "\n" << c.text;
    if (!c.format->plain()) {
      EXPECT_EQ(parsed.reply.content, c.want.content) << c.name;
    }
    EXPECT_EQ(trim(parsed.reply.content), c.want.content) << c.name << "\n" << c.text;
    EXPECT_EQ(parsed.reply.reasoning, c.want.reasoning) << c.name << "\n" << c.text;
    EXPECT_EQ(parsed.reply.raw, c.text);
    ASSERT_EQ(parsed.reply.calls.size(), c.want.calls.size()) << c.name << "\n" << c.text;
    for (size_t i = 0; i < c.want.calls.size(); ++i) {
      const ToolCall& call = parsed.reply.calls[i];
      EXPECT_EQ(call.name, c.want.calls[i].name) << c.name;
      EXPECT_EQ(json::parse(call.arguments, nullptr, false), json::parse(c.want.calls[i].arguments))
          << c.name << "\n"
          << call.arguments;
      if (!c.want.calls[i].id.empty()) {
        EXPECT_EQ(call.id, c.want.calls[i].id) << c.name;
      }
    }
  }
}

TEST(ReplyGoldenTest, HoweverItIsCut) {
  std::mt19937 random(1);
  for (const Case& c : cases().cases) {
    check_promises(c, c.text, every_byte(c.text));
    for (int round = 0; round < 5; ++round) {
      std::vector<size_t> cuts(random() % 10);
      for (size_t& cut : cuts) cut = random() % c.text.size();
      std::sort(cuts.begin(), cuts.end());
      check_promises(c, c.text, cuts);
    }
  }
}

// Words of letters, without the marks of the format and what its syntax is made of.
std::vector<std::string> words_of(const ReplyFormat& format, std::string text) {
  std::vector<std::string_view> marks = format.marks();
  std::sort(marks.begin(), marks.end(), [](auto a, auto b) { return a.size() > b.size(); });
  for (const std::string_view mark : marks) {
    if (mark.size() < 3) continue;
    for (size_t at = text.find(mark); at != text.npos; at = text.find(mark, at))
      text.replace(at, mark.size(), " ");
  }
  constexpr std::string_view kSyntax[]{
      "name",   "arguments", "parameters", "tool_name", "tool_call_id", "function", "functions",
      "string", "json",      "True",       "False",     "None",         "type",     "index",
      "false",  "number",    "object",     "array",     "boolean",      "null",     "CDATA",
      "self",   "user",      "all",        "assistant", "true"};
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    const auto is_letter = [&](size_t i) {
      return i < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_');
    };
    size_t end = at;
    while (is_letter(end)) ++end;
    const bool escaped = at > 0 && text[at - 1] == '\\';
    const bool in_head = !format.head.end.empty() && ends_with(text.substr(0, at), " to=");
    const std::string word = text.substr(at, end - at);
    const bool syntax =
        std::find(std::begin(kSyntax), std::end(kSyntax), word) != std::end(kSyntax);
    if (word.size() > 2 && !escaped && !in_head && !syntax) words.push_back(word);
    at = std::max(end, at + 1);
  }
  return words;
}

TEST(ReplyGoldenTest, TruncatedRepliesLoseNothing) {
  for (const Case& c : cases().cases) {
    if (c.format->plain()) continue;
    const std::vector<std::string> words = words_of(*c.format, c.text);
    for (size_t length = 0; length < c.text.size(); length += length < 400 ? 1 : 3) {
      const std::string_view text = std::string_view(c.text).substr(0, length);
      const Parsed parsed = parse(c, text);
      ASSERT_EQ(parsed.reply.raw, text);
      ASSERT_LE(parsed.reply.calls.size(), c.want.calls.size()) << text;
      std::string all = parsed.reply.content + "\n" + parsed.reply.reasoning;
      for (const ToolCall& call : parsed.reply.calls)
        all += "\n" + call.id + "\n" + call.name + "\n" + call.arguments;
      for (const std::string& word : words_of(*c.format, std::string(text)))
        ASSERT_NE(all.find(word), all.npos) << c.name << ": " << word << "\n"
                                            << text << "\n"
                                            << all;
      if (!parsed.reply.calls.empty()) {
        ASSERT_EQ(parsed.reply.reasoning, c.want.reasoning) << text;
      }
    }
  }
}

TEST(ReplyGoldenTest, TruncatedRepliesDoNotDependOnCuts) {
  for (size_t i = 0; i < cases().cases.size(); i += 3) {
    const Case& c = cases().cases[i];
    for (size_t length = 0; length < c.text.size(); length += 7) {
      const std::string_view text = std::string_view(c.text).substr(0, length);
      check_promises(c, text, every_byte(text));
    }
  }
}

std::string damaged(std::string text, std::mt19937& random) {
  const auto any = [&](size_t n) { return n == 0 ? 0 : random() % n; };
  for (size_t times = 1 + any(3); times > 0; --times) {
    const size_t at = any(text.size() + 1);
    const size_t length = any(std::min<size_t>(20, text.size() - at) + 1);
    switch (any(5)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, text.substr(any(text.size() + 1), length));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      case 3:
        text.insert(at, 1, "\"'{}[]<>|,:\\\n "[any(14)]);
        break;
      default:
        if (at < text.size()) text[at] = "\"'{}[]<>|,:\\\n "[any(14)];
        break;
    }
  }
  return text;
}

TEST(ReplyGoldenTest, DamagedRepliesKeepThePromises) {
  std::mt19937 random(2);
  for (const Case& c : cases().cases) {
    for (int round = 0; round < 20; ++round) {
      const std::string text = damaged(c.text, random);
      check_promises(c, text, every_byte(text));
      std::vector<size_t> cuts(random() % 10);
      for (size_t& cut : cuts) cut = random() % (text.size() + 1);
      std::sort(cuts.begin(), cuts.end());
      check_promises(c, text, cuts);
    }
  }
}

// A reply of one model is not always read by the format of it.
TEST(ReplyGoldenTest, AnyFormatReadsAnyReply) {
  for (size_t i = 0; i < cases().cases.size(); i += 11) {
    Case c = cases().cases[i];
    for (const ReplyFormat& format : reply_formats()) {
      c.format = &format;
      check_promises(c, c.text, every_byte(c.text));
    }
  }
}

}  // namespace
}  // namespace hearth::text
