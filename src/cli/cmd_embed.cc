// hearth embed: texts to vectors, or how well texts answer a query.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/units.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "engine/embedder.h"
#include "flags/flags.h"
#include "os/file.h"
#include "os/system.h"
#include "text/text_pair.h"

namespace hearth::cli {
namespace {

using engine::Embedder;
using engine::EmbedInput;
using model::Pooling;

constexpr uint64_t kMaxTextBytes = uint64_t{64} << 20;

struct EmbedOptions {
  ModelOptions model;
  std::vector<std::string> texts;
  std::string file;
  std::string query;
  std::string pooling;
  bool as_they_are = false;
  bool json = false;
};

constexpr char kHelp[] =
    "Each text becomes a line with a JSON list of numbers, of length 1 unless --no-normalize is "
    "given. With --query the texts come back in the order of how well they suit it, with a score: "
    "a model with a classifier (a reranker) reads both texts together, others compare vectors.\n\n"
    "Example: hearth embed -m bge-small.gguf --query \"how do plants eat?\" -f passages.txt";

Result<std::vector<std::string>> read_texts(const EmbedOptions& options) {
  const bool from_file = options.texts.empty();
  if (!from_file && !options.file.empty())
    return fail(ErrorCode::bad_usage, "give the texts as arguments or with -f, not both");
  if (from_file && options.file.empty() && os::is_terminal(0)) {
    return fail(ErrorCode::bad_usage,
                "give texts: as arguments, with -f FILE, or a line each on standard input");
  }
  std::vector<std::string> texts = options.texts;
  if (from_file) {
    HEARTH_TRY(const std::string all,
               os::read_text(options.file.empty() ? "-" : options.file, kMaxTextBytes));
    for (const std::string_view line : split(all, '\n')) {
      if (!trim(line).empty()) texts.emplace_back(trim(line));
    }
  }
  if (texts.empty()) return fail(ErrorCode::bad_usage, "there is no text to embed");
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) return fail(ErrorCode::bad_usage, "text ", i + 1, " is empty");
    HEARTH_CHECK(check_utf8(texts[i], cat("text ", i + 1)));
  }
  return texts;
}

Result<std::unique_ptr<Embedder>> open_embedder(const engine::LoadedModel& model,
                                                const EmbedOptions& options) {
  std::optional<Pooling> pooling;
  if (!options.pooling.empty()) {
    pooling = engine::pooling_by_name(options.pooling);
    if (!pooling) {
      return fail(ErrorCode::bad_usage, "--pooling is '", printable(options.pooling),
                  "', it must be mean, cls, last, rank or none");
    }
  }
  HEARTH_TRY(const engine::SessionOptions wanted, session_options(options.model));
  return Embedder::open(model, wanted, pooling);
}

// Vectors of all inputs, in their order.
Result<std::vector<std::vector<float>>> vectors_of(Embedder& embedder,
                                                   const std::vector<EmbedInput>& inputs,
                                                   bool normalized) {
  std::vector<std::vector<float>> vectors(inputs.size());
  Progress progress("embedding", inputs.size(), "texts");
  const auto take = [&](size_t index, std::span<const float> vector) -> Result<void> {
    vectors[index].assign(vector.begin(), vector.end());
    const size_t width = embedder.width();
    for (size_t at = 0; normalized && at < vector.size(); at += width)
      engine::normalize(std::span(vectors[index]).subspan(at, width));
    progress.update(index + 1);
    return {};
  };
  HEARTH_CHECK(embedder.embed(inputs, take));
  return vectors;
}

std::vector<EmbedInput> encode_all(const text::Tokenizer& tokenizer,
                                   const std::vector<std::string>& texts) {
  std::vector<EmbedInput> inputs;
  for (const std::string& text : texts)
    inputs.push_back({tokenizer.encode(text, {.add_special = true}), SIZE_MAX});
  return inputs;
}

// One for each text: a classifier's, or the cosine of the angle between two vectors.
Result<std::vector<float>> scores_of(Embedder& embedder, const text::Tokenizer& tokenizer,
                                     const std::vector<std::string>& texts,
                                     const std::string& query) {
  std::vector<float> scores;
  if (embedder.pooling() == Pooling::rank) {
    std::vector<EmbedInput> inputs;
    for (const std::string& text : texts) {
      const auto pair =
          text::encode_pair(tokenizer, embedder.model().file().gguf.metadata, query, text);
      inputs.push_back({pair.tokens, pair.second_from});
    }
    HEARTH_TRY(const auto all, vectors_of(embedder, inputs, false));
    for (const std::vector<float>& each : all) scores.push_back(each[0]);
    return scores;
  }
  std::vector<std::string> with_query = texts;
  with_query.push_back(query);
  HEARTH_TRY(const auto all, vectors_of(embedder, encode_all(tokenizer, with_query), true));
  const std::vector<float>& of_query = all.back();
  for (size_t i = 0; i < texts.size(); ++i) {
    scores.push_back(std::inner_product(of_query.begin(), of_query.end(), all[i].begin(), 0.0f));
  }
  return scores;
}

