#include "quantize/own_text.h"

#include <algorithm>

#include "engine/session.h"
#include "sample/sampler.h"

namespace hearth::quantize {
namespace {

using text::Token;

// Windows that are written side by side.
struct Writers {
  std::vector<std::unique_ptr<engine::Session>> sessions;
  std::vector<sample::Sampler> samplers;
  std::vector<Rng> beginnings;
};

Token first_token(const engine::LoadedModel& model, Rng& rng) {
  const text::Tokenizer* tokenizer = model.tokenizer();
  if (tokenizer != nullptr && tokenizer->vocab().bos()) return *tokenizer->vocab().bos();
  return static_cast<Token>(rng.below(model.config().n_vocab));
}

bool ends(const engine::LoadedModel& model, Token token) {
  return model.tokenizer() != nullptr && model.tokenizer()->vocab().is_end_of_generation(token);
}

Result<Writers> open_writers(const std::shared_ptr<engine::Runtime>& runtime, size_t count,
                             uint64_t seed) {
  Writers writers;
  sample::SamplingParams params;
  params.temperature = 1;
  params.top_k = 0;
  params.top_p = 1;
  params.min_p = 0;
  for (size_t i = 0; i < count; ++i) {
    HEARTH_TRY(auto session, engine::Session::open(runtime));
    writers.sessions.push_back(std::move(session));
    params.seed = seed + i;
    writers.samplers.emplace_back(params, runtime->model().config().n_vocab);
    writers.beginnings.emplace_back(~(seed + i));
  }
  return writers;
}

}  // namespace

Result<std::vector<Token>> write_own_text(std::shared_ptr<engine::Runtime> runtime, size_t windows,
                                          size_t length, uint64_t seed,
                                          const std::function<void(size_t)>& progress) {
  const engine::LoadedModel& model = runtime->model();
  const size_t together = std::min(windows, runtime->together());
  std::vector<Token> text(windows * length);
  HEARTH_TRY(Writers writers, open_writers(runtime, together, seed));
  const size_t n_vocab = model.config().n_vocab;
  for (size_t first = 0; first < windows; first += together) {
    const size_t count = std::min(together, windows - first);
    std::vector<engine::Session*> sessions;
    std::vector<Token> tokens;
    for (size_t i = 0; i < count; ++i) {
      writers.sessions[i]->rewind(0);
      sessions.push_back(writers.sessions[i].get());
      tokens.push_back(first_token(model, writers.beginnings[i]));
    }
    for (size_t at = 0; at < length; ++at) {
      for (size_t i = 0; i < count; ++i) text[(first + i) * length + at] = tokens[i];
      if (at + 1 == length) break;
      HEARTH_TRY(const std::span<float> logits, engine::Session::decode_together(sessions, tokens));
      for (size_t i = 0; i < count; ++i) {
        if (ends(model, tokens[i])) {
          tokens[i] = first_token(model, writers.beginnings[i]);
          continue;
        }
        HEARTH_TRY(tokens[i], writers.samplers[i].sample(logits.subspan(i * n_vocab, n_vocab), {}));
      }
      if (progress) progress(first * length + (at + 1) * count);
    }
  }
  return text;
}

}  // namespace hearth::quantize
