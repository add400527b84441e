// quality_cost: how much of a model file's own loss the engine adds to it. For a text it compares
// the next-token distributions of the original in F32, of the file with float activations (what the
// format costs) and of the file as it is normally computed (what the fast kernels cost on top).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "engine/session.h"
#include "flags/flags.h"
#include "os/file.h"
#include "os/system.h"
#include "quantize/divergence.h"

namespace hearth::bench {
namespace {

using engine::LoadedModel;
using engine::Session;
using engine::SessionOptions;
using Precision = model::Precision;
using Logits = std::vector<float>;  // [tokens][n_vocab]

struct Options {
  std::string text;
  std::string original;
  std::string file;
  std::string kv = "f32";
  size_t window = 512;
  size_t windows = 4;
  bool json = false;
};

// Mean KL divergence in nats, and how often the most likely token is the same.
struct Difference {
  double kl = 0;
  double same_top = 0;
  size_t tokens = 0;

  void add(std::span<const float> p, std::span<const float> q);
  [[nodiscard]] double mean_kl() const { return kl / static_cast<double>(tokens); }
  [[nodiscard]] double top() const { return same_top / static_cast<double>(tokens); }
};

void Difference::add(std::span<const float> p, std::span<const float> q) {
  const auto token = quantize::compare(engine::Distribution(p), engine::Distribution(q), 0);
  kl += token.kl;
  same_top += token.same_top ? 1 : 0;
  ++tokens;
}

enum class Way { prompt, decode };

// Logits behind every token of a window, by the kernels for prompts or those for answers.
Result<void> compute(Session& session, std::span<const text::Token> tokens, Way way, Logits& out) {
  const size_t n_vocab = session.model().config().n_vocab;
  out.resize(tokens.size() * n_vocab);
  const auto put = [&](size_t first, size_t, std::span<const float> rows) -> Result<void> {
    std::copy(rows.begin(), rows.end(), out.begin() + static_cast<ptrdiff_t>(first * n_vocab));
    return {};
  };
  session.rewind(0);
  if (way == Way::prompt) return session.advance_with_logits(tokens, put);
  const size_t step = session.runtime()->together();
  for (size_t at = 0; at < tokens.size(); at += step) {
    const auto piece = tokens.subspan(at, std::min(step, tokens.size() - at));
    HEARTH_TRY(const std::span<float> rows, session.decode(piece));
    HEARTH_CHECK(put(at, piece.size(), rows));
  }
  return {};
}

// One way of computing the file, held against its exact results.
struct Variant {
  std::string name;
  std::unique_ptr<Session> session;
  Way way = Way::prompt;
  Difference difference;
};

Result<std::vector<Variant>> open_variants(const LoadedModel& file, const Options& options) {
  const auto kv = dtype_by_name(options.kv);
  if (!kv) return fail(ErrorCode::bad_usage, "--kv is '", printable(options.kv), "'");
  SessionOptions fast{.context = options.window, .kv_type = *kv};
  SessionOptions plain = fast;
  plain.kernels = &kernels_for(IsaLevel::reference);
  std::vector<Variant> variants(3);
  HEARTH_TRY(variants[0].session, Session::open(file, fast));
  HEARTH_TRY(variants[1].session, Session::open(file, fast));
  HEARTH_TRY(variants[2].session, Session::open(file, plain));
  variants[0].name = "prompt";
  variants[1].name = "decode";
  variants[1].way = Way::decode;
  variants[2].name = "reference";
  return variants;
}

std::string report(const Options& options, const Difference& format,
                   std::span<const Variant> variants) {
  if (options.json) {
    nlohmann::json object{{"tokens", format.tokens},
                          {"kv", options.kv},
                          {"isa", best_kernels().name},
                          {"format_kl", format.mean_kl()},
                          {"format_same_top", format.top()}};
    for (const Variant& variant : variants) {
      object[variant.name] = {{"kl", variant.difference.mean_kl()},
                              {"of_format", variant.difference.mean_kl() / format.mean_kl()},
                              {"same_top", variant.difference.top()}};
    }
    return object.dump() + "\n";
  }
  std::string out = cat("format itself: mean KL ", fixed(1e3 * format.mean_kl(), 4),
                        " mnat, same top token ", fixed(100 * format.top(), 2), " %\n");
  for (const Variant& variant : variants) {
    const Difference& d = variant.difference;
    out += cat(variant.name, ": mean KL ", fixed(1e3 * d.mean_kl(), 4), " mnat, ",
               fixed(100 * d.mean_kl() / format.mean_kl(), 2),
               " % of the format's, same top token ", fixed(100 * d.top(), 2), " %\n");
  }
  return out;
}

void add_rows(const Logits& p, const Logits& q, size_t n_vocab, Difference& difference) {
  for (size_t at = 0; at < p.size(); at += n_vocab) {
    difference.add(std::span(p).subspan(at, n_vocab), std::span(q).subspan(at, n_vocab));
  }
}

Result<void> measure(Options& options) {
  HEARTH_TRY(const std::string text, os::read_text(options.text, uint64_t{1} << 30));
  HEARTH_TRY(const auto original, LoadedModel::load(options.original));
  HEARTH_TRY(const auto file, LoadedModel::load(options.file));
  const size_t n_vocab = original->config().n_vocab;
  if (file->config().n_vocab != n_vocab || original->tokenizer() == nullptr) {
    return fail(ErrorCode::bad_usage, "the two files are not of one model with a tokenizer");
  }
  options.window = std::min(options.window, original->config().context_length);
  const auto tokens =
      original->tokenizer()->encode(text, {.add_special = false, .parse_special = false});
  const size_t windows = std::min(options.windows, tokens.size() / options.window);
  if (windows == 0) return fail(ErrorCode::bad_usage, "the text is shorter than a window");
  const SessionOptions exact{
      .context = options.window, .kv_type = DType::F32, .precision = Precision::exact};
  HEARTH_TRY(const auto truth, Session::open(*original, exact));
  HEARTH_TRY(const auto exact_file, Session::open(*file, exact));
  HEARTH_TRY(std::vector<Variant> variants, open_variants(*file, options));
  Difference format;
  Logits want, got, ours;
  cli::Progress progress("comparing", windows, "windows");
  for (size_t w = 0; w < windows; ++w) {
    const auto window = std::span(tokens).subspan(w * options.window, options.window);
    HEARTH_CHECK(compute(*truth, window, Way::prompt, want));
    HEARTH_CHECK(compute(*exact_file, window, Way::prompt, got));
    add_rows(want, got, n_vocab, format);
    for (Variant& variant : variants) {
      HEARTH_CHECK(compute(*variant.session, window, variant.way, ours));
      add_rows(got, ours, n_vocab, variant.difference);
    }
    progress.update(w + 1);
  }
  progress.clear();
  return cli::print(report(options, format, variants));
}

}  // namespace
}  // namespace hearth::bench

int main(int argc, char** argv) {
  hearth::os::install_signal_handlers();
  hearth::bench::Options options;
  CLI::App app{"What the engine's rounding costs, beside what a file's format costs",
               "quality_cost"};
  app.add_option("TEXT", options.text, "A text file")->required();
  app.add_option("ORIGINAL", options.original, "The model in F32")->required();
  app.add_option("FILE", options.file, "The same model in another format")->required();
  app.add_option("--kv", options.kv, "Format of the KV cache")->capture_default_str();
  app.add_option("--window", options.window, "Tokens of a window")
      ->capture_default_str()
      ->check(hearth::flags::whole_number(2, 65536));
  app.add_option("--windows", options.windows, "Windows at most")
      ->capture_default_str()
      ->check(hearth::flags::whole_number(1, 100000));
  app.add_flag("--json", options.json, "Print one JSON object");
  CLI11_PARSE(app, argc, argv);
  const auto done = hearth::bench::measure(options);
  if (done) return hearth::cli::kExitDone;
  hearth::cli::say(hearth::cat("quality_cost: ", done.error().message));
  return hearth::cli::exit_code(done.error());
}
