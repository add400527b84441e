#include "text/charsmap.h"

#include <algorithm>

#include "base/text.h"
#include "base/utf8.h"

namespace hearth::text {

namespace {

constexpr std::string_view kKey = "tokenizer.ggml.precompiled_charsmap";

auto bad(std::string_view what) {
  return fail(ErrorCode::bad_file, "metadata key '", kKey, "': ", what,
              ": the file is damaged, get or convert it again");
}

// The bits of a unit of the double array.
bool has_value(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFFu; }
uint32_t label_of(uint32_t unit) { return unit & 0x800000FFu; }
uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }

// Walks the double array from its root and writes down every text with its value.
class RuleReader {
 public:
  RuleReader(Bytes units, std::string_view replacements)
      : units_(units), replacements_(replacements), count_(units.size() / sizeof(uint32_t)) {}

  Result<void> walk() {
    if (count_ == 0) return bad("the double array is empty");
    return children(offset_of(unit(0)));
  }

  struct Rule {
    size_t begin;
    size_t length;
    std::string replacement;
  };
  std::string texts;
  std::vector<Rule> rules;

 private:
  [[nodiscard]] uint32_t unit(size_t at) const {
    return load_unaligned<uint32_t>(units_.data() + at * sizeof(uint32_t));
  }

  // Depth first with a stack of its own: the depth is up to the file.
  Result<void> children(uint32_t root) {
    struct Level {
      uint32_t base;
      unsigned next;
    };
    std::vector<Level> levels = {{root, 1}};
    std::string text;
    while (!levels.empty()) {
      Level& level = levels.back();
      if (level.next > 0xFF) {
        levels.pop_back();
        if (!text.empty()) text.pop_back();
        continue;
      }
      const unsigned label = level.next++;
      const size_t at = size_t{level.base} ^ label;
      if (at >= count_ || label_of(unit(at)) != label) continue;
      text.push_back(static_cast<char>(label));
      if (text.size() > Charsmap::kMaxRuleBytes || ++visits_ > Charsmap::kMaxVisits) {
        return fail(ErrorCode::too_large, "metadata key '", kKey, "' has a rule of more than ",
                    Charsmap::kMaxRuleBytes, " bytes or more than ", Charsmap::kMaxVisits,
                    " beginnings of rules, which is all that hearth reads");
      }
      const size_t base = at ^ offset_of(unit(at));
      if (has_value(unit(at))) HEARTH_CHECK(add_rule(text, base));
      levels.push_back({static_cast<uint32_t>(base), 1});
    }
    return {};
  }

  Result<void> add_rule(const std::string& text, size_t leaf) {
    if (leaf >= count_) return bad("a rule points outside of the double array");
    const size_t at = value_of(unit(leaf));
    if (at >= replacements_.size()) return bad("a rule points outside of the replacements");
    const size_t end = replacements_.find('\0', at);  // the last byte is a zero
    const std::string_view replacement = replacements_.substr(at, end - at);
    const size_t most =
        std::min(Charsmap::kMaxReplacementBytes, Charsmap::kMaxGrowth * text.size());
    if (replacement.size() > most || rules.size() >= Charsmap::kMaxRules) {
      return fail(ErrorCode::too_large, "metadata key '", kKey, "' has more than ",
                  Charsmap::kMaxRules, " rules or a replacement of more than ",
                  Charsmap::kMaxReplacementBytes, " bytes or ", Charsmap::kMaxGrowth,
                  " times what it replaces, which is all that hearth reads");
    }
    if (!is_valid_utf8(replacement)) return bad("a replacement is not UTF-8");
    rules.push_back({texts.size(), text.size(), std::string(replacement)});
    texts += text;
    return {};
  }

  Bytes units_;
  std::string_view replacements_;
  size_t count_;       // of units
  size_t visits_ = 0;  // of units; several texts may end in the same ones
};

}  // namespace

Charsmap::Charsmap() { find_plain(); }

Result<Charsmap> Charsmap::read(Bytes bytes) {
  if (bytes.size() > kMaxBytes) {
    return fail(ErrorCode::too_large, "metadata key '", kKey, "' has ", bytes.size(),
                " bytes; hearth reads at most ", kMaxBytes);
  }
  Charsmap map;
  if (bytes.empty()) return map;
  constexpr size_t kHead = sizeof(uint32_t);
  if (bytes.size() <= kHead) return bad("there is no room for a double array");
  const size_t array_bytes = load_unaligned<uint32_t>(bytes.data());
  if (array_bytes % sizeof(uint32_t) != 0 || array_bytes >= bytes.size() - kHead) {
    return bad(cat("its double array of ", array_bytes, " bytes does not fit into ", bytes.size()));
  }
  const std::string_view replacements = as_text(bytes.subspan(kHead + array_bytes));
  if (replacements.back() != '\0') return bad("the last replacement has no end");
  RuleReader reader(bytes.subspan(kHead, array_bytes), replacements);
  HEARTH_CHECK(reader.walk());

  std::vector<ByteTrie::Entry> entries;
  for (RuleReader::Rule& rule : reader.rules) {
    entries.push_back({std::string_view(reader.texts).substr(rule.begin, rule.length),
                       static_cast<uint32_t>(map.replacements_.size())});
    map.replacements_.push_back(std::move(rule.replacement));
  }
  HEARTH_TRY(map.trie_, ByteTrie::create(std::move(entries), cat("the rules of '", kKey, "'")));
  map.find_plain();
  return map;
}

void Charsmap::find_plain() {
  for (unsigned byte = 0; byte < 0x80; ++byte) {
    const uint32_t node = trie_.first(static_cast<unsigned char>(byte));
    const bool rule = node != ByteTrie::kNone && trie_.value(node) != ByteTrie::kNone;
    const bool joins = node != ByteTrie::kNone && trie_.continues_below(node, 0x80);
    plain_[byte] = !rule && !joins;
  }
}

Charsmap::Step Charsmap::step(std::string_view text, size_t at) const {
  const ByteTrie::Match match = trie_.longest(text, at);
  if (match.length != 0) return {replacements_[match.value], match.length};
  const Utf8Char c = decode_utf8(text, at);
  if (!c.valid) return {"\uFFFD", 1};
  return {text.substr(at, c.length), c.length};
}

}  // namespace hearth::text
