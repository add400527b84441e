// What tests/cli/template_test.py cannot say by racing Python: the messages of errors, the limits,
// and what lies beneath.
#include "text/jinja.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <thread>

#include "text/jinja_number.h"
#include "text/jinja_string.h"
#include "text/unicode_case.h"

namespace hearth::text::jinja {
namespace {

constexpr CivilTime kNow{2024, 2, 29, 23, 5, 9};

Result<std::string> render(std::string_view source, std::string_view variables = "{}",
                           const Limits& limits = {}) {
  HEARTH_TRY(const Template parsed, Template::parse(source));
  return parsed.render(variables, kNow, "{}", limits);
}

std::string text_of(std::string_view source, std::string_view variables = "{}") {
  const auto text = render(source, variables);
  return text ? *text : "error: " + text.error().message;
}

TEST(JinjaTest, RendersAConversation) {
  EXPECT_EQ(text_of("{% for m in messages %}\n<{{ m.role }}>\n{{- m['content'] | trim }}"
                    "{{ ';' if not loop.last }}\n{% endfor %}\n",
                    R"({"messages": [{"role": "user", "content": " Hi "},
                                     {"role": "assistant", "content": "Ho"}]})"),
            "<user>Hi;\n<assistant>Ho\n");
}

TEST(JinjaTest, ErrorsNameTheirLine) {
  for (const auto& [source, message] : std::vector<std::pair<std::string, std::string>>{
           {"a\n{{ x.y }}", "template: line 2: 'x' is undefined"},
           {"{{ 1 }}\n\n{% if %}", "template: line 3: an expression was expected, not '%}'"},
           {"\n{{ 'a' | nope }}", "template: line 2: there is no filter 'nope'"},
           {"\r\n\r\n{{ raise_exception('no\tway') }}", "template: line 3: no\\x09way"},
           {"{% for x in [1] %}\n{{ 1 +\n'a' }}{% endfor %}",
            "template: line 2: unsupported operand type(s) for +: 'int' and 'str'"},
           {"{% include 'x' %}",
            "template: line 1: the tag 'include' is not supported: a chat template stands alone"},
           {"{{ [].append(1) }}",
            "template: line 1: access to attribute 'append' of 'list' object is unsafe"},
       }) {
    EXPECT_EQ(text_of(source), "error: " + message);
  }
}

TEST(JinjaTest, LimitsAreErrors) {
  Limits limits;
  limits.steps = 1000;
  const auto steps = render("{% for i in range(5000) %}{% endfor %}", "{}", limits);
  ASSERT_FALSE(steps);
  EXPECT_EQ(steps.error().code, ErrorCode::too_large);
  EXPECT_NE(steps.error().message.find("line 1: it does not end within 10"), std::string::npos);
  limits = {};
  limits.value_bytes = 100;
  const auto output = render("{% for i in range(50) %}abc{% endfor %}", "{}", limits);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::too_large);
  EXPECT_FALSE(render("\xff"));
  EXPECT_FALSE(render(std::string(300 << 10, 'x')));
}

TEST(JinjaTest, LargerInputsAllowMore) {
  const std::string text(1 << 20, 'a');
  const auto doubled = render("{{ text }}{{ text | upper }}", "{\"text\": \"" + text + "\"}");
  ASSERT_TRUE(doubled);
  EXPECT_EQ(doubled->size(), 2 * text.size());
}

TEST(JinjaTest, DefaultsHoldWhereVariablesAreMissing) {
  const auto parsed = Template::parse("{{ a }}{{ b }}");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed->render(R"({"a": 1})", kNow, R"({"a": 2, "b": 3})"), "13");
}

TEST(JinjaTest, NumbersOfTheInputStayExact) {
  EXPECT_EQ(text_of("{{ l }} {{ l | tojson }}",
                    R"({"l": [9223372036854775807, -9223372036854775808, 18446744073709551615,
                              -99999999999999999999, 1.0, 1e2, 0.1]})"),
            "[9223372036854775807, -9223372036854775808, 18446744073709551615, "
            "-99999999999999999999, 1.0, 100.0, 0.1] "
            "[9223372036854775807, -9223372036854775808, 18446744073709551615, "
            "-99999999999999999999, 1.0, 100.0, 0.1]");
}

TEST(JinjaTest, TellsTheTime) {
  EXPECT_EQ(text_of("{{ strftime_now('%A %d %B %Y %H:%M:%S %j %V %p %-d') }}"),
            "Thursday 29 February 2024 23:05:09 060 09 PM 29");
}

