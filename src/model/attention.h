// Softmax attention of one pass: projects queries, keys and values, turns them, fills the KV
// caches, and lets every column look back over its sequence.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "model/linears.h"
#include "model/sequence_view.h"

namespace hearth::model {

// Columns of a run that stand one after another in a sequence.
struct ColumnRange {
  const SequenceView* sequence = nullptr;
  size_t first_column = 0;
  size_t columns = 0;
  size_t first_position = 0;
  // In an encoder all columns see the positions before this one; else 0: each sees those up to its
  // own.
  size_t seen_end = 0;

  [[nodiscard]] size_t last_position() const { return first_position + columns - 1; }
};

// All memory is taken when it is made. What a column gets depends on its sequence alone.
class Attention {
 public:
  // `linears` must outlive it.
  Attention(Linears& linears, size_t max_positions);
  [[nodiscard]] static size_t bytes_per_column(const ModelConfig& config);

  // The columns of the run that begins: ranges lie one behind another from column 0 on and must
  // stay as they are until it ends.
  void begin(std::span<const ColumnRange> ranges);

  // What a layer's attention over the norm of the residual columns [columns][n_embd] gives, as
  // inputs of weights.output.
  Activations run(const AttentionWeights& weights, const AttentionConfig& config, const Norm& norm,
                  const float* residual);

  // The steps of run(), for blocks that make queries, keys and values themselves.
  //
  // Calls body(column, position, sequence) for every column, neighbours by one thread.
  using ColumnBody = std::function<void(size_t column, size_t position, const SequenceView&)>;
  void for_each_column(const ColumnBody& body) const;
  // Turns the first values of `heads` heads of a column, which lie `stride` apart.
  void rotate(const AttentionConfig& config, size_t column, float* first, size_t heads,
              size_t stride) const;
  // Puts a column's keys [k_width] and values [v_width] into the cache.
  void store(const AttentionConfig& config, size_t position, const SequenceView& sequence,
             const float* key, const float* value) const;
  // mixed[columns][mixed_width] = softmax(q k^T * scale) v for every head of the queries
  // [columns][q_width], over what is stored.
  void attend(const AttentionConfig& config, const float* query, const float* sinks, float* mixed);

 private:
  // How the query heads of a layer are cut into groups that a kernel takes together.
  struct Grouping {
    explicit Grouping(const AttentionConfig& config);
    size_t heads_per_kv_head;
    size_t heads_per_group;
    size_t groups_per_kv_head;
    size_t columns_per_tile;
  };
  // Columns of one range and query heads of one KV head, whose rows a kernel takes together.
  struct Tile {
    ColumnRange range;
    size_t kv_head = 0;
    size_t first_head = 0;
    size_t heads = 0;
    size_t first_chunk = 0;  // of which a row sees something
    size_t end_chunk = 0;

    [[nodiscard]] size_t rows() const { return range.columns * heads; }
  };
  // What attend() was asked for.
  struct Pass {
    const AttentionConfig& config;
    const float* query;
    const float* sinks;
    float* mixed;
    Grouping grouping;
  };

  void prepare_column(const AttentionWeights& weights, const AttentionConfig& config, size_t column,
                      size_t position);
  // Fills ranges_.
  void cut_into_tiles(size_t columns_per_tile);
  [[nodiscard]] size_t tile_count(const Pass& pass) const;
  // Tiles of one KV head come one after another, so that threads share its history.
  [[nodiscard]] Tile tile(const Pass& pass, size_t index) const;
  // A piece of work is a tile over all chunks.
  void attend_whole(const Pass& pass);
  // A piece of work is a tile over one of at most `n_chunks` chunks: for few columns behind a long
  // history.
  void attend_split(const Pass& pass, size_t n_chunks);
  void attend_tile(const Pass& pass, const Tile& tile, size_t first_chunk, size_t end_chunk,
                   size_t thread, float* states);
  // Row r of part k has its state at states + (k * rows + r) * state_floats.
  void finish(const Pass& pass, const Tile& tile, size_t parts, float* states);

  Linears& linears_;
  const ModelConfig& config_;
  std::vector<std::vector<double>> frequencies_;  // of each rope, [dims / 2]
  std::vector<Buffer<float>> angles_;             // of each rope, [columns][dims]
  std::span<const ColumnRange> sequences_;
  std::vector<ColumnRange> ranges_;  // of a tile's columns each
  size_t scratch_bytes_;             // of a thread
  size_t states_of_thread_;          // floats
  Buffer<float> gated_query_;        // [columns][2 * widest q], where queries come with gates
  Buffer<float> query_;              // [columns][widest q]
  Buffer<float> key_;                // [columns][widest k]
  Buffer<float> value_;              // [columns][widest v]
  Buffer<float> mixed_;              // [columns][widest mixed]
  Buffer<std::byte> scratch_;        // [threads][scratch_bytes_]
  Buffer<float> states_;             // [threads][states_of_thread_]
  Buffer<float> partial_;            // [rows of few columns][chunks][state_floats]
};

}  // namespace hearth::model
