// What the commands share: how one is declared, where messages go, which exit code an error means.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::cli {

using Action = std::function<Result<void>()>;

// Each command's file adds its subcommand and flags to the app; when the user names it, `chosen`
// becomes what it does.
void add_run(CLI::App& app, Action& chosen);
void add_chat(CLI::App& app, Action& chosen);
void add_show(CLI::App& app, Action& chosen);
void add_tokenize(CLI::App& app, Action& chosen);
void add_template(CLI::App& app, Action& chosen);
void add_logits(CLI::App& app, Action& chosen);
void add_perplexity(CLI::App& app, Action& chosen);
void add_compare(CLI::App& app, Action& chosen);
void add_imatrix(CLI::App& app, Action& chosen);
void add_quantize(CLI::App& app, Action& chosen);
void add_embed(CLI::App& app, Action& chosen);
void add_bench(CLI::App& app, Action& chosen);
void add_convert(CLI::App& app, Action& chosen);
void add_doctor(CLI::App& app, Action& chosen);
void add_serve(CLI::App& app, Action& chosen);
void add_worker(CLI::App& app, Action& chosen);

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
[[nodiscard]] int exit_code(const Error& error);

// One line on standard error, for people.
void say(std::string_view line);

// Standard output, for results; an error when it is closed or full.
[[nodiscard]] Result<void> print(std::string_view text);

// The same for what a model wrote: on a terminal, control characters that could move the cursor or
// worse are shown as U+FFFD.
[[nodiscard]] Result<void> print_answer(std::string_view text);

}  // namespace hearth::cli
