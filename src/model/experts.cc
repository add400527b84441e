#include "model/experts.h"

#include <algorithm>

namespace hearth::model {
namespace {

// Tiles of kPackedColumns are padded for each expert that is visited.
size_t max_places(const RouterConfig& router, size_t columns) {
  const size_t visits = columns * router.n_used;
  return visits + (kPackedColumns - 1) * std::min(router.n_experts, visits);
}

}  // namespace

size_t Experts::bytes_per_column(const ModelConfig& config) {
  if (config.router.n_experts == 0) return 0;
  const size_t floats = config.n_embd + 2 * config.n_ff_expert;
  const size_t forms = ColumnForms::bytes_per_column(config.n_embd) +
                       ColumnForms::bytes_per_column(config.n_ff_expert);
  return config.router.n_used * (floats * sizeof(float) + forms) +
         (2 * config.n_embd + config.router.n_experts) * sizeof(float);
}

Experts::Experts(Linears& linears, FeedForward& shared)
    : linears_(linears),
      shared_(shared),
      router_(linears.config().router),
      n_ff_(linears.config().n_ff_expert) {
  if (router_.n_experts == 0) return;
  const size_t columns = linears.max_columns();
  const size_t places = max_places(router_, columns);
  const size_t n_embd = linears.config().n_embd;
  choices_.resize(columns * router_.n_used);
  visits_.resize(columns * router_.n_used);
  counts_.resize(router_.n_experts);
  groups_.reserve(router_.n_experts);
  work_.resize(linears.pool().size());
  logits_ = Buffer<float>::untouched(columns * router_.n_experts);
  gathered_ = Buffer<float>::untouched(places * n_embd);
  hidden_ = Buffer<float>::untouched(places * n_ff_);
  up_ = Buffer<float>::untouched(places * n_ff_);
  results_ = Buffer<float>::untouched(linears.pool().size() * std::max(columns * 32, n_embd));
  out_ = Buffer<float>::untouched(columns * n_embd);
  sum_ = Buffer<float>::untouched(columns * n_embd);
  inputs_ = ColumnForms(places, n_embd, linears.forms());
  hidden_forms_ = ColumnForms(places, n_ff_, linears.forms());
}

const float* Experts::run(const ExpertsWeights& weights, const Norm& norm, const float* residual) {
  const size_t n_embd = linears_.config().n_embd;
  const size_t columns = linears_.columns();
  run_shared(weights, norm, residual);
  Activations x = route(weights, norm, residual);
  if (weights.norm.present()) {
    x = linears_.prepare(residual, n_embd, columns, weights.norm,
                         {&weights.gate.first, &weights.up.first});
  }
  compute_hidden(weights, linears_.path() == Path::prompt ? gather(weights, x) : x);
  Activations hidden = linears_.wanted_forms(n_ff_, {&weights.down.first}, hidden_forms_);
  hidden.columns = n_places_;
  hidden.values = hidden_.data();
  linears_.pool().run(Activations::tiles(n_places_), [&](size_t tile, size_t) {
    linears_.prepare_tile(hidden_.data(), hidden, tile, hidden_forms_);
  });
  if (!weights.post_norm.present()) {
    add_results(weights, hidden, out_.data());
    return out_.data();
  }
  std::fill_n(sum_.data(), columns * n_embd, 0.0f);
  add_results(weights, hidden, sum_.data());
  linears_.pool().run(columns, [&](size_t column, size_t) {
    float* sum = sum_.data() + column * n_embd;
    linears_.apply_norm(weights.post_norm, sum, n_embd, sum);
    linears_.kernels().add(out_.data() + column * n_embd, sum, n_embd);
  });
  return out_.data();
}

void Experts::run_shared(const ExpertsWeights& weights, const Norm& norm, const float* residual) {
  const size_t n_embd = linears_.config().n_embd;
  const size_t columns = linears_.columns();
  if (!weights.shared.up.present()) {
    std::fill_n(out_.data(), columns * n_embd, 0.0f);
    return;
  }
  const Activations hidden = shared_.run(weights.shared, norm, residual);
  const Linear* const down[] = {&weights.shared.down};
  float* const out[] = {out_.data()};
  linears_.project(down, out, hidden);
  if (!weights.shared_post_norm.present()) return;
  linears_.pool().run(columns, [&](size_t column, size_t) {
    float* values = out_.data() + column * n_embd;
    linears_.apply_norm(weights.shared_post_norm, values, n_embd, values);
  });
}

Activations Experts::route(const ExpertsWeights& weights, const Norm& norm, const float* residual) {
  const Norm& own = weights.router_norm.present() ? weights.router_norm : norm;
  const Activations x =
      linears_.prepare(residual, linears_.config().n_embd, linears_.columns(), own,
                       {&weights.router, &weights.gate.first, &weights.up.first});
  const Linear* const router[] = {&weights.router};
  float* const logits[] = {logits_.data()};
  linears_.project(router, logits, x);
  choose(weights);
  group();
  return x;
}

void Experts::choose(const ExpertsWeights& weights) {
  const size_t n = router_.n_experts;
  linears_.pool().run(linears_.columns(), [&](size_t column, size_t thread) {
    choose_experts(router_, {logits_.data() + column * n, n}, weights.selection_bias,
                   {choices_.data() + column * router_.n_used, router_.n_used}, work_[thread]);
  });
}

void Experts::group() {
  const size_t n_visits = linears_.columns() * router_.n_used;
  std::fill(counts_.begin(), counts_.end(), size_t{0});
  for (size_t i = 0; i < n_visits; ++i) ++counts_[choices_[i].expert];
  groups_.clear();
  size_t first_visit = 0;
  n_places_ = 0;
  for (size_t e = 0; e < counts_.size(); ++e) {
    if (counts_[e] == 0) continue;
    groups_.push_back({e, first_visit, counts_[e], n_places_});
    const bool tiles = linears_.path() == Path::prompt;
    const size_t step = tiles ? kPackedColumns : 1;
    n_places_ += (counts_[e] + step - 1) / step * step;
    first_visit += counts_[e];
    counts_[e] = groups_.back().first_visit;  // from now on where its next visit goes
  }
  for (size_t i = 0; i < n_visits; ++i) {
    visits_[counts_[choices_[i].expert]++] = {i / router_.n_used, choices_[i].weight};
  }
}

Activations Experts::gather(const ExpertsWeights& weights, const Activations& x) {
  Activations gathered =
      linears_.wanted_forms(x.n, {&weights.gate.first, &weights.up.first}, inputs_);
  gathered.columns = n_places_;
  gathered.values = gathered_.data();
  linears_.pool().run(groups_.size(), [&](size_t index, size_t) {
    const Group& group = groups_[index];
    for (size_t first = 0; first < group.visits; first += kPackedColumns) {
      const size_t end = std::min(first + kPackedColumns, group.visits);
      float* to = gathered_.data() + (group.first_place + first) * x.n;
      for (size_t i = first; i < end; ++i) {
        const float* from = x.values + visits_[group.first_visit + i].column * x.n;
        std::copy_n(from, x.n, to + (i - first) * x.n);
      }
      std::fill_n(to + (end - first) * x.n, (first + kPackedColumns - end) * x.n, 0.0f);
      linears_.prepare_tile(gathered_.data(), gathered,
                            (group.first_place + first) / kPackedColumns, inputs_);
    }
  });
  return gathered;
}

void Experts::observe(const LinearSet& linears, const Activations& x, Columns columns) const {
  if (!linears_.observed()) return;
  for (const Group& group : groups_) {
    const Linear linear = linears.at(group.expert);
    if (columns == Columns::of_places) {
      linears_.observe(linear, x.part(group.first_place, group.visits));
      continue;
    }
    for (size_t i = 0; i < group.visits; ++i) {
      linears_.observe(linear, x.part(visits_[group.first_visit + i].column, 1));
    }
  }
}

void Experts::compute_hidden(const ExpertsWeights& weights, const Activations& x) {
  const Kernels& kernels = linears_.kernels();
  const bool together = linears_.path() == Path::prompt;
  const Columns columns = together ? Columns::of_places : Columns::of_visits;
  observe(weights.gate, x, columns);
  observe(weights.up, x, columns);
  const size_t per_chunk = linears_.rows_per_chunk(n_ff_);
  const size_t chunks = chunk_count(n_ff_, per_chunk);
  linears_.pool().run(groups_.size() * chunks, [&](size_t item, size_t thread) {
    const Group& group = groups_[item / chunks];
    const size_t row = item % chunks * per_chunk;
    const size_t rows = std::min(per_chunk, n_ff_ - row);
    const Linear gate = weights.gate.at(group.expert);
    const Linear up = weights.up.at(group.expert);
    // An answer's few columns are taken where they are.
    const size_t step = together ? group.visits : 1;
    for (size_t i = 0; i < group.visits; i += step) {
      const size_t place = group.first_place + i;
      const Activations in =
          x.part(together ? group.first_place : visits_[group.first_visit + i].column, step);
      float* hidden = hidden_.data() + place * n_ff_ + row;
      float* linear = up_.data() + place * n_ff_ + row;
      linears_.project_rows(gate, in, row, rows, {hidden, n_ff_}, thread);
      linears_.project_rows(up, in, row, rows, {linear, n_ff_}, thread);
      for (size_t c = 0; c < step; ++c) {
        const size_t column = visits_[group.first_visit + i + c].column;
        const float* values = in.values + c * in.n;
        LowRankProducts& low_rank = linears_.low_rank();
        low_rank.add_rows_of(gate, values, column, row, rows, hidden + c * n_ff_, thread);
        low_rank.add_rows_of(up, values, column, row, rows, linear + c * n_ff_, thread);
        kernels.activate(linears_.config().activation, hidden + c * n_ff_, linear + c * n_ff_,
                         rows);
      }
    }
  });
}

void Experts::add_results(const ExpertsWeights& weights, const Activations& hidden, float* out) {
  const Kernels& kernels = linears_.kernels();
  const bool together = linears_.path() == Path::prompt;
  observe(weights.down, hidden, Columns::of_places);
  const size_t n_embd = linears_.config().n_embd;
  const size_t per_chunk = linears_.rows_per_chunk(n_embd);
  const size_t room = std::max(linears_.max_columns() * 32, n_embd);
  linears_.pool().run(chunk_count(n_embd, per_chunk), [&](size_t chunk, size_t thread) {
    const size_t row = chunk * per_chunk;
    const size_t rows = std::min(per_chunk, n_embd - row);
    float* results = results_.data() + thread * room;
    for (const Group& group : groups_) {
      const Linear down = weights.down.at(group.expert);
      const size_t step = together ? group.visits : 1;
      for (size_t i = 0; i < group.visits; i += step) {
        linears_.project_rows(down, hidden.part(group.first_place + i, step), row, rows,
                              {results, rows}, thread);
        for (size_t c = 0; c < step; ++c) {
          const Visit& visit = visits_[group.first_visit + i + c];
          linears_.low_rank().add_rows_of(down,
                                          hidden_.data() + (group.first_place + i + c) * n_ff_,
                                          visit.column, row, rows, results + c * rows, thread);
          kernels.add_columns(out + visit.column * n_embd + row, n_embd, results + c * rows, rows,
                              rows, 1, visit.weight);
        }
      }
    }
  });
}

}  // namespace hearth::model
