// Multi-head latent attention: the cache holds one short vector for a position, of which all heads
// make their keys and values. Instead of making them, queries are brought to where that vector is.
#pragma once

#include "model/attention.h"

namespace hearth::model {

class LatentAttention {
 public:
  // Both must outlive it.
  LatentAttention(Linears& linears, Attention& attention);
  [[nodiscard]] static size_t bytes_per_column(const Model& model);

  // As Attention::run(); config.key_dim is the latent vector and the turned dims behind it,
  // config.value_dim the latent vector alone.
  Activations run(const LatentAttentionWeights& weights, const AttentionConfig& config,
                  const Norm& norm, const float* residual);

 private:
  // The vectors of one head in every column: the first at `values`, from column to column and from
  // head to head so many floats.
  struct HeadVectors {
    const float* values;
    size_t column_stride;
    size_t head_stride;
  };
  struct HeadResults {
    float* values;
    size_t column_stride;
    size_t head_stride;
  };
  // Multiplies each head's vectors with its own matrix.
  void project_heads(const LinearSet& linears, HeadVectors in, HeadResults out);
  // Queries that lie [n_heads][nope, turned], and latent vectors, into the cache and query_.
  void prepare_columns(const LatentAttentionWeights& weights, const AttentionConfig& config);

  Linears& linears_;
  Attention& attention_;
  size_t widest_head_ = 0;   // input of a head's matrix
  Buffer<float> low_query_;  // [columns][q rank]
  Buffer<float> raw_query_;  // [columns][n_heads][nope + turned]
  Buffer<float> latent_;     // [columns][key_dim], as projected
  Buffer<float> key_;        // [columns][key_dim]
  Buffer<float> query_;      // [columns][n_heads][key_dim]
  Buffer<float> mixed_;      // [columns][n_heads][value_dim]
  Buffer<float> out_;        // [columns][n_heads][values of a head]
  Buffer<float> gathered_;   // [n_heads][columns in tiles][widest_head_]
  ColumnForms forms_;
};

}  // namespace hearth::model
