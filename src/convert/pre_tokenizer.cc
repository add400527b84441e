#include "convert/pre_tokenizer.h"

#include <algorithm>
#include <iterator>

#include "text/pretokenize.h"

namespace hearth::convert {
namespace {

// What stands in a list of steps for those that are no expressions.
constexpr std::string_view kGpt2 = "ByteLevel";  // with GPT-2's own expression
constexpr std::string_view kDigit = "Digit";     // each digit alone
constexpr std::string_view kDigits = "Digits";   // runs of digits
constexpr std::string_view kPunctuation = "Punctuation";

constexpr std::string_view kShort = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
constexpr std::string_view kLetters = R"([^\r\n\p{L}\p{N}]?\p{L}+)";
constexpr std::string_view kSigns = R"( ?[^\s\p{L}\p{N}]+[\r\n]*)";
constexpr std::string_view kSignsOrSlash = R"( ?[^\s\p{L}\p{N}]+[\r\n/]*)";
constexpr std::string_view kSpaces = R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLead = R"([^\r\n\p{L}\p{N}]?)";
constexpr std::string_view kUpper = R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])";
constexpr std::string_view kLower = R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])";
constexpr std::string_view kHanAndKana = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+";
constexpr std::string_view kDeepseekWords =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+[\r\n]*)";

// A step whose expression tells nothing: it lists half of Unicode.
constexpr std::string_view kAnything = "*";

struct Row {
  std::string_view name;
  std::vector<std::string> steps;
};

// Words of one case behind capital letters, with what may follow them.
std::string cased(std::string_view ending, std::string_view number) {
  return cat(kLead, kUpper, "*", kLower, "+", ending, "|", kLead, kUpper, "+", kLower, "*", ending,
             "|", number, "|", kSignsOrSlash, "|", kSpaces);
}

// As the files write them. Where several names mean the same, the first model that had it.
std::vector<Row> rows() {
  const std::string gpt2(kGpt2), digit(kDigit), punctuation(kPunctuation), anything(kAnything);
  return {
      {"gpt-2", {gpt2}},
      {"smollm", {digit, gpt2}},
      {"dbrx", {cat(kShort, "|", kLetters, R"(|\p{N}{1,3}|)", kSigns, "|", kSpaces)}},
      {"qwen2", {cat(kShort, "|", kLetters, R"(|\p{N}|)", kSigns, "|", kSpaces)}},
      {"qwen35",
       {cat(kShort, R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)",
            kSpaces)}},
      {"gpt-4o", {cased(cat(kShort, "?"), R"(\p{N}{1,3})")}},
      {"tekken", {cased("", R"(\p{N})")}},
      {"deepseek-v3",
       {R"(\p{N}{1,3})", std::string(kHanAndKana), cat(kDeepseekWords, "|", kSpaces)}},
      {"deepseek-llm",
       {R"([\r\n])", anything, anything, R"(\s+$)", anything, std::string(kDigits)}},
      {"deepseek-coder",
       {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+",
        digit}},
      {"falcon", {punctuation, gpt2, "[0-9][0-9][0-9]"}},
      {"bloom", {" ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"}},
  };
}

// Names that mean the same cutting as another, and something besides.
struct OwnName {
  std::string_view architecture;  // "" for those that take words which are tokens as they are
  std::string_view usual;
  std::string_view name;
};
constexpr OwnName kOwnNames[] = {
    {"glm4", "dbrx", "glm4"},
    {"lfm2", "dbrx", "lfm2"},
    {"starcoder2", "smollm", "starcoder"},
    {"granite", "smollm", "refact"},
    {"bert", "gpt-2", "roberta-bpe"},
    {"", "dbrx", "llama-bpe"},
};

