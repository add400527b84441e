#include "grammar/json_schema.h"

#include "grammar/json_parts.h"
#include "grammar/regex.h"
#include "grammar/test_grammar.h"

namespace hearth::grammar {
namespace {

struct SchemaCase {
  const char* schema;
  std::vector<const char*> yes;
  std::vector<const char*> no;
};

const SchemaCase kCases[] = {
    {R"({})",
     {"1", "{}", "[1, {\"a\": null}]", "\"\\u00e4\\\"\"", "-0.5e-10"},
     {"", "01", "[1,]", "\"\\ud800\"", "\"\n\""}},
    {R"({"type": "boolean"})", {"true", "false"}, {"null", "1"}},
    {R"({"type": ["null", "integer"]})", {"null", "-12", "0"}, {"1.5", "-", "00"}},
    {R"({"enum": ["a\"b", 1, null]})", {"\"a\\\"b\"", "1", "null"}, {"\"a\"", "2"}},
    {R"({"const": {"a": 1}})", {"{\"a\":1}"}, {"{}"}},
    {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
           "required": ["a"]})",
     {"{\"a\": 1}", "{\"a\":1,\"b\":\"\"}", "{ \"a\" : 1, \"b\": \"x\" }"},
     {"{}", "{\"b\":\"\"}", "{\"b\":\"\",\"a\":1}", "{\"a\":1,\"c\":2}", "{\"a\":\"\"}"}},
    {R"({"properties": {"a": {}, "b": {}, "c": {}}})",
     {"{}", "{\"b\":1}", "{\"a\":1,\"c\":2}", "{\"a\":1,\"b\":2,\"c\":3}"},
     {"{,\"b\":1}", "{\"b\":1,}", "{\"c\":1,\"a\":1}"}},
    {R"({"properties": {"ab": {"type": "null"}}, "additionalProperties": {"type": "integer"}})",
     {"{}", "{\"ab\":null,\"x\":1,\"\":2}", "{\"a\":1}", "{\"abc\":1}", "{\"ac\":3}"},
     {"{\"x\":null}", "{\"x\":1,\"ab\":2}", "{\"ab\":1}"}},
    {R"({"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 1,
           "maxProperties": 2})",
     {"{\"a\":null}", "{\"a\":null,\"b\":null}"},
     {"{}", "{\"a\":null,\"b\":null,\"c\":null}"}},
    {R"({"type": "object", "required": ["k"]})", {"{\"k\":[]}"}, {"{}", "{\"x\":1}"}},
    {R"({"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3})",
     {"[true]", "[true, false,true]"},
     {"[]", "[1]", "[true,true,true,true]", "[true,]"}},
    {R"({"type": "array", "maxItems": 0})", {"[]"}, {"[1]"}},
    {R"({"prefixItems": [{"const": 1}, {"const": 2}], "items": {"const": 3}, "minItems": 1,
           "maxItems": 4})",
     {"[1]", "[1,2]", "[1,2,3]", "[1,2,3,3]"},
     {"[]", "[2]", "[1,3]", "[1,2,3,3,3]"}},
    {R"({"items": [{"const": 1}, {"const": 2}], "additionalItems": false})",
     {"[]", "[1]", "[1,2]"},
     {"[1,2,3]"}},
    {R"({"type": "string", "minLength": 2, "maxLength": 3})",
     {"\"ab\"", "\"a\\n\\u0041\"", "\"\xF0\x9F\x94\xA5\xC3\xA4\""},
     {"\"a\"", "\"abcd\""}},
    {R"({"type": "string", "pattern": "^[a-c]+\"?$"})",
     {"\"abc\"", "\"a\\\"\""},
     {"\"\"", "\"d\"", "\"a\"\""}},
    {R"({"type": "string", "pattern": "x"})", {"\"x\"", "\"axb\""}, {"\"\"", "\"ab\""}},
    {R"({"type": "string", "format": "date-time"})",
     {"\"2026-11-23T10:00:00Z\""},
     {"\"2026-13-23T10:00:00Z\"", "\"now\""}},
    {R"({"type": "string", "format": "ipv4"})", {"\"127.0.0.1\""}, {"\"256.0.0.1\""}},
    {R"({"type": "string", "format": "color"})", {"\"any\""}, {"1"}},
    {R"({"type": "integer", "minimum": -5, "exclusiveMaximum": 120})",
     {"-5", "-1", "0", "9", "10", "99", "100", "119"},
     {"-6", "120", "200", "1000", "-0"}},
    {R"({"type": "integer", "minimum": 1234})",
     {"1234", "1235", "1300", "2000", "10000"},
     {"1233", "999", "0", "-2000"}},
    {R"({"type": "integer", "maximum": -7})", {"-7", "-8", "-10", "-1000"}, {"-6", "0", "7"}},
    {R"({"type": "number", "minimum": 0})", {"0", "0.5", "12e3"}, {"-1", "-0.5"}},
    {R"({"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 1}]})",
     {"null", "\"a\""},
     {"\"ab\""}},
    {R"({"type": "object", "properties": {"t": {"type": "string"}}, "required": ["t"],
           "oneOf": [{"properties": {"n": {"type": "null"}}, "required": ["n"]}, {}]})",
     {"{\"t\":\"\"}", "{\"n\":null,\"t\":\"\"}"},
     {"{}", "{\"n\":null}"}},
    {R"({"allOf": [{"$ref": "#/$defs/a"}, {"properties": {"y": {"const": 2}}}],
           "$defs": {"a": {"properties": {"x": {"const": 1}}, "required": ["x"]}}})",
     {"{\"x\":1}", "{\"x\":1,\"y\":2}"},
     {"{}", "{\"y\":2}"}},
    {R"({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties":
           {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"},
           {"type": "null"}]}}, "required": ["v", "next"]}}})",
     {"{\"v\":1,\"next\":null}", "{\"v\":1,\"next\":{\"v\":2,\"next\":null}}"},
     {"{\"v\":1}", "{\"v\":1,\"next\":{}}"}},
};

