#include "engine/embedder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "os/system.h"

namespace hearth::engine {

using model::Pooling;
using model::Stretch;

namespace {

constexpr std::pair<Pooling, std::string_view> kNames[] = {{Pooling::none, "none"},
                                                           {Pooling::mean, "mean"},
                                                           {Pooling::cls, "cls"},
                                                           {Pooling::last, "last"},
                                                           {Pooling::rank, "rank"}};

}  // namespace

std::string_view name_of(Pooling pooling) {
  for (const auto& [value, name] : kNames) {
    if (value == pooling) return name;
  }
  return "?";
}

std::optional<Pooling> pooling_by_name(std::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

void normalize(std::span<float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  if (squares == 0) return;
  const auto factor = static_cast<float>(1 / std::sqrt(squares));
  for (float& x : vector) x *= factor;
}

Result<std::unique_ptr<Embedder>> Embedder::open(const LoadedModel& model,
                                                 const SessionOptions& options,
                                                 std::optional<Pooling> pooling) {
  const Pooling chosen = pooling.value_or(model.config().pooling);
  if (chosen == Pooling::rank && !model.model().weights.classifier.scores.present()) {
    return fail(ErrorCode::unsupported,
                "the model has no classifier that could score pairs of texts: take a reranker, or "
                "compare vectors with --pooling mean");
  }
  HEARTH_TRY(auto runtime, Runtime::create(model, options));
  return std::unique_ptr<Embedder>(new Embedder(std::move(runtime), chosen));
}

Embedder::Embedder(std::shared_ptr<Runtime> runtime, Pooling pooling)
    : runtime_(std::move(runtime)), pooling_(pooling) {
  const size_t context = runtime_->options().context;
  // An encoder has to see a text at once.
  const bool causal = runtime_->model().config().causal;
  longest_ = causal ? context : std::min(context, runtime_->prompt_columns());
  rows_.resize(runtime_->prompt_columns() * runtime_->model().config().n_embd);
}

size_t Embedder::width() const {
  const model::Model& model = runtime_->model().model();
  return pooling_ == Pooling::rank ? model.weights.classifier.scores.weight.rows
                                   : model.config.n_embd;
}

Result<void> Embedder::check(const EmbedInput& input, size_t index) const {
  if (input.tokens.empty()) return fail(ErrorCode::bad_usage, "text ", index + 1, " is empty");
  if (input.tokens.size() > longest_) {
    return fail(ErrorCode::too_large, "text ", index + 1, " has ", input.tokens.size(),
                " tokens, the model takes ", longest_, ": cut it into pieces");
  }
  return check_tokens(runtime_->model(), input.tokens);
}

size_t Embedder::fitting(std::span<const EmbedInput> inputs) const {
  // The caches of a model that looks back are large, and one is enough.
  const size_t most = runtime_->model().config().causal ? 1 : kMaxTogether;
  size_t count = 0, columns = 0;
  while (count < std::min(inputs.size(), most)) {
    columns += inputs[count].tokens.size();
    if (columns > runtime_->prompt_columns()) break;
    ++count;
  }
  return count;
}

Result<void> Embedder::make_room(size_t sequences) {
  const SessionOptions& options = runtime_->options();
  while (memories_.size() < sequences) {
    HEARTH_TRY(SequenceMemory memory,
               SequenceMemory::create(runtime_->model().config(), options.kv_type, longest_,
                                      runtime_->forward().max_columns()));
    memories_.push_back(std::move(memory));
  }
  return {};
}

Result<void> Embedder::embed(std::span<const EmbedInput> inputs, const Sink& sink) {
  for (size_t i = 0; i < inputs.size(); ++i) HEARTH_CHECK(check(inputs[i], i));
  for (size_t done = 0; done < inputs.size();) {
    const size_t count = fitting(inputs.subspan(done));
    HEARTH_CHECK(make_room(std::max<size_t>(count, 1)));
    if (count == 0) {
      HEARTH_CHECK(embed_in_chunks(inputs[done], done, sink));
    } else {
      HEARTH_CHECK(embed_whole(inputs.subspan(done, count), done, sink));
    }
    done += std::max<size_t>(count, 1);
  }
  return {};
}

Result<void> Embedder::run(std::span<const Stretch> stretches) {
  if (runtime_->forward().run(stretches, model::Path::prompt, runtime_->layer_gate())) return {};
  for (SequenceMemory& memory : memories_) (void)memory.recover(0);
  return fail(ErrorCode::interrupted, "interrupted");
}

Result<void> Embedder::embed_whole(std::span<const EmbedInput> inputs, size_t first_index,
                                   const Sink& sink) {
  std::vector<Stretch> stretches;
  for (size_t i = 0; i < inputs.size(); ++i) {
    stretches.push_back({inputs[i].tokens, 0, &memories_[i].view(), inputs[i].second_from, {}});
  }
  HEARTH_CHECK(run(stretches));
  size_t column = 0;
  for (const EmbedInput& input : inputs) column += input.tokens.size();
  runtime_->forward().hidden(0, column, rows_.data());
  column = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const size_t n_tokens = inputs[i].tokens.size();
    (void)memories_[i].rewind(0, n_tokens);
    gather(column, n_tokens, 0, n_tokens);
    HEARTH_CHECK(hand_over(first_index + i, n_tokens, sink));
    column += n_tokens;
  }
  return {};
}

Result<void> Embedder::embed_in_chunks(const EmbedInput& input, size_t index, const Sink& sink) {
  const size_t n_tokens = input.tokens.size();
  const size_t step = runtime_->prompt_columns();
  for (size_t first = 0; first < n_tokens; first += step) {
    const size_t count = std::min(step, n_tokens - first);
    const Stretch stretch{
        std::span(input.tokens).subspan(first, count), first, &memories_[0].view(), SIZE_MAX, {}};
    HEARTH_CHECK(run({&stretch, 1}));
    runtime_->forward().hidden(0, count, rows_.data());
    gather(0, count, first, n_tokens);
  }
  (void)memories_[0].rewind(0, n_tokens);
  return hand_over(index, n_tokens, sink);
}

void Embedder::gather(size_t column, size_t count, size_t first, size_t n_tokens) {
  const size_t n = runtime_->model().config().n_embd;
  const float* rows = rows_.data() + column * n;
  // What a classifier reads is where the whole text was seen.
  const bool whole_at_first = !runtime_->model().config().causal;
  const bool of_first = pooling_ == Pooling::cls || (pooling_ == Pooling::rank && whole_at_first);
  if (first == 0) pooled_.assign(pooling_ == Pooling::none ? 0 : n, 0.0f);
  if (pooling_ == Pooling::none) {
    pooled_.insert(pooled_.end(), rows, rows + count * n);
  } else if (pooling_ == Pooling::mean) {
    for (size_t i = 0; i < count * n; ++i) pooled_[i % n] += rows[i];
  } else if (of_first) {
    if (first == 0) std::copy_n(rows, n, pooled_.data());
  } else if (first + count == n_tokens) {
    std::copy_n(rows + (count - 1) * n, n, pooled_.data());
  }
}

Result<void> Embedder::hand_over(size_t index, size_t n_tokens, const Sink& sink) {
  if (pooling_ == Pooling::mean) {
    for (float& x : pooled_) x /= static_cast<float>(n_tokens);
  }
  if (pooling_ != Pooling::rank) return sink(index, pooled_);
  std::vector<float> scores(width());
  runtime_->forward().classify(pooled_.data(), scores.data());
  return sink(index, scores);
}

}  // namespace hearth::engine