Result<void> order_by_query(Embedder& embedder, const text::Tokenizer& tokenizer,
                            const std::vector<std::string>& texts, const EmbedOptions& options) {
  if (embedder.pooling() == Pooling::none) {
    return fail(ErrorCode::bad_usage,
                "--query needs one vector for each text: choose another --pooling");
  }
  HEARTH_CHECK(check_utf8(options.query, "the query"));
  HEARTH_TRY(const std::vector<float> scores, scores_of(embedder, tokenizer, texts, options.query));
  std::vector<size_t> order(texts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  // What is no number stands last.
  const auto rank = [&](size_t i) { return std::isnan(scores[i]) ? -INFINITY : scores[i]; };
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return rank(a) != rank(b) ? rank(a) > rank(b) : a < b; });
  std::string out;
  for (const size_t i : order) {
    if (options.json) {
      out += nlohmann::json{{"index", i}, {"score", scores[i]}, {"text", texts[i]}}.dump() + "\n";
    } else {
      out +=
          cat(fixed(static_cast<double>(scores[i]), 4), "\t", printable(texts[i], SIZE_MAX), "\n");
    }
  }
  return print(out);
}

// A JSON list, with as many digits as a float has.
std::string list_of(std::span<const float> values) {
  std::string out = "[";
  for (const float value : values) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.9g", static_cast<double>(value));
    out += cat(out.size() == 1 ? "" : ",", std::isfinite(value) ? digits : "null");
  }
  return out + "]";
}

std::string list_of_lists(std::span<const float> values, size_t width) {
  std::string out = "[";
  for (size_t at = 0; at < values.size(); at += width)
    out += cat(at == 0 ? "" : ",", list_of(values.subspan(at, width)));
  return out + "]";
}

Result<void> print_vectors(Embedder& embedder, const text::Tokenizer& tokenizer,
                           const std::vector<std::string>& texts, const EmbedOptions& options) {
  if (embedder.pooling() == Pooling::rank) {
    return fail(ErrorCode::bad_usage,
                "this model scores pairs of texts: give the other one with --query");
  }
  const auto inputs = encode_all(tokenizer, texts);
  HEARTH_TRY(const auto vectors, vectors_of(embedder, inputs, !options.as_they_are));
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string list = embedder.pooling() == Pooling::none
                                 ? list_of_lists(vectors[i], embedder.width())
                                 : list_of(vectors[i]);
    HEARTH_CHECK(print(options.json ? cat("{\"index\":", i, ",\"tokens\":", inputs[i].tokens.size(),
                                          ",\"embedding\":", list, "}\n")
                                    : list + "\n"));
  }
  return {};
}

Result<void> embed(const EmbedOptions& options) {
  HEARTH_TRY(const std::vector<std::string> texts, read_texts(options));
  HEARTH_TRY(const auto model, load_model(options.model));
  HEARTH_TRY(const text::Tokenizer* tokenizer, tokenizer_of(*model));
  HEARTH_TRY(const auto embedder, open_embedder(*model, options));
  return options.query.empty() ? print_vectors(*embedder, *tokenizer, texts, options)
                               : order_by_query(*embedder, *tokenizer, texts, options);
}

}  // namespace

void add_embed(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<EmbedOptions>();
  options->model.kv = "f32";
  CLI::App* command =
      app.add_subcommand("embed", "Make vectors of texts, or order texts by a query");
  command->add_option("TEXT", options->texts, "Texts (or -f, or standard input)");
  command
      ->add_option("-f,--file", options->file,
                   "Read texts from a file, one a line, - for standard input")
      ->type_name("FILE")
      ->check(flags::not_empty());
  command
      ->add_option("--query", options->query,
                   "Order the texts by how well they suit this one, best first")
      ->type_name("TEXT")
      ->check(flags::not_empty());
  command
      ->add_option("--pooling", options->pooling,
                   "What is made of a text's tokens: mean, cls (the first), last, rank (a "
                   "classifier's scores) or none (default: as the model says)")
      ->type_name("KIND")
      ->check(flags::not_empty());
  command->add_flag("--no-normalize", options->as_they_are, "Vectors of the length that they have");
  command->add_flag("--json", options->json, "A JSON object with index and tokens for each text");
  add_model_flags(*command, options->model, ModelFlags::compute);
  command->get_option("--ctx-size")
      ->description("Tokens of a text at most (default: the model's, at most 4096)");
  command->footer(kHelp);
  command->callback([options, &chosen] { chosen = [options] { return embed(*options); }; });
}

}  // namespace hearth::cli
