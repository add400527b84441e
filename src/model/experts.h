// A feed-forward block of which every token takes a few of many experts.
//
// Columns are sorted by expert, so that each expert's weights meet all of its columns at once. What
// a column gets is added up in the order of experts, whatever else is computed with it.
#pragma once

#include <vector>

#include "model/feed_forward.h"
#include "model/router.h"

namespace hearth::model {

class Experts {
 public:
  // `linears` and `shared`, which computes the expert that every token takes, must outlive it.
  Experts(Linears& linears, FeedForward& shared);
  [[nodiscard]] static size_t bytes_per_column(const ModelConfig& config);

  // What the experts say of the norm of the residual columns: [columns][n_embd].
  const float* run(const ExpertsWeights& weights, const Norm& norm, const float* residual);

 private:
  // A column at one of its experts.
  struct Visit {
    size_t column = 0;
    float weight = 0;
  };
  // Consecutive visits of one expert. Their places follow each other from first_place on, which for
  // a prompt begins a tile.
  struct Group {
    size_t expert = 0;
    size_t first_visit = 0;
    size_t visits = 0;
    size_t first_place = 0;
  };

  void choose(const ExpertsWeights& weights);
  void group();
  // Brings the columns of all groups together, for prompts.
  Activations gather(const ExpertsWeights& weights, const Activations& x);
  void compute_hidden(const ExpertsWeights& weights, const Activations& x);
  void add_results(const ExpertsWeights& weights, const Activations& hidden, float* out);
  // Tells an observer which columns each expert's matrix meets: those at the places of its group,
  // or those that its visits name.
  enum class Columns { of_places, of_visits };
  void observe(const LinearSet& linears, const Activations& x, Columns columns) const;
  // What the shared expert says, or nothing, into out_.
  void run_shared(const ExpertsWeights& weights, const Norm& norm, const float* residual);
  // Chooses experts and sorts the columns by them. Returns what the router saw, which is ready for
  // experts as well.
  Activations route(const ExpertsWeights& weights, const Norm& norm, const float* residual);
  Linears& linears_;
  FeedForward& shared_;
  const RouterConfig& router_;
  size_t n_ff_;
  std::vector<Choice> choices_;           // [columns][n_used]
  std::vector<std::vector<float>> work_;  // of each thread
  std::vector<Visit> visits_;
  std::vector<size_t> counts_;  // [n_experts]
  std::vector<Group> groups_;
  size_t n_places_ = 0;
  Buffer<float> logits_;    // [columns][n_experts]
  Buffer<float> gathered_;  // [places][n_embd]
  Buffer<float> hidden_;    // [places][n_ff]
  Buffer<float> up_;        // [places][n_ff]
  Buffer<float> results_;   // [threads][columns][rows of a piece]
  Buffer<float> out_;       // [columns][n_embd]
  Buffer<float> sum_;       // [columns][n_embd]: of the experts alone, where it is normed
  ColumnForms inputs_;
  ColumnForms hidden_forms_;
};

}  // namespace hearth::model