Grammar compiled(const Result<Rules>& rules) {
  EXPECT_TRUE(rules.has_value()) << (rules ? "" : rules.error().message);
  Result<Grammar> grammar = Grammar::compile(rules ? *rules : any_json_object());
  EXPECT_TRUE(grammar.has_value()) << (grammar ? "" : grammar.error().message);
  return grammar ? *std::move(grammar) : Grammar{};
}

TEST(JsonSchemaTest, AllowsWhatTheSchemaSays) {
  for (const SchemaCase& tested : kCases) {
    const Grammar grammar = compiled(parse_json_schema(tested.schema));
    for (const char* yes : tested.yes)
      EXPECT_TRUE(matches(grammar, yes)) << tested.schema << " should allow " << yes;
    for (const char* no : tested.no)
      EXPECT_FALSE(matches(grammar, no)) << tested.schema << " should not allow " << no;
  }
}

TEST(JsonSchemaTest, AnyObject) {
  const Grammar grammar = compiled(any_json_object());
  EXPECT_TRUE(matches(grammar, "{\"a\": [1, 2, {\"b\": \"c\"}], \"\": false}"));
  EXPECT_FALSE(matches(grammar, "[]"));
}

// Schemas within schemas unfold to no more than they say.
TEST(JsonSchemaTest, DeepSchemasStaySmall) {
  std::string schema = R"({"type": "null"})";
  for (int i = 0; i < 80; ++i) {
    schema = i % 2 == 0 ? R"({"type": "array", "items": )" + schema + "}"
                        : R"({"type": "object", "properties": {"a": )" + schema + "}}";
  }
  EXPECT_LT(compiled(parse_json_schema(schema)).positions(), 20000u);
}

// Schemas that would unfold to more than anyone can want end soon, with an error.
TEST(JsonSchemaTest, LargeSchemasHaveLimits) {
  const auto error_of = [](const std::string& schema) {
    const Result<Rules> rules = parse_json_schema(schema);
    return rules ? std::string() : rules.error().message;
  };
  const auto list_of = [](const std::string& one, size_t n) {
    std::string all = one;
    for (size_t i = 1; i < n; ++i) all += "," + one;
    return "[" + all + "]";
  };
  std::string properties;
  for (int i = 0; i < 900; ++i)
    properties += cat(i > 0 ? "," : "", "\"", std::string(400, 'k'), i, "\":{}");
  EXPECT_NE(error_of("{\"anyOf\":" + list_of("{}", 100000) + "}").find("20000 schemas"),
            std::string::npos);
  EXPECT_NE(error_of("{\"title\":\"t\",\"anyOf\":" + list_of("{}", 100000) + "}").find("beside"),
            std::string::npos);
  EXPECT_NE(error_of("{\"properties\":{" + properties + "},\"additionalProperties\":true}")
                .find("bytes of keys"),
            std::string::npos);
  EXPECT_NE(error_of(std::string((size_t{1} << 20) + 1, ' ')).find("bytes"), std::string::npos);
}

