// What the families of models have in common, for the files of architectures: the metadata that all
// use, and the blocks that most use, bound under the names that llama.cpp gave them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/binder.h"
#include "model/weights.h"

namespace hearth::model {

// A model in the making.
class Family {
 public:
  explicit Family(const gguf::File& file) : keys(file), binder(file, model.weights), file_(file) {}
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  // Sizes, epsilon and expert counts; as many empty layers as there are.
  [[nodiscard]] Result<void> open();
  // Checks what no block has checked by itself and gives the model away.
  [[nodiscard]] Result<Model> finish();

  [[nodiscard]] ModelConfig& config() { return model.config; }
  [[nodiscard]] size_t n_layers() const { return model.config.layers.size(); }
  [[nodiscard]] LayerConfig& layer_config(size_t layer) { return model.config.layers[layer]; }
  [[nodiscard]] LayerWeights& layer(size_t layer) { return model.weights.layers[layer]; }
  // "blk.LAYER.PART".
  [[nodiscard]] static std::string name(size_t layer, std::string_view part) {
    return cat("blk.", layer, ".", part);
  }

  // Head counts and sizes of every layer, scores scaled by 1 / sqrt(key size), all with rope 0.
  // Layers of which a count is 0 have no attention.
  [[nodiscard]] Result<void> read_attention();
  // Which layers see a window of attention.sliding_window positions: as
  // attention.sliding_window_pattern says, else all but each `period`-th. Nothing without a window.
  [[nodiscard]] Result<void> read_windows(size_t period);
  // The rope of the keys under "rope."; the divisors of llama3 and longrope, where the file has
  // them.
  [[nodiscard]] Result<RopeConfig> read_rope(RopeConfig::Pairs pairs);
  // Gives sliding layers a rope of their own: `rope` without scaling, its base that of
  // "rope.freq_base_swa" or else `base`.
  [[nodiscard]] Result<void> add_sliding_rope(const RopeConfig& rope, double base);

  // attn_q, attn_k, attn_v or attn_qkv, and attn_output.
  [[nodiscard]] Result<AttentionWeights> bind_attention(size_t layer);
  // attn_q_norm and attn_k_norm over single heads.
  [[nodiscard]] Result<void> bind_head_norms(size_t layer, AttentionWeights& weights);
  // ffn_gate, ffn_up, ffn_down; or gate and up together in ffn_up; or none where `gated` says so.
  // `suffix` is for shared experts.
  [[nodiscard]] Result<FeedForwardWeights> bind_feed_forward(size_t layer, size_t n_ff,
                                                             std::string_view suffix = "");
  // ffn_gate_inp and the ffn_*_exps.
  [[nodiscard]] Result<ExpertsWeights> bind_experts(size_t layer);
  // PART.weight and, where there, PART.bias, over n_embd values.
  [[nodiscard]] Result<Norm> bind_norm(size_t layer, std::string_view part);
  // token_embd, the norm at the end and the output matrix, which may be the embedding.
  [[nodiscard]] Result<void> bind_ends(std::string_view output_norm = "output_norm");
  // cls and cls.output, where the file has them.
  [[nodiscard]] Result<void> bind_classifier();
  // A layer as Llama has it: norm, attention, norm, feed-forward or experts.
  [[nodiscard]] Result<void> bind_plain_layer(size_t layer);
  // The same with norms of what the blocks add, as Gemma 2 has them.
  [[nodiscard]] Result<void> bind_normed_layer(size_t layer);

  Keys keys;
  Model model;
  WeightBinder binder;
  bool gated = true;  // whether feed-forward blocks have a gate

 private:
  [[nodiscard]] Result<void> read_router();
  [[nodiscard]] Result<void> read_pooling();
  [[nodiscard]] Result<void> read_rope_scaling(RopeConfig& rope);

  const gguf::File& file_;
};

}  // namespace hearth::model
