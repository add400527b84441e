#include "quantize/calibration.h"

#include <algorithm>

#include "engine/float_weights.h"
#include "os/system.h"
#include "quantize/own_text.h"

namespace hearth::quantize {
namespace {

constexpr size_t kWindow = 512;

// Windows of a text, each with BOS in the place of its first token.
Result<std::vector<text::Token>> cut(const engine::LoadedModel& model, size_t window,
                                     const CalibrationOptions& options) {
  const text::Tokenizer* tokenizer = model.tokenizer();
  if (tokenizer == nullptr) return tl::unexpected(model.tokenizer_error());
  std::vector<text::Token> tokens =
      tokenizer->encode(options.text, {.add_special = true, .parse_special = false});
  const size_t windows = std::min(options.windows, tokens.size() / window);
  if (windows == 0) {
    return fail(ErrorCode::bad_usage, "'", printable(options.name), "' has ", tokens.size(),
                " tokens, fewer than one window of ", window,
                ": give a longer text, or none for one that the model writes itself");
  }
  tokens.resize(windows * window);
  const auto bos = tokenizer->vocab().add_bos() ? tokenizer->vocab().bos() : std::nullopt;
  for (size_t w = 0; bos && w < windows; ++w) tokens[w * window] = *bos;
  return tokens;
}

}  // namespace

Result<Calibration> Calibration::open(const engine::LoadedModel& model,
                                      const CalibrationOptions& options) {
  Calibration calibration;
  engine::SessionOptions chosen;
  chosen.threads = options.threads;
  chosen.kv_type = DType::F32;
  chosen.context = std::min<size_t>(kWindow, model.config().context_length);
  const uint64_t bytes = engine::float_weights_bytes(model);
  if (bytes > options.memory) {
    chosen.precision = model::Precision::exact;
  } else if (bytes > 0) {
    ThreadPool pool(options.threads == 0 ? os::cpu_info().usable_threads : options.threads);
    HEARTH_TRY(calibration.floats_, engine::with_float_weights(model, pool));
  }
  const engine::LoadedModel& computed = calibration.floats_ ? *calibration.floats_ : model;
  HEARTH_TRY(calibration.session_, engine::Session::open(computed, chosen));
  const size_t window = calibration.window();
  if (!options.text.empty()) {
    HEARTH_TRY(calibration.tokens_, cut(computed, window, options));
    return calibration;
  }
  const auto progress = [&](size_t done) {
    if (options.progress) options.progress(done, options.windows * window);
  };
  HEARTH_TRY(calibration.tokens_, write_own_text(calibration.session_->runtime(), options.windows,
                                                 window, options.seed, progress));
  return calibration;
}

}  // namespace hearth::quantize
