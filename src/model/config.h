// What a model is, in numbers: filled by its architecture's file from GGUF metadata and checked
// once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/kernels.h"

namespace hearth::model {

// Rotary position embedding (Su et al. 2021, arXiv 2104.09864) of the first `dims` values of a
// head.
struct RopeConfig {
  // Which values are turned together: (2i, 2i + 1), or (i, dims / 2 + i).
  enum class Pairs { neighbours, halves };

  size_t dims = 0;  // even, 0 for none
  Pairs pairs = Pairs::neighbours;
  double base = 10000.0;
  double scale = 1.0;               // positions are multiplied by this: 1 / scaling factor
  const float* divisors = nullptr;  // [dims / 2] or null: of frequencies (llama3, longrope)
  // The divisors of longrope for contexts beyond `original_context`; null for none.
  const float* long_divisors = nullptr;
  double original_context = 0;  // positions before scaling
  // YaRN (Peng et al. 2023, arXiv 2309.00071): frequencies that turn more than beta_fast times in
  // the original context keep their speed, those below beta_slow are scaled.
  bool yarn = false;
  double beta_fast = 32;
  double beta_slow = 1;
  double magnitude = 1;  // of the turned values
  // Pairs from this one on stand still: the position of multi-section RoPE that text has not.
  size_t still_from = SIZE_MAX;
};

inline constexpr size_t kNoRope = SIZE_MAX;

// Softmax attention of a layer.
struct AttentionConfig {
  size_t n_heads = 0;        // query heads
  size_t n_kv_heads = 0;     // key and value heads; divides n_heads
  size_t key_dim = 0;        // values of a query's and a key's head
  size_t value_dim = 0;      // values of a value's head
  size_t window = SIZE_MAX;  // positions that a token sees, itself among them
  size_t rope = 0;           // index into ModelConfig::ropes, or kNoRope
  float scale = 0;           // of the scores
  float softcap = 0;         // of the scores, 0 for none
  // Queries are multiplied by 1 + temperature * ln(1 + floor(position / temperature_step)), unless
  // it is 0. (Mistral 3)
  float temperature = 0;
  size_t temperature_step = 1;
  size_t cache = 0;  // index of the KV cache that it reads, counted in the order of first use
  bool writes_cache = true;

  [[nodiscard]] size_t q_width() const { return n_heads * key_dim; }
  [[nodiscard]] size_t k_width() const { return n_kv_heads * key_dim; }
  [[nodiscard]] size_t v_width() const { return n_kv_heads * value_dim; }
  [[nodiscard]] size_t mixed_width() const { return n_heads * value_dim; }
  [[nodiscard]] bool slides() const { return window != SIZE_MAX; }
};

// How a router makes weights of its logits.
struct RouterConfig {
  enum class Gating {
    softmax,           // over all experts
    sigmoid,           // of each
    softmax_of_chosen  // over the chosen ones
  };
  size_t n_experts = 0;
  size_t n_used = 0;  // experts of a token
  Gating gating = Gating::softmax;
  bool normalize = false;  // the weights of the chosen add up to 1
  float scale = 1;         // of the weights
  // Experts are chosen in two steps: first groups, by the sum of their two best, then experts of
  // these. (DeepSeek-V3)
  size_t n_groups = 1;
  size_t n_groups_used = 1;
};

struct LayerConfig {
  AttentionConfig attention;  // n_heads is 0 in a layer without
  size_t n_ff = 0;            // width inside the feed-forward block; 0 in a layer of experts only
  size_t state_floats = 0;    // what a recurrent block remembers of a sequence
};

enum class NormKind { rms, layer };

// What is made of the vectors of a text's tokens when a model embeds it.
enum class Pooling {
  none,  // a vector for each token
  mean,
  cls,  // that of the first token
  last,
  rank,  // scores of a classifier: how well two texts suit each other
};

struct ModelConfig {
  std::string architecture;   // general.architecture: "llama"
  std::string name;           // general.name, may be empty
  size_t n_embd = 0;          // width of the residual stream
  size_t n_vocab = 0;         // rows of the output matrix
  size_t context_length = 0;  // positions that the model was trained for
  std::vector<LayerConfig> layers;
  std::vector<RopeConfig> ropes;
  NormKind norm = NormKind::rms;
  float norm_eps = 1e-5f;
  Activation activation = Activation::silu;
  RouterConfig router;              // of layers with experts
  size_t n_ff_expert = 0;           // width inside an expert
  size_t layer_input_width = 0;     // of LayerInputWeights, 0 for none
  float embedding_scale = 1;        // of what enters the first layer
  float residual_scale = 1;         // of what blocks add to the residual stream
  float logit_scale = 1;            // of the logits
  float logit_softcap = 0;          // of the logits, 0 for none
  bool causal = true;               // false in encoders, whose tokens see the whole text
  Pooling pooling = Pooling::mean;  // of texts that are embedded, unless the file says otherwise

  [[nodiscard]] size_t n_layers() const { return layers.size(); }
  // Caches are counted from 0 without a gap.
  [[nodiscard]] size_t n_caches() const;
};

// The largest of a number over all layers.
template <class Get>
[[nodiscard]] size_t largest_of(const ModelConfig& config, Get get) {
  size_t largest = 0;
  for (const LayerConfig& layer : config.layers) {
    const size_t value = get(layer);
    if (value > largest) largest = value;
  }
  return largest;
}

// Limits that every model must keep, so that sizes derived from them cannot overflow.
inline constexpr size_t kMaxLayers = 1024;
inline constexpr size_t kMaxWidth = 1 << 20;  // of any vector but the logits
inline constexpr size_t kMaxVocab = 1 << 22;
inline constexpr size_t kMaxContext = 1 << 24;
inline constexpr size_t kMaxExperts = 4096;

}  // namespace hearth::model
