// The flags that say what an answer must look like.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "grammar/constraint.h"
#include "text/tokenizer.h"

namespace hearth::cli {

struct GrammarFlags {
  std::string grammar;
  std::string grammar_file;
  std::string schema;
  std::string schema_file;
};

void add_grammar_flags(CLI::App& command, GrammarFlags& flags);

// For one answer of a model; null without flags.
[[nodiscard]] Result<std::unique_ptr<grammar::Constraint>> open_grammar(
    const GrammarFlags& flags, const text::Tokenizer& tokenizer);

}  // namespace hearth::cli
