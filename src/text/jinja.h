// Templates in the language of Jinja, as chat templates of models are written in it. Renders what
// Hugging Face transformers renders with Python's jinja2: an immutable sandbox with trim_blocks
// and lstrip_blocks, break and continue, the tag generation, the functions raise_exception and
// strftime_now, and tojson as json.dumps with non-ASCII characters kept.
//
// A template can reach nothing but its variables. Steps, memory, nesting and the text that it
// writes have limits, larger for larger inputs.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/jinja_runtime.h"

namespace hearth::text::jinja {

struct Program;

class Template {
 public:
  // bad_file or unsupported: "line 12: ..."; too_large above 256 KB.
  [[nodiscard]] static Result<Template> parse(std::string_view source);
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // `variables` is a JSON object, `defaults` another, whose members hold where the first has none.
  // An error names the line of the template, or says what is wrong with the variables. Safe to use
  // from several threads at once.
  [[nodiscard]] Result<std::string> render(std::string_view variables, const CivilTime& now,
                                           std::string_view defaults = "{}",
                                           const Limits& limits = {}) const;

 private:
  explicit Template(std::unique_ptr<const Program> program);
  std::unique_ptr<const Program> program_;
};

}  // namespace hearth::text::jinja
