// Members of requests in Ollama's API that say how to answer.
#include <cmath>

#include "server/ollama.h"
#include "server/prompt_fields.h"
#include "server/samplers.h"
#include "server/sampling_fields.h"

namespace hearth::server::ollama {
namespace {

constexpr double kMaxSeconds = 3e9;

// A part of a duration such as "1.5h", taken off the front of `text`; none when there is none.
std::optional<double> take_part(std::string_view& text) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  // Longer names first where one begins with another.
  static constexpr Unit kUnits[] = {{"ns", 1e-9}, {"us", 1e-6}, {"\u00b5s", 1e-6}, {"ms", 1e-3},
                                    {"s", 1},     {"m", 60},    {"h", 3600}};
  double number = 0;
  double digit = 1;
  bool any = false;
  bool fraction = false;
  while (!text.empty() && (text[0] == '.' || (text[0] >= '0' && text[0] <= '9'))) {
    if (text[0] == '.') {
      if (fraction) return std::nullopt;
      fraction = true;
    } else {
      any = true;
      if (fraction) digit /= 10;
      number = fraction ? number + digit * (text[0] - '0') : number * 10 + (text[0] - '0');
    }
    text.remove_prefix(1);
  }
  if (!any) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (!starts_with(text, unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return number * unit.seconds;
  }
  return text.empty() ? std::optional(number) : std::nullopt;
}

void read_num_ctx(Fields& fields, const ModelCard& model, const Options& options) {
  const auto wanted = fields.integer("num_ctx", 0, INT64_MAX);
  const uint64_t context = model.loaded ? model.loaded->context : options.load.context;
  if (wanted && context > 0 && static_cast<uint64_t>(*wanted) > context) {
    fields.fail("num_ctx",
                cat("asks for a context of ", *wanted, " tokens, but this model has ", context,
                    " here: start the server with -c ", *wanted, ", or leave it out"));
  }
  fields.ignore({"num_ctx"});
}

}  // namespace

std::optional<double> duration_of(const Json& json) {
  double seconds = 0;
  if (json.is_number()) {
    seconds = json.get<double>();
  } else if (json.is_string()) {
    std::string_view text = json.get_ref<const std::string&>();
    const bool negative = starts_with(text, "-");
    if (negative || starts_with(text, "+")) text.remove_prefix(1);
    do {
      const std::optional<double> part = take_part(text);
      if (!part) return std::nullopt;
      seconds += *part;
    } while (!text.empty());
    if (negative) seconds = -seconds;
  } else {
    return std::nullopt;
  }
  if (!(std::fabs(seconds) <= kMaxSeconds)) return std::nullopt;
  return seconds < 0 ? -1 : seconds;
}

std::optional<double> read_keep_alive(Fields& fields) {
  const Json* value = fields.any("keep_alive");
  if (value == nullptr) return std::nullopt;
  const std::optional<double> seconds = duration_of(*value);
  if (!seconds)
    fields.fail("keep_alive", "must be a number of seconds or a time like \"5m\", below 95 years");
  return seconds;
}

void read_context(Fields& fields, const ModelCard& model, const Options& options) {
  auto inner = fields.object("options");
  if (inner) read_num_ctx(*inner, model, options);
}

void read_options(Fields& fields, const ModelCard& model, const Options& options,
                  AnswerRequest& request) {
  request.generate.max_tokens = options.max_tokens;
  // Without options the defaults must be set all the same.
  const Json none = Json::object();
  Fields empty(none);
  auto inner = fields.object("options");
  Fields& given = inner ? *inner : empty;
  read_sampling(given, options, request);
  read_num_ctx(given, model, options);
  refuse_other_samplers(given);
  // -1: until the model ends, -2: until the context is full. Here both end at whichever is first.
  if (const auto most = given.integer("num_predict", -2, INT32_MAX)) {
    request.generate.max_tokens =
        *most < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(*most));
  }
  request.generate.stops = read_stops(given, "stop");
  // How much of a prompt survives when the context is moved, which does not happen here.
  (void)given.integer("num_keep", -1, INT32_MAX);
  given.ignore({"num_keep"});
}

}  // namespace hearth::server::ollama
