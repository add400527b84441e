#include "engine/measure.h"

#include <algorithm>
#include <atomic>

#include "base/rng.h"
#include "os/system.h"

namespace hearth::engine {
namespace {

std::vector<text::Token> random_tokens(size_t count, size_t n_vocab) {
  Rng rng(7);
  std::vector<text::Token> tokens(count);
  for (text::Token& token : tokens) token = static_cast<text::Token>(rng.below(n_vocab));
  return tokens;
}

uint64_t bytes_of(const model::Matrix& matrix) { return uint64_t{matrix.rows} * matrix.row_bytes; }

// The sum of 64-bit words, so that the compiler can neither skip the reads nor wait on them one by
// one.
uint64_t sum_words(Bytes bytes) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 64 <= bytes.size(); i += 64) {
    for (size_t k = 0; k < 8; ++k) sums[k] += load_unaligned<uint64_t>(bytes.data() + i + 8 * k);
  }
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  return total;
}

}  // namespace

Result<double> measure_prefill(Session& session, size_t tokens) {
  session.rewind(0);
  const auto prompt = random_tokens(tokens, session.model().config().n_vocab);
  const double start = os::monotonic_seconds();
  HEARTH_CHECK(session.advance(prompt));
  (void)session.logits();
  return static_cast<double>(tokens) / (os::monotonic_seconds() - start);
}

Result<double> measure_decode(Session& session, size_t tokens, size_t depth) {
  const auto stream = random_tokens(depth + tokens, session.model().config().n_vocab);
  session.rewind(0);
  HEARTH_CHECK(session.advance(std::span(stream).first(depth)));
  const double start = os::monotonic_seconds();
  for (size_t i = 0; i < tokens; ++i) {
    HEARTH_CHECK(session.decode(std::span(stream).subspan(depth + i, 1)));
  }
  return static_cast<double>(tokens) / (os::monotonic_seconds() - start);
}

Result<double> measure_batched_decode(std::span<Session* const> sessions, size_t tokens) {
  const size_t n_vocab = sessions[0]->model().config().n_vocab;
  const auto stream = random_tokens(tokens * sessions.size(), n_vocab);
  const double start = os::monotonic_seconds();
  for (size_t i = 0; i < tokens; ++i) {
    const auto next = std::span(stream).subspan(i * sessions.size(), sessions.size());
    HEARTH_CHECK(Session::decode_together(sessions, next));
  }
  return static_cast<double>(stream.size()) / (os::monotonic_seconds() - start);
}

double measure_read_bandwidth(ThreadPool& pool, Bytes memory) {
  constexpr size_t kPiece = 1 << 20;
  const size_t pieces = memory.size() / kPiece;
  std::atomic<uint64_t> total{0};
  const double start = os::monotonic_seconds();
  pool.run(pieces, [&](size_t piece, size_t) {
    total.fetch_add(sum_words(memory.subspan(piece * kPiece, kPiece)), std::memory_order_relaxed);
  });
  const double seconds = os::monotonic_seconds() - start;
  return seconds > 0 ? static_cast<double>(pieces * kPiece) / seconds : 0;
}

uint64_t bytes_per_token(const model::Model& model) {
  uint64_t bytes = bytes_of(model.weights.output.weight) + model.weights.token_embedding.row_bytes;
  for (const model::LayerWeights& layer : model.weights.layers) {
    for (const model::Linear* linear :
         {&layer.q, &layer.k, &layer.v, &layer.attn_output, &layer.gate, &layer.up, &layer.down}) {
      bytes += bytes_of(linear->weight);
    }
  }
  return bytes;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace hearth::engine
