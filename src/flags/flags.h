// Checks of flag values, with messages that name what is allowed. (The library's own conversion
// lets -1 wrap around and its ranges print numbers that no person wrote.)
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace hearth::flags {

// A whole number from `least` to `most`, in digits.
[[nodiscard]] CLI::Validator whole_number(int64_t least, int64_t most);

// Any unsigned 64-bit number.
[[nodiscard]] CLI::Validator any_seed();

[[nodiscard]] CLI::Validator not_empty();

// A command line that could not be understood, as one line: what was wrong, what may have been
// meant, where help is.
[[nodiscard]] std::string usage_error(const CLI::App& app, const CLI::ParseError& error, int argc,
                                      const char* const* argv);

}  // namespace hearth::flags
