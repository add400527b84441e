// The tensors of a model, bound by name to where they are used. Matrices stay in the mapped file.
#pragma once

#include <cstddef>
#include <memory>
#include <variant>
#include <vector>

#include "model/config.h"
#include "tensor/dtype.h"

namespace hearth::model {

// A weight matrix in the mapped file: y = W x has `rows` results from `columns` inputs.
struct Matrix {
  DType type = DType::F32;
  const std::byte* data = nullptr;
  size_t columns = 0;
  size_t rows = 0;
  size_t row_bytes = 0;

  // Whether activations are quantized to 8 bits before they are multiplied with it.
  [[nodiscard]] bool quantized() const {
    return type != DType::F32 && type != DType::F16 && type != DType::BF16;
  }
  [[nodiscard]] size_t bytes() const { return rows * row_bytes; }
  // Some of its rows, which stay where they are.
  [[nodiscard]] Matrix slice(size_t first, size_t count) const {
    return {type, data + first * row_bytes, columns, count, row_bytes};
  }
};

// A projection: out = scale * W x + bias.
struct Linear {
  Matrix weight;
  const float* bias = nullptr;  // [weight.rows] or null
  float scale = 1;              // NVFP4 files have one for a whole matrix

  [[nodiscard]] bool present() const { return weight.data != nullptr; }
  [[nodiscard]] Linear slice(size_t first, size_t count) const {
    return {weight.slice(first, count), bias != nullptr ? bias + first : nullptr, scale};
  }
};

// The same projection of many experts, or heads: their matrices lie `stride` bytes apart.
struct LinearSet {
  Linear first;
  size_t count = 0;
  size_t stride = 0;
  size_t bias_stride = 0;         // floats
  const float* scales = nullptr;  // [count] or null for ones

  [[nodiscard]] Linear at(size_t index) const {
    Linear linear = first;
    linear.weight.data += index * stride;
    if (linear.bias != nullptr) linear.bias += index * bias_stride;
    if (scales != nullptr) linear.scale = scales[index];
    return linear;
  }
};

// Of the kind that the configuration says; absent without a weight.
struct Norm {
  const float* weight = nullptr;
  const float* bias = nullptr;  // or null

  [[nodiscard]] bool present() const { return weight != nullptr; }
};

struct AttentionWeights {
  Linear q;       // n_embd -> q_width; with a gate, twice that: [n_heads][query, gate][key_dim]
  Linear k;       // n_embd -> k_width
  Linear v;       // n_embd -> v_width
  Linear output;  // mixed_width -> n_embd
  const float* q_norm = nullptr;  // RMS norm of each head [key_dim], or of all [q_width]; or null
  const float* k_norm = nullptr;
  bool norms_whole = false;       // q_norm and k_norm span all heads
  const float* v_norm = nullptr;  // [value_dim]
  const float* sinks = nullptr;   // [n_heads] or null
  bool gated = false;             // what attention gives is multiplied with sigmoid(gate)
};

// Multi-head latent attention (DeepSeek-AI 2024, arXiv 2405.04434) with the up-projections absorbed
// into queries and results: keys and values are one latent vector for all heads.
struct LatentAttentionWeights {
  Linear q_a;  // n_embd -> q rank; absent in models without
  const float* q_a_norm = nullptr;
  Linear q_b;                        // q rank, or n_embd -> [n_heads][nope_dim + rope dims]
  Linear kv_a;                       // n_embd -> rank + rope dims
  const float* kv_a_norm = nullptr;  // [rank]
  LinearSet k_b;                     // of each head: nope_dim -> rank
  LinearSet v_b;                     // of each head: rank -> value dim
  Linear output;
};

// Gated short convolution (Liquid AI, LFM2): y = out(c * conv(b * x)).
struct ShortConvWeights {
  Linear in;                      // n_embd -> 3 n_embd: b, c, x
  const float* kernel = nullptr;  // [n_embd][taps], the last tap meets the token itself
  size_t taps = 0;
  Linear out;
};

// Gated delta net (Yang et al. 2024, arXiv 2412.06464) as Qwen 3.5 has it.
struct DeltaNetWeights {
  Linear qkv;                     // n_embd -> [query, key: key_heads * dim; value: heads * dim]
  Linear gate;                    // n_embd -> heads * dim
  Linear alpha;                   // n_embd -> heads
  Linear beta;                    // n_embd -> heads
  const float* kernel = nullptr;  // [qkv width][taps]
  size_t taps = 0;
  const float* decay = nullptr;    // [heads], negative
  const float* dt_bias = nullptr;  // [heads]
  const float* norm = nullptr;     // [dim]
  Linear output;                   // heads * dim -> n_embd
  size_t key_heads = 0;
  size_t heads = 0;  // of values; a multiple of key_heads
  size_t dim = 0;    // of a head
};

// down(activation(gate x) * (up x)), or down(activation(up x)) without a gate.
struct FeedForwardWeights {
  Linear gate;
  Linear up;
  Linear down;
};

// Mixture of experts, and the expert that every token takes if there is one.
struct ExpertsWeights {
  Linear router;                          // n_embd -> n_experts
  const float* selection_bias = nullptr;  // [n_experts]: added for the choice only; or null
  LinearSet gate;
  LinearSet up;
  LinearSet down;
  FeedForwardWeights shared;
  // Gemma 4: what experts and router see has norms of its own, and so has what experts and the
  // shared expert say.
  Norm norm;
  Norm router_norm;
  Norm post_norm;
  Norm shared_post_norm;
};

// What a token adds to the stream behind each layer, by an embedding for each layer (Gemma 4):
// residual += norm(project(gelu(gate residual) * input)).
struct LayerInputWeights {
  Linear gate;     // n_embd -> width
  Linear project;  // width -> n_embd
  Norm post_norm;
};

struct LayerWeights {
  Norm attn_norm;
  std::variant<AttentionWeights, LatentAttentionWeights, ShortConvWeights, DeltaNetWeights> mixer;
  Norm attn_post_norm;  // of what the mixer adds
  Norm attn_end_norm;   // of the stream behind the mixer (BERT)
  Norm ffn_norm;
  std::variant<FeedForwardWeights, ExpertsWeights> ffn;
  Norm ffn_post_norm;
  Norm ffn_end_norm;
  LayerInputWeights input;              // absent in most families
  const float* output_scale = nullptr;  // of the stream behind the layer; one number, or null
};

// What BERT has beside the embedding of tokens: rows of n_embd that are added to it.
struct TextEmbedding {
  Matrix positions;  // a row for each of context_length
  Matrix parts;      // a row for the first text, and one for the second of a pair
  Norm norm;         // of the sum
};

// Says how well two texts suit each other, of the vector of one token.
struct Classifier {
  Linear hidden;  // n_embd -> n_embd, tanh behind it; absent in some models
  Linear scores;  // n_embd -> as many as there are
  bool softmax = false;
};

struct Weights {
  Matrix token_embedding;  // one row of n_embd for each token
  TextEmbedding text;      // absent in most families
  std::vector<LayerWeights> layers;
  // Of LayerInputWeights: a row of [n_layers][width] for each token, and a projection of the
  // token's embedding, normed layer by layer; absent in most families.
  Matrix layer_embedding;
  Linear layer_projection;
  Norm layer_projection_norm;
  Norm output_norm;       // absent in BERT
  Linear output;          // n_embd -> n_vocab; the embedding itself when tied; absent in encoders
  Classifier classifier;  // absent in most models
  bool tied_output = false;

