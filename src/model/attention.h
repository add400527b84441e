// Attention of one pass: rotates queries and keys, fills the KV caches, and lets every column look
// back over its sequence.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/thread_pool.h"
#include "model/config.h"
#include "model/kv_view.h"
#include "tensor/kernels.h"

namespace hearth::model {

// Columns of a run that stand one after another in a sequence.
struct ColumnRange {
  const KvView* kv = nullptr;
  size_t first_column = 0;
  size_t columns = 0;
  size_t first_position = 0;
};

// All memory is taken when it is made. What a column gets depends on its sequence alone.
class Attention {
 public:
  // The kernels and the pool must outlive it.
  Attention(const ModelConfig& config, const Kernels& kernels, ThreadPool& pool, size_t max_columns,
            size_t max_positions);

  // The columns of the run that begins: ranges lie one behind another from column 0 on.
  void begin(std::span<const ColumnRange> ranges);

  // Columns of floats: `query` [q_width], `key` and `value` [kv_width], all rotated in place and
  // stored; mixed[q_width] = softmax(q k^T / sqrt(head_dim)) v for every head.
  void run(size_t layer, float* query, float* key, const float* value, float* mixed);

 private:
  // Columns of one range and query heads of one KV head, whose rows a kernel takes together.
  struct Tile {
    ColumnRange range;
    size_t kv_head = 0;
    size_t first_head = 0;
    size_t heads = 0;

    [[nodiscard]] size_t rows() const { return range.columns * heads; }
    [[nodiscard]] size_t chunks() const;
  };

  [[nodiscard]] size_t tile_count() const;
  // Tiles of one KV head come one after another, so that threads share its history.
  [[nodiscard]] Tile tile(size_t index) const;
  void rotate_and_store(size_t layer, float* query, float* key, const float* value);
  void rotate_and_store_column(size_t layer, const ColumnRange& range, size_t index, float* query,
                               float* key, const float* value);
  // A piece of work is a tile over all chunks.
  void attend_whole(size_t layer, const float* query, float* mixed);
  // A piece of work is a tile over one chunk: for few columns behind a long history.
  void attend_split(size_t layer, const float* query, float* mixed);
  void attend(size_t layer, const Tile& tile, size_t first_chunk, size_t end_chunk, size_t thread,
              const float* query, float* states);
  // Row r of chunk k has its state at states + (k * rows + r) * state_floats.
  void finish(const Tile& tile, bool split, float* states, float* mixed);

  const ModelConfig& config_;
  const Kernels& kernels_;
  ThreadPool& pool_;
  size_t heads_per_group_;  // query heads of one KV head that are computed together
  size_t groups_per_kv_head_;
  size_t columns_per_tile_;
  std::vector<ColumnRange> ranges_;  // of a tile's columns each
  size_t n_columns_ = 0;
  size_t n_chunks_ = 0;              // of the longest sequence
  std::vector<double> frequencies_;  // [rope dims / 2], radians from one position to the next
  Buffer<float> cos_sin_;            // [columns][rope dims / 2][2]
  Buffer<std::byte> scratch_;        // [threads][attention_scratch_bytes]
  Buffer<float> states_;             // [threads][kMaxTileRows][state_floats]
  Buffer<float> partial_;            // [rows of few columns][chunks][state_floats]
};

}  // namespace hearth::model
