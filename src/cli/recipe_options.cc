#include "cli/recipe_options.h"

#include <cctype>

#include "base/text.h"
#include "base/units.h"
#include "cli/command.h"

namespace hearth::cli {
namespace {

Result<DType> weight_type(std::string_view name) {
  const auto type = dtype_by_name(name);
  if (type && traits(*type).computable) return *type;
  return fail(ErrorCode::bad_usage, "there is no format '", printable(name),
              "' of weights: one such as Q8_0, Q6_K, Q4_K, IQ4_NL or F16 is meant");
}

Result<std::optional<DType>> weight_type_or_none(const std::string& name) {
  if (name.empty()) return std::optional<DType>();
  HEARTH_TRY(const DType type, weight_type(name));
  return std::optional<DType>(type);
}

Result<quantize::NamedType> named_type(std::string_view text) {
  const size_t middle = text.rfind('=');
  if (middle == std::string_view::npos) {
    return fail(ErrorCode::bad_usage,
                "--tensor-type takes a name and a format, as in attn_v=Q8_0, "
                "not '",
                printable(text), "'");
  }
  quantize::NamedType named;
  HEARTH_TRY(named.names, quantize::NamePattern::parse(text.substr(0, middle)));
  HEARTH_TRY(named.type, weight_type(text.substr(middle + 1)));
  return named;
}

Result<quantize::RecipeOptions> options_of(const RecipeFlags& flags, bool importance) {
  quantize::RecipeOptions options;
  options.importance = importance;
  options.pure = flags.pure;
  options.leave_output = flags.leave_output;
  HEARTH_TRY(options.output, weight_type_or_none(flags.output_type));
  HEARTH_TRY(options.token_embedding, weight_type_or_none(flags.token_embedding_type));
  for (const std::string& text : flags.tensor_types) {
    HEARTH_TRY(quantize::NamedType named, named_type(text));
    options.named.push_back(std::move(named));
  }
  return options;
}

}  // namespace

void add_recipe_flags(CLI::App& command, RecipeFlags& flags) {
  command
      .add_option("--tensor-type", flags.tensor_types,
                  "A format for matrices whose names have PATTERN in them, a regular expression; "
                  "may be repeated, the first that fits counts")
      ->type_name("PATTERN=FORMAT")
      ->allow_extra_args(false);
  command.add_option("--output-tensor-type", flags.output_type, "The format of the output matrix")
      ->type_name("FORMAT");
  command
      .add_option("--token-embedding-type", flags.token_embedding_type,
                  "The format of the table of embeddings")
      ->type_name("FORMAT");
  command.add_flag("--leave-output-tensor", flags.leave_output, "Keep the output matrix as it is");
  command.add_flag("--pure", flags.pure, "All matrices in the main format of TYPE");
}

std::string recipe_help() {
  std::string out =
      "TYPE, and its bits per weight (of Llama 3.1 8B; small models have more). Each is\n"
      "a mixture: matrices that matter more get more bits, as with llama-quantize.\n";
  for (const quantize::Recipe& recipe : quantize::recipes()) {
    std::string line = cat("  ", recipe.name);
    line.resize(13, ' ');
    const std::string bits = fixed(recipe.bits, 2);
    line += std::string(bits.size() < 5 ? 5 - bits.size() : 0, ' ') + bits;
    if (!recipe.remark.empty()) line += cat("  ", recipe.remark);
    out += line + "\n";
  }
  out +=
      "\nExamples:\n"
      "  hearth quantize big.gguf small.gguf Q4_K_M --dry-run             the plan only\n"
      "  hearth quantize big.gguf small.gguf Q4_K_M --imatrix importance.gguf\n"
      "  hearth quantize big.gguf small.gguf Q4_K_M --tensor-type attn_v=Q8_0\n"
      "  hearth quantize big.gguf small.gguf Q4_K_M \\\n"
      "      --tensor-type 'blk\\.[0-3]\\.ffn_(up|down)=Q6_K'             four layers";
  return out;
}

Result<quantize::Plan> plan_by_name(const std::string& type, const RecipeFlags& flags,
                                    bool importance, const gguf::File& file) {
  const quantize::Recipe* recipe = quantize::find_recipe(type);
  if (recipe == nullptr) {
    std::string names, upper(type);
    std::vector<std::string_view> candidates;
    for (const quantize::Recipe& each : quantize::recipes()) {
      names += cat(" ", each.name);
      candidates.push_back(each.name);
    }
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const std::string_view meant = nearest(upper, candidates);
    return fail(ErrorCode::bad_usage, "there is no type '", printable(type, 60), "'",
                meant.empty() ? "" : cat("; did you mean '", meant, "'?"), "; there are:", names);
  }
  HEARTH_TRY(const quantize::RecipeOptions options, options_of(flags, importance));
  HEARTH_TRY(quantize::Plan plan, quantize::plan_of(*recipe, file, options));
  if (!importance && quantize::needs_importance(*recipe, file, plan)) {
    say(cat(
        "hearth: so few bits want to know which inputs matter, or little is left of the model: ",
        "give --imatrix, -f or --own-text"));
  }
  return plan;
}

}  // namespace hearth::cli
