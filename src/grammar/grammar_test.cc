#include "grammar/grammar.h"

#include "base/rng.h"
#include "base/utf8.h"
#include "grammar/test_grammar.h"
#include "grammar/utf8_ranges.h"

namespace hearth::grammar {
namespace {

std::string error_of(std::string_view gbnf) {
  const Result<Rules> rules = parse_gbnf(gbnf);
  if (!rules) return rules.error().message;
  const Result<Grammar> grammar = Grammar::compile(*rules);
  return grammar ? "" : grammar.error().message;
}

TEST(GrammarTest, TextsClassesAndAlternatives) {
  const Grammar grammar = grammar_of("root ::= \"a\" [b-d] | [^x-z] \"!\" | \"\"");
  for (const char* yes : {"ab", "ad", "a!", "!!", "\xC3\xA4!", "\xF0\x9F\x94\xA5!", ""})
    EXPECT_TRUE(matches(grammar, yes)) << yes;
  for (const char* no : {"a", "ae", "x!", "a!!", "\xC3!", "\xED\xA0\x80!", "\xFF!"})
    EXPECT_FALSE(matches(grammar, no)) << no;
}

TEST(GrammarTest, Repetitions) {
  const Grammar grammar =
      grammar_of("root ::= \"a\"* \"b\"+ \"c\"? \"d\"{2} \"e\"{1,} \"f\"{0,2} \"g\"{,1} (\"\"){3}");
  for (const char* yes : {"bdde", "aabbcddeeff", "bcddeg", "abddeffg"})
    EXPECT_TRUE(matches(grammar, yes)) << yes;
  for (const char* no : {"", "dde", "bde", "bddd", "bddefff", "bccdde", "bddegg"})
    EXPECT_FALSE(matches(grammar, no)) << no;
}

TEST(GrammarTest, RepetitionsOfRepetitionsDoNotMix) {
  const Grammar grammar = grammar_of("root ::= (\"a\"* | \"b\") (\"c\"*)* \"d\"");
  for (const char* yes : {"d", "aad", "bd", "acccd"}) EXPECT_TRUE(matches(grammar, yes)) << yes;
  for (const char* no : {"abd", "bbd", "ca"}) EXPECT_FALSE(matches(grammar, no)) << no;
}

TEST(GrammarTest, Recursion) {
  const Grammar grammar =
      grammar_of("root ::= \"(\" root* \")\" | pair\npair ::= \"[\" root? \"]\"");
  for (const char* yes : {"()", "(()[])", "[[()()]]", "([([])])"}) {
    EXPECT_EQ(matches(grammar, yes), std::string_view(yes) != "[[()()]]") << yes;
  }
  EXPECT_FALSE(matches(grammar, "(]"));
  std::string deep(20000, '(');
  EXPECT_FALSE(matches(grammar, deep));
  EXPECT_TRUE(matches(grammar, deep + std::string(20000, ')')));
}

TEST(GrammarTest, Json) {
  const Grammar grammar = grammar_of(kJson);
  for (const char* yes :
       {"{}", "{\"a\": 1}", "{\"a\":[1,-2.5e+10,[]],\"\\u00e4\\n\": {\"b\":null} }",
        "{\n  \"k\": \"\xE2\x82\xAC\",\n  \"l\": true\n}"}) {
    EXPECT_TRUE(matches(grammar, yes)) << yes;
  }
  for (const char* no : {"", "{", "[]", "{\"a\": 01}", "{\"a\": 1,}", "{'a': 1}", "{\"a\": \"\n\"}",
                         "{\"a\": \"\\x\"}"}) {
    EXPECT_FALSE(matches(grammar, no)) << no;
  }
}

// What can be read can be finished: nothing leads into a dead end.
TEST(GrammarTest, DeadEndsAreNotEntered) {
  const Grammar grammar = grammar_of("root ::= \"ab\" [] | \"ac\"");
  Stacks stacks(grammar);
  EXPECT_EQ(read_all(stacks, "ab"), Stacks::kDead);
  EXPECT_TRUE(matches(grammar, "ac"));
}

// Readings that were left out are not forgotten with the rest.
TEST(GrammarTest, AmbiguityOutlivesCompacting) {
  const Grammar grammar =
      grammar_of("root ::= \"a\" root tail | \"e\"\ntail ::= \"b\"? \"c\"? | \"bc\"");
  Stacks stacks(grammar);
  Stacks::State state = read_all(stacks, "aae");
  EXPECT_FALSE(stacks.ambiguous());
  state = read_all(stacks, std::string(2000, 'a') + "eb");
  ASSERT_TRUE(stacks.ambiguous());
  state = stacks.compact(state);
  EXPECT_TRUE(stacks.ambiguous());
}

TEST(GrammarTest, ErrorsNameWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "there is no rule 'root'"},
      {"root ::= a", "there is no rule 'a', which line 1 names"},
      {"root ::= \"a\n\"", "line 1: the line ends in the middle"},
      {"# note\nroot ::= \"a\" )", "line 2: ')' is too much"},
      {"root ::= \"a\" \x8C", "is too much"},
      {"root ::= (\"a\"", "line 1: a group is not closed"},
      {"root = \"a\"", "'::=' is missing"},
      {"root ::= \"a\"\nroot ::= \"b\"", "line 2: a second rule 'root'"},
      {"root ::= *", "nothing in front of it"},
      {"root ::= \"a\"{3,2}", "asks for more than it allows"},
      {"root ::= \"a\"{9999999}", "a count above 1000000"},
      {"root ::= \"a\"{", "a count is missing"},
      {"root ::= [z-a]", "ends before it begins"},
      {"root ::= \"\\q\"", "no escape '\\q'"},
      {"root ::= \"\\uD800\"", "stands for no character"},
      {"root ::= \"\\x4\"", "needs 2 hexadecimal digits"},
      {"root ::= <think>", "tokens by name"},
      {"root ::= \"\xFF\"", "not UTF-8"},
      {"root ::= root \"a\" | \"b\"", "rule 'root' calls itself"},
      {"root ::= a\na ::= b? c \"x\"\nb ::= \"y\"\nc ::= a | \"z\"", "calls itself"},
      {"root ::= \"a\" root", "rule 'root' can never end"},
      {"root ::= ((\"ab\"{1000}){1000}){1000}", "unfolds to more than"},
  };
  for (const auto& [gbnf, words] : cases) {
    EXPECT_NE(error_of(gbnf).find(words), std::string::npos) << gbnf << ": " << error_of(gbnf);
    EXPECT_TRUE(is_valid_utf8(error_of(gbnf))) << gbnf;
  }
  EXPECT_NE(error_of("root ::= " + std::string(100000, '(')).find("within each other"),
            std::string::npos);
}

