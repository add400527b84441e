#include "grammar/json_scalars.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "grammar/json_parts.h"
#include "grammar/regex.h"

namespace hearth::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint32_t kMaxCount = 100'000;

// Days that every month has.
const std::map<std::string, std::string_view, std::less<>> kFormats = {
    {"date", R"(^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$)"},
    {"time", R"(^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$)"},
    {"date-time",
     R"(^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8]))"
     R"(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$)"},
    {"uuid", R"(^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$)"},
    {"ipv4", R"(^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$)"},
    {"email",
     R"(^[a-z0-9]+([._+-][a-z0-9]+){0,5}@[a-z0-9]+(-[a-z0-9]+){0,3}(\.[a-z]{2,10}){1,3}$)"}};

}  // namespace

Result<uint32_t> count_of(const Json& schema, const char* key, uint32_t otherwise,
                          const std::string& at) {
  const auto value = schema.find(key);
  if (value == schema.end()) return otherwise;
  const double count = value->is_number() ? value->get<double>() : -1;
  if (!(count >= 0 && count <= kMaxCount) || count != std::floor(count))
    return wrong(at, "'", key, "' is a whole number from 0 to ", kMaxCount);
  return static_cast<uint32_t>(count);
}

Result<Expression> string_of(const Json& schema, const Expression& any_char,
                             const std::string& at) {
  HEARTH_TRY(const uint32_t least, count_of(schema, "minLength", 0, at));
  HEARTH_TRY(const uint32_t most, count_of(schema, "maxLength", kUnbounded, at));
  if (most < least) return wrong(at, "'maxLength' is less than 'minLength'");
  std::optional<std::string> pattern;
  if (const auto given = schema.find("pattern"); given != schema.end()) {
    if (!given->is_string()) return wrong(at, "'pattern' is a string");
    pattern = given->get<std::string>();
  }
  if (const auto format = schema.find("format"); format != schema.end() && !pattern) {
    const auto known = kFormats.find(format->is_string() ? format->get<std::string>() : "");
    if (known != kFormats.end()) pattern = std::string(known->second);
  }
  Expression inner = repeated(any_char, least, most);
  if (pattern) {
    if (least > 0 || most != kUnbounded)
      return wrong(at, "'minLength' and 'maxLength' beside a pattern cannot be kept");
    const Result<Expression> parsed = parse_regex(*pattern);
    if (!parsed) return wrong(at, parsed.error().message);
    inner = json_escaped(*parsed);
  }
  return sequence_of({text_of("\""), std::move(inner), text_of("\"")});
}

Result<Expression> number_of(const Json& schema, bool whole, const std::string& at) {
  const auto bound = [&](const char* key) -> std::optional<double> {
    const auto value = schema.find(key);
    if (value == schema.end() || !value->is_number()) return std::nullopt;
    return value->get<double>();
  };
  for (const char* const key : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
    if (schema.contains(key) && !schema[key].is_number())
      return wrong(at, "'", key, "' is a number");
  }
  if (const auto step = schema.find("multipleOf"); step != schema.end()) {
    if (!whole || *step != Json(1)) return wrong(at, "'multipleOf' cannot be kept");
  }
  std::optional<double> low = bound("minimum"), high = bound("maximum");
  const std::optional<double> above = bound("exclusiveMinimum");
  const std::optional<double> below = bound("exclusiveMaximum");
  if (!whole) {
    if (high || below || above || (low && *low != 0)) {
      return wrong(at,
                   "bounds of numbers that are not whole cannot be kept, but for a minimum "
                   "of 0");
    }
    return json_number(!low);
  }
  if (above) low = std::max(low.value_or(-INFINITY), std::floor(*above) + 1);
  if (below) high = std::min(high.value_or(INFINITY), std::ceil(*below) - 1);
  constexpr double kLargest = 9e17;
  const auto rounded = [&](std::optional<double> value, bool up) -> std::optional<int64_t> {
    if (!value) return std::nullopt;
    return static_cast<int64_t>(
        std::clamp(up ? std::ceil(*value) : std::floor(*value), -kLargest, kLargest));
  };
  const auto least = rounded(low, true), most = rounded(high, false);
  if (least && most && *least > *most) return wrong(at, "no number lies between its bounds");
  return json_integer(least, most);
}

}  // namespace hearth::grammar
