// Any template over variables of every kind: it ends with a text or with one line of error, within
// the limits. The input is a template; a second part behind a zero byte is JSON for `x`.
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "fuzz.h"
#include "text/jinja.h"

namespace hearth::fuzz {
namespace {

constexpr std::string_view kVariables =
    R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type":
    "text", "text": "a\u00e9"}]}, {"role": "assistant", "content": null, "tool_calls": [{"id": "1",
    "function": {"name": "f", "arguments": {"a": [1, 2.5, true, null, "\u2028"]}}}]}], "tools":
    [{"function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}], "n": 7,
    "l": [3, 1, 2], "d": {"b": 1, "a": "x"}, "s": "Hello", "bos_token": "<s>", "eos_token": "",
    "add_generation_prompt": true})";

text::jinja::Limits small_limits() {
  text::jinja::Limits limits;
  limits.steps = 20'000;
  limits.live_bytes = size_t{16} << 20;
  limits.value_bytes = size_t{1} << 20;
  return limits;
}

void check(std::string_view source, std::string_view x) {
  const auto parsed = text::jinja::Template::parse(source);
  if (!parsed) return require_message(parsed.error());
  const std::string more = cat("{\"x\": ", x.empty() ? "1" : x, "}");
  const auto rendered = parsed->render(more, {2025, 1, 2, 3, 4, 5}, kVariables, small_limits());
  if (!rendered) return require_message(rendered.error());
  require(is_valid_utf8(*rendered), "a text is valid UTF-8");
  require(rendered->size() <= (size_t{1} << 20) + 16 * (kVariables.size() + more.size()),
          "a text keeps to its limit");
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  hearth::fuzz::check(input.substr(0, zero), zero == input.npos ? "" : input.substr(zero + 1));
  return 0;
}