TEST(GrammarTest, NothingRepeatedOftenIsNothing) {
  EXPECT_TRUE(matches(grammar_of("root ::= \"\"{1000000} (\"\"{1000000}){1000000} \"a\""), "a"));
}

TEST(Utf8RangesTest, SpellExactlyTheirCharacters) {
  Rng rng(1);
  constexpr char32_t kBorders[] = {0,      0x7F,   0x80,   0x7FF,  0x800,   0xD7FF,
                                   0xD800, 0xDFFF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF};
  for (int round = 0; round < 60; ++round) {
    const auto pick = [&] {
      return rng.below(2) == 0 ? kBorders[rng.below(std::size(kBorders))]
                               : static_cast<char32_t>(rng.below(0x110000));
    };
    CharRange range{pick(), pick()};
    if (range.first > range.last) std::swap(range.first, range.last);
    std::vector<ByteRanges> all;
    for_each_utf8(range, [&](const ByteRanges& bytes) { all.push_back(bytes); });
    EXPECT_LT(all.size(), 40u);
    for (int i = 0; i < 3000; ++i) {
      const char32_t c = i < 12 ? kBorders[i] : static_cast<char32_t>(rng.below(0x110000));
      if (c >= 0xD800 && c <= 0xDFFF) continue;
      std::string spelled;
      append_utf8(spelled, c);
      size_t found = 0;
      for (const ByteRanges& bytes : all) {
        bool inside = bytes.length == spelled.size();
        for (size_t b = 0; inside && b < spelled.size(); ++b) {
          const auto byte = static_cast<uint8_t>(spelled[b]);
          inside = bytes.ranges[b].low <= byte && byte <= bytes.ranges[b].high;
        }
        found += inside ? 1 : 0;
      }
      ASSERT_EQ(found, c >= range.first && c <= range.last ? 1u : 0u) << std::hex << uint32_t{c};
    }
  }
}

}  // namespace
}  // namespace hearth::grammar
