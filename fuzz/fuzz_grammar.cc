// A grammar from a stranger (GBNF, or a JSON schema when it begins with a brace), a zero byte, and
// a text to read with it. Masks are those of reading each token.
#include "fuzz.h"
#include "grammar/gbnf.h"
#include "grammar/json_schema.h"
#include "grammar/token_masks.h"

namespace hearth::fuzz {
namespace {

using namespace grammar;

const TokenTrie& some_tokens() {
  static const TokenTrie trie([] {
    std::vector<std::string> pieces{"", "ab", "abc", "\": ", "},", "\xC3", "\xA4", "  ", "true"};
    for (int c = 1; c < 127; ++c) pieces.emplace_back(1, static_cast<char>(c));
    return pieces;
  }());
  return trie;
}

void check_mask(Stacks& stacks, Stacks::State state) {
  TokenMasks masks(some_tokens());
  const TokenSet* set = masks.after(stacks, state);
  if (set == nullptr || stacks.ambiguous()) return;
  for (size_t token = 0; token < some_tokens().n_vocab(); ++token) {
    const std::string& piece = some_tokens().piece(token);
    Stacks::State after = piece.empty() ? Stacks::kDead : state;
    for (const char c : piece) after = stacks.step(after, static_cast<uint8_t>(c));
    const bool allowed = ((*set)[token / 64] >> (token % 64) & 1) != 0;
    require(stacks.ambiguous() || allowed == (after != Stacks::kDead),
            "a mask has the tokens that can be read");
  }
}

void use(const Grammar& grammar, std::string_view text) {
  Stacks stacks(grammar);
  Stacks::State state = stacks.start();
  for (const char c : text.substr(0, 256)) {
    const Stacks::State next = stacks.step(state, static_cast<uint8_t>(c));
    if (next == Stacks::kDead || stacks.full() || stacks.ambiguous()) break;
    state = next;
  }
  if (stacks.full() || stacks.ambiguous()) return;
  check_mask(stacks, state);
  require(stacks.may_end(state) || !stacks.readings(state).empty(), "a text can be gone on with");
  if (stacks.full()) return;
  const bool may_end = stacks.may_end(state);
  const size_t readings = stacks.readings(state).size();
  state = stacks.compact(state);
  require(may_end == stacks.may_end(state) && readings == stacks.readings(state).size(),
          "compact() keeps the state");
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), size);
  const std::string_view source = input.substr(0, end);
  const auto rules =
      source.starts_with("{") ? grammar::parse_json_schema(source) : grammar::parse_gbnf(source);
  if (!rules) {
    fuzz::require_message(rules.error());
    return 0;
  }
  const auto compiled = grammar::Grammar::compile(*rules);
  if (!compiled) {
    fuzz::require_message(compiled.error());
    return 0;
  }
  fuzz::use(*compiled, end < size ? input.substr(end + 1) : std::string_view());
  return 0;
}
