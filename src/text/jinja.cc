#include "text/jinja.h"

#include "text/jinja_interpreter.h"
#include "text/jinja_json.h"
#include "text/jinja_parser.h"

namespace hearth::text::jinja {

Template::Template(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string_view source) {
  Result<Program> program = Parser::parse(source);
  if (!program) return fail_with_context("template", program.error());
  return Template(std::make_unique<const Program>(*std::move(program)));
}

namespace {

Result<void> set_variables(Interpreter& interpreter, std::string_view json) {
  HEARTH_TRY(const Value values, read_json(interpreter, json));
  if (!values.is(Kind::dict)) return fail(ErrorCode::bad_file, "a JSON object was expected");
  for (const Entry& entry : values.as<Dict>().entries)
    interpreter.set_variable(std::string(entry.key.text()), entry.value);
  return {};
}

}  // namespace

Result<std::string> Template::render(std::string_view variables, const CivilTime& now,
                                     std::string_view defaults, const Limits& limits) const {
  Interpreter interpreter(*program_, limits, now);
  for (const std::string_view json : {defaults, variables}) {
    const Result<void> set = set_variables(interpreter, json);
    if (!set) return fail_with_context("the variables of the template", set.error());
  }
  Result<std::string> text = interpreter.render();
  if (!text) return fail_with_context("template", text.error());
  return text;
}

}  // namespace hearth::text::jinja
