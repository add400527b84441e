#include "worker/forced_call.h"

#include "grammar/json_schema.h"

namespace hearth::worker {
namespace {

using grammar::Expression;

void move_rules(Expression& expression, uint32_t by) {
  if (expression.kind == Expression::Kind::rule) expression.rule += by;
  for (Expression& part : expression.parts) move_rules(part, by);
}

// Adds rules to others; returns the number of their root.
uint32_t add_rules(grammar::Rules rules, grammar::Rules& to) {
  const auto by = static_cast<uint32_t>(to.rules.size());
  for (grammar::Rule& rule : rules.rules) {
    move_rules(rule.expression, by);
    to.rules.push_back({cat(rule.name, "-", by), std::move(rule.expression)});
  }
  return rules.root + by;
}

}  // namespace

Result<ForcedCall> force_call(const protocol::Json& tools, const protocol::ToolUse& use,
                              const text::ReplyFormat& format) {
  ForcedCall forced;
  forced.rules.rules.push_back({"root", {}});
  std::vector<Expression> calls;
  for (const protocol::Json& tool : tools) {
    const protocol::Json& function = tool["function"];
    const auto name = function["name"].get<std::string>();
    if (!use.only.empty() && name != use.only) continue;
    Result<grammar::Rules> arguments = grammar::rules_of_schema(function["parameters"]);
    if (!arguments)
      return fail_with_context(cat("the tool '", printable(name), "'"), arguments.error());
    const uint32_t root = add_rules(*std::move(arguments), forced.rules);
    const std::string quoted = protocol::Json(name).dump();
    calls.push_back(
        grammar::sequence_of({grammar::text_of(cat("{\"name\": ", quoted, ", \"arguments\": ")),
                              grammar::rule_at(root), grammar::text_of("}")}));
  }
  if (calls.empty()) {
    return fail(ErrorCode::bad_usage, "there is no tool '", printable(use.only), "' to be called");
  }
  forced.rules.rules.front().expression = grammar::choice_of(std::move(calls));
  const bool own = format.syntax == text::CallSyntax::json && !format.call_open.empty();
  if (own) forced.opening = cat(format.calls_open, format.call_open, "\n");
  forced.format = own ? &format : &text::reply_format_named("llama3");
  return forced;
}

}  // namespace hearth::worker
