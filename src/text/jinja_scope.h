// Which variable a name means. The rules are those of jinja2's compiler, which turns scopes into
// local variables of Python functions: for, with, set blocks and filter blocks have scopes of
// their own inside the function that they stand in; macros, call blocks and recursive loops are
// functions, and see the variables around them as they are when they run.
#pragma once

#include "base/result.h"
#include "text/jinja_ast.h"

namespace hearth::text::jinja {

// Gives each name of the program its slot, and each scope what happens when it is entered.
// bad_file: names, filters, tests or tags where they make no sense.
[[nodiscard]] Result<void> resolve_names(Program& program);

}  // namespace hearth::text::jinja