TEST(JinjaTest, OneTemplateServesManyThreads) {
  const auto parsed = Template::parse("{% for x in l %}{{ x ~ 'a' }}{% endfor %}");
  ASSERT_TRUE(parsed);
  std::vector<std::thread> threads;
  std::vector<std::string> texts(8);
  for (std::string& text : texts)
    threads.emplace_back(
        [&] { text = parsed->render(R"({"l": [1, 2, "b"]})", kNow).value_or(""); });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : texts) EXPECT_EQ(text, "1a2aba");
}

TEST(JinjaTest, DeepestNestingFitsTheStack) {
  EXPECT_EQ(text_of("{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}"
                    "{{ m(50) }}ok"),
            "ok");
  // To the limit, through as many functions for a level as there are.
  for (const std::string source :
       {"{% macro m(x) %}{% for y in [x] if [y|upper] %}{% set z %}{{ (m(y ~ [m(x)])|trim) }}"
        "{% endset %}{% endfor %}{% endmacro %}{{ m('x') }}",
        "{% macro m(x) %}{% filter upper %}{% with a = m([x]|map('string')|join) %}{% endwith %}"
        "{% endfilter %}{% endmacro %}{{ m('x') }}"}) {
    EXPECT_NE(text_of(source).find("nests deeper than"), std::string::npos) << text_of(source);
  }
}

TEST(JinjaNumberTest, ShortestTextReadsBack) {
  rc::check([](double value) {
    const std::string text = real_text(value);
    RC_ASSERT(std::strtod(text.c_str(), nullptr) == value);
  });
  EXPECT_EQ(real_text(0.1), "0.1");
  EXPECT_EQ(real_text(1e16), "1e+16");
  EXPECT_EQ(real_text(123456.0), "123456.0");
  EXPECT_EQ(real_text(1.5e-7), "1.5e-07");
  EXPECT_EQ(real_text(-0.0), "-0.0");
}

TEST(JinjaValueTest, KeysHaveATotalOrder) {
  Ledger ledger;
  const auto text = [&](const char* value) {
    return Value::object(Kind::string, std::make_unique<Text>(ledger, value));
  };
  const std::vector<Value> sorted = {Value::none(),
                                     Value::real(-1.5),
                                     Value::integer(0),
                                     Value::real(0.5),
                                     Value::boolean(true),
                                     Value::integer(2),
                                     text(""),
                                     text("a"),
                                     text("b")};
  for (size_t i = 0; i < sorted.size(); ++i)
    for (size_t j = 0; j < sorted.size(); ++j)
      EXPECT_EQ(compare_keys(sorted[i], sorted[j]), i < j ? -1 : i > j ? 1 : 0) << i << " " << j;
  EXPECT_EQ(compare_numbers(Value::integer(INT64_MAX), Value::real(9223372036854775808.0)), -1);
  EXPECT_EQ(compare_numbers(Value::integer(9007199254740993), Value::real(9007199254740992.0)), 1);
}

TEST(JinjaValueTest, DictsFindEveryKey) {
  rc::check([](const std::vector<int>& keys) {
    Ledger ledger;
    std::vector<Entry> entries;
    for (size_t i = 0; i < keys.size(); ++i)
      entries.push_back({Value::integer(keys[i]), Value::integer(static_cast<int64_t>(i))});
    const Dict dict(ledger, entries);
    for (const int key : keys) {
      const Value* found = dict.find(Value::integer(key));
      RC_ASSERT(found != nullptr);
      RC_ASSERT(keys[static_cast<size_t>(found->as_integer())] == key);
    }
    RC_ASSERT(dict.find("x") == nullptr);
  });
}

TEST(JinjaValueTest, NoValueIsLeft) {
  Ledger ledger;
  {
    auto made = std::make_unique<Text>(ledger, "some text that is long enough for the heap");
    const Value value = Value::object(Kind::string, std::move(made));
    EXPECT_GT(ledger.live, 0u);
  }
  EXPECT_EQ(ledger.live, 0u);
}

TEST(UnicodeCaseTest, IsThatOfPython) {
  EXPECT_EQ(upper_case("stra\u00DFe \uFB01 \u01C6"), "STRASSE FI \u01C4");
  EXPECT_EQ(title_case("\u01C6 they're"), "\u01C5 They'Re");
  EXPECT_EQ(lower_case("\u039F\u0394\u03A3 \u03A3"), "\u03BF\u03B4\u03C2 \u03C3");
  EXPECT_EQ(lower_case("\u0130"), "i\u0307");
  EXPECT_EQ(case_folded("Stra\u00DFe"), "strasse");
  EXPECT_EQ(swapped_case("aB\u00E9"), "Ab\u00C9");
}

}  // namespace
}  // namespace hearth::text::jinja
