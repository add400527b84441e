#include "cli/grammar_options.h"

#include "cli/command.h"
#include "engine/answer_grammar.h"
#include "flags/flags.h"
#include "grammar/gbnf.h"
#include "grammar/json_schema.h"
#include "os/file.h"

namespace hearth::cli {

void add_grammar_flags(CLI::App& command, GrammarFlags& flags) {
  CLI::Option* const options[] = {
      command
          .add_option("--grammar", flags.grammar,
                      "What the answer must be, in llama.cpp's notation: root ::= \"yes\" | \"no\"")
          ->type_name("GBNF"),
      command.add_option("--grammar-file", flags.grammar_file, "The same from a file")
          ->type_name("FILE"),
      command
          .add_option("-j,--json-schema", flags.schema,
                      "The answer is JSON that a schema allows; {} for any")
          ->type_name("SCHEMA"),
      command.add_option("--json-schema-file", flags.schema_file, "The same from a file")
          ->type_name("FILE")};
  for (CLI::Option* const option : options) {
    option->check(flags::not_empty());
    for (CLI::Option* const other : options) {
      if (other != option) option->excludes(other);
    }
  }
}

Result<std::unique_ptr<grammar::Constraint>> open_grammar(const GrammarFlags& flags,
                                                          const text::Tokenizer& tokenizer) {
  std::string source = flags.grammar + flags.schema;
  const std::string file = flags.grammar_file + flags.schema_file;
  if (!file.empty()) {
    HEARTH_TRY(source, os::read_text(file, grammar::kMaxGbnfBytes));
  } else if (source.empty()) {
    return nullptr;
  }
  const bool is_schema = !flags.schema.empty() || !flags.schema_file.empty();
  HEARTH_TRY(const grammar::Rules rules,
             is_schema ? grammar::parse_json_schema(source) : grammar::parse_gbnf(source));
  HEARTH_TRY(grammar::Grammar compiled, grammar::Grammar::compile(rules));
  return engine::constrain(std::make_shared<const grammar::Grammar>(std::move(compiled)),
                           engine::token_trie(tokenizer), tokenizer.vocab());
}

}  // namespace hearth::cli