TEST(JsonSchemaTest, WholeNumbersBetweenAllBounds) {
  for (int64_t low = -12; low <= 112; low += 3) {
    for (int64_t high = low; high <= 130; high += 7) {
      Rules rules{{{"root", json_integer(low, high)}}, 0};
      const Grammar grammar = compiled(rules);
      for (int64_t n = -130; n <= 1300; n += n < 140 ? 1 : 97)
        ASSERT_EQ(matches(grammar, std::to_string(n)), n >= low && n <= high) << low << high << n;
    }
  }
}

TEST(JsonSchemaTest, ErrorsNameThePlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"{", "is not JSON"},
      {"7", "at #: a schema is an object"},
      {R"({"type": "color"})", "no type 'color'"},
      {R"({"type": "string", "minItems": 2})", "'minItems' cannot be kept here"},
      {R"({"properties": {"a": {"not": {}}}})", "at #/properties/a: 'not' cannot be kept"},
      {R"({"$ref": "#/$defs/x"})", "which is not there"},
      {R"({"$ref": "http://example.org/x"})", "must point into the schema"},
      {R"({"$ref": "#", "type": "null"})", "beside '$ref'"},
      {R"({"type": "number", "maximum": 1})", "bounds of numbers"},
      {R"({"type": "integer", "minimum": 2, "maximum": 1})", "no number lies between"},
      {R"({"type": "array", "uniqueItems": true})", "'uniqueItems' cannot be kept"},
      {R"({"type": "array", "minItems": -1})", "'minItems' is a whole number"},
      {R"({"type": "array", "minItems": 1e30})", "'minItems' is a whole number"},
      {R"x({"pattern": "(?=a)"})x", "is not supported"},
      {R"({"pattern": "a{2"})", "is no count"},
      {R"({"enum": []})", "'enum' is a list"},
      {R"({"allOf": [{"type": "null"}, {"type": "string"}]})", "there twice, and not the same"},
      {R"({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "allOf": [{"$ref": "#/$defs/a"}]})",
       "within each other"},
      {R"({"required": "a"})", "'required' is a list"},
  };
  for (const auto& [schema, words] : cases) {
    const Result<Rules> rules = parse_json_schema(schema);
    ASSERT_FALSE(rules) << schema;
    EXPECT_EQ(rules.error().code, ErrorCode::bad_usage);
    EXPECT_NE(rules.error().message.find(words), std::string::npos) << rules.error().message;
  }
  const Result<Rules> rules = parse_json_schema(R"({"$ref": "#"})");
  ASSERT_TRUE(rules);
  EXPECT_FALSE(Grammar::compile(*rules));
}

TEST(RegexTest, AsWritten) {
  const std::tuple<const char*, std::vector<const char*>, std::vector<const char*>> cases[] = {
      {"^a|b$", {"a", "axx", "b", "xxb"}, {"xa", "bx"}},
      {"^(?:ab|c){2,3}?$", {"abc", "cab", "ccc"}, {"c", "cccc"}},
      {"^[^\\d\\s-]\\.[\\]x-]$", {"a.]", "_.-"}, {"1.]", "-.x", "ab]"}},
      {"^\\u00e4\\x41\\n.$",
       {"\xC3\xA4"
        "A\nz"},
       {"\xC3\xA4"
        "A\n\n"}},
      {"^\\w+\\W$", {"a_1!"}, {"a_1a"}},
      {"", {"", "anything"}, {}},
  };
  for (const auto& [pattern, yes, no] : cases) {
    const Result<Expression> parsed = parse_regex(pattern);
    ASSERT_TRUE(parsed) << parsed.error().message;
    const Grammar grammar = compiled(Rules{{{"root", *parsed}}, 0});
    for (const char* text : yes) EXPECT_TRUE(matches(grammar, text)) << pattern << " " << text;
    for (const char* text : no) EXPECT_FALSE(matches(grammar, text)) << pattern << " " << text;
  }
  for (const char* bad : {"(", ")", "a**", "*", "[a", "\\1", "\\b", "[z-a]", "a{1,0}", "(?<n>a)",
                          "a^b", "\\", "[\\d-x]", "\\uD800", "\xFF"}) {
    EXPECT_FALSE(parse_regex(bad)) << bad;
  }
}

}  // namespace
}  // namespace hearth::grammar