  // Small vectors that the file does not hold as F32 are converted here once.
  std::vector<std::unique_ptr<float[]>> converted;
};

struct Model {
  ModelConfig config;
  Weights weights;
};

// Every matrix of a layer that tokens are multiplied with, once: visit(matrix, experts) where
// `experts` says how many matrices of its kind the layer has, of which a token meets
// RouterConfig::n_used; 0 for one that every token meets.
template <class Visit>
void for_each_matrix(const LayerWeights& layer, Visit visit) {
  const auto one = [&](const Linear& linear) {
    if (linear.present()) visit(linear.weight, size_t{0});
  };
  const auto set = [&](const LinearSet& all, size_t experts) {
    for (size_t i = 0; i < all.count; ++i) visit(all.at(i).weight, experts);
  };
  struct Visitor {
    decltype(one)& each;
    decltype(set)& every;
    void operator()(const AttentionWeights& w) const {
      for (const Linear* linear : {&w.q, &w.k, &w.v, &w.output}) each(*linear);
    }
    void operator()(const LatentAttentionWeights& w) const {
      for (const Linear* linear : {&w.q_a, &w.q_b, &w.kv_a, &w.output}) each(*linear);
      every(w.k_b, 0);
      every(w.v_b, 0);
    }
    void operator()(const ShortConvWeights& w) const {
      for (const Linear* linear : {&w.in, &w.out}) each(*linear);
    }
    void operator()(const DeltaNetWeights& w) const {
      for (const Linear* linear : {&w.qkv, &w.gate, &w.alpha, &w.beta, &w.output}) each(*linear);
    }
    void operator()(const FeedForwardWeights& w) const {
      for (const Linear* linear : {&w.gate, &w.up, &w.down}) each(*linear);
    }
    void operator()(const ExpertsWeights& w) const {
      each(w.router);
      (*this)(w.shared);
      for (const LinearSet* linears : {&w.gate, &w.up, &w.down}) every(*linears, linears->count);
    }
  };
  const Visitor visitor{one, set};
  std::visit(visitor, layer.mixer);
  std::visit(visitor, layer.ffn);
  one(layer.input.gate);
  one(layer.input.project);
}

}  // namespace hearth::model
