// What a model is, in numbers: filled by its architecture's file from GGUF metadata and checked
// once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace hearth::model {

// Rotary position embedding on interleaved pairs (2i, 2i + 1) of the first `dims` values of a head
// (Su et al. 2021, arXiv 2104.09864).
struct RopeConfig {
  size_t dims = 0;  // values of a head that are turned; even, 0 for none
  double base = 10000.0;
  double scale = 1.0;               // linear scaling: positions are multiplied by this (1 / factor)
  const float* divisors = nullptr;  // [dims / 2] or null: per-frequency divisors (llama3 scaling)
};

struct ModelConfig {
  std::string architecture;  // general.architecture: "llama"
  std::string name;          // general.name, may be empty
  size_t n_layers = 0;
  size_t n_embd = 0;          // width of the residual stream
  size_t n_ff = 0;            // width inside the feed-forward block
  size_t n_heads = 0;         // query heads
  size_t n_kv_heads = 0;      // key and value heads; divides n_heads
  size_t head_dim = 0;        // values of one head
  size_t n_vocab = 0;         // rows of the output matrix
  size_t context_length = 0;  // positions that the model was trained for
  float rms_eps = 1e-5f;
  RopeConfig rope;

  [[nodiscard]] size_t q_width() const { return n_heads * head_dim; }
  [[nodiscard]] size_t kv_width() const { return n_kv_heads * head_dim; }
};

// Limits that every model must keep, so that sizes derived from them cannot overflow.
inline constexpr size_t kMaxLayers = 1024;
inline constexpr size_t kMaxWidth = 1 << 20;  // of any vector but the logits
inline constexpr size_t kMaxVocab = 1 << 22;
inline constexpr size_t kMaxContext = 1 << 24;

}  // namespace hearth::model