// What models of a family split with, for files that say it in some new way.
struct OfFamily {
  std::string_view architecture;
  std::string_view name;
};
constexpr OfFamily kOfFamilies[] = {
    {"deepseek2", "deepseek-v3"},
    {"glm4", "glm4"},
    {"gpt-oss", "gpt-4o"},
    {"granite", "refact"},
    {"lfm2", "lfm2"},
    {"mistral3", "tekken"},
    {"olmo2", "dbrx"},
    {"phi3", "dbrx"},
    {"qwen2", "qwen2"},
    {"qwen3", "qwen2"},
    {"qwen35", "qwen35"},
    {"qwen3moe", "qwen2"},
    {"smollm3", "llama-bpe"},
    {"starcoder2", "starcoder"},
};

// Line ends are written as themselves or as escapes.
std::string normalized(std::string_view expression) {
  std::string out;
  for (const char c : expression) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out;
}

void add_steps(const Json& part, std::vector<std::string>& steps) {
  const std::string type = text_of(part, "type");
  if (const Json* inner = member(part, "pretokenizers"); inner != nullptr && inner->is_array()) {
    for (const Json& each : *inner) add_steps(each, steps);
  } else if (type == "Split") {
    const Json* pattern = member(part, "pattern");
    if (pattern == nullptr) return;
    const std::string expression = text_of(*pattern, "Regex");
    steps.push_back(normalized(expression.empty() ? text_of(*pattern, "String") : expression));
  } else if (type == "ByteLevel") {
    const Json* own = member(part, "use_regex");
    if (own == nullptr || !own->is_boolean() || own->get<bool>()) steps.emplace_back(kGpt2);
  } else if (type == "Digits") {
    const Json* each = member(part, "individual_digits");
    steps.emplace_back(each != nullptr && each->is_boolean() && each->get<bool>() ? kDigit
                                                                                  : kDigits);
  } else if (!type.empty()) {
    steps.push_back(type);
  }
}

std::string own_name(std::string_view usual, const std::string& architecture, bool ignore_merges) {
  for (const OwnName& own : kOwnNames) {
    if (own.usual != usual) continue;
    if (own.architecture == architecture || (own.architecture.empty() && ignore_merges)) {
      return std::string(own.name);
    }
  }
  return std::string(usual);
}

}  // namespace

Result<std::string> pre_tokenizer_name(const Json& tokenizer, const std::string& architecture,
                                       const std::string& wanted,
                                       std::vector<std::string>& warnings) {
  if (!wanted.empty()) {
    if (text::find_pre_tokenizer(wanted) != nullptr) return wanted;
    std::vector<std::string_view> names;
    for (const text::PreTokenizer& each : text::all_pre_tokenizers()) names.push_back(each.name);
    const std::string_view meant = nearest(wanted, names);
    return fail(ErrorCode::bad_usage, "there is no pre-tokenizer '", printable(wanted, 40), "'",
                meant.empty() ? "" : cat("; did you mean '", meant, "'?"));
  }
  std::vector<std::string> steps;
  if (const Json* part = member(tokenizer, "pre_tokenizer")) add_steps(*part, steps);
  const Json* model = member(tokenizer, "model");
  const Json* ignore = model == nullptr ? nullptr : member(*model, "ignore_merges");
  const bool ignore_merges = ignore != nullptr && ignore->is_boolean() && ignore->get<bool>();
  for (const Row& row : rows()) {
    if (std::equal(row.steps.begin(), row.steps.end(), steps.begin(), steps.end(),
                   [](const std::string& known, const std::string& step) {
                     return known == kAnything || known == step;
                   })) {
      return own_name(row.name, architecture, ignore_merges);
    }
  }
  const auto* family =
      std::find_if(std::begin(kOfFamilies), std::end(kOfFamilies),
                   [&](const OfFamily& f) { return f.architecture == architecture; });
  if (family == std::end(kOfFamilies)) {
    return fail(ErrorCode::unsupported,
                "tokenizer.json cuts text into words by a rule that hearth "
                "does not know: name one with --pre, such as llama-bpe");
  }
  warnings.push_back(cat(
      "tokenizer.json cuts text into words by a rule that hearth does not know; '", family->name,
      "' is taken, as other models of the family have it (--pre "
      "NAME chooses another)"));
  return std::string(family->name);
}

}  // namespace hearth::convert
