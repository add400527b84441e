#include "engine/measure.h"

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "os/system.h"

namespace hearth::engine {
namespace {

std::vector<text::Token> random_tokens(size_t count, size_t n_vocab, uint64_t seed = 7) {
  Rng rng(seed);
  std::vector<text::Token> tokens(count);
  for (text::Token& token : tokens) token = static_cast<text::Token>(rng.below(n_vocab));
  return tokens;
}

double rate(size_t tokens, double start) {
  return static_cast<double>(tokens) / (os::monotonic_seconds() - start);
}

}  // namespace

Result<void> fill_to_depth(Session& session, size_t depth) {
  const auto stream = random_tokens(depth, session.model().config().n_vocab);
  const std::span<const text::Token> held = session.tokens();
  const auto differ = std::mismatch(stream.begin(), stream.end(), held.begin(), held.end()).first;
  const auto same = static_cast<size_t>(differ - stream.begin());
  session.rewind(same);
  return session.advance(std::span(stream).subspan(session.tokens().size()));
}

Result<double> measure_prefill(Session& session, size_t tokens, size_t depth) {
  HEARTH_CHECK(fill_to_depth(session, depth));
  const auto stream = random_tokens(depth + tokens, session.model().config().n_vocab);
  const double start = os::monotonic_seconds();
  HEARTH_CHECK(session.advance(std::span(stream).subspan(depth)));
  (void)session.logits();
  return rate(tokens, start);
}

Result<double> measure_decode(Session& session, size_t tokens, size_t depth) {
  HEARTH_CHECK(fill_to_depth(session, depth));
  const auto stream = random_tokens(depth + tokens, session.model().config().n_vocab);
  const double start = os::monotonic_seconds();
  for (size_t i = 0; i < tokens; ++i) {
    HEARTH_CHECK(session.decode(std::span(stream).subspan(depth + i, 1)));
  }
  return rate(tokens, start);
}

Result<double> measure_batched_decode(std::span<Session* const> sessions, size_t tokens) {
  const size_t n_vocab = sessions.front()->model().config().n_vocab;
  const auto stream = random_tokens(sessions.size() * tokens, n_vocab, 9);
  std::vector<size_t> held;
  for (const Session* session : sessions) held.push_back(session->tokens().size());
  const double start = os::monotonic_seconds();
  for (size_t i = 0; i < tokens; ++i) {
    const auto step = std::span(stream).subspan(i * sessions.size(), sessions.size());
    HEARTH_CHECK(Session::decode_together(sessions, step));
  }
  const double measured = rate(sessions.size() * tokens, start);
  for (size_t i = 0; i < sessions.size(); ++i) sessions[i]->rewind(held[i]);
  return measured;
}

}  // namespace hearth::engine
