// Cold files: the weights are read in the order in which a first token needs them, by a thread of
// its own, while that token is already being computed. (docs/benchmarks.md has what it brings.)
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "model/registry.h"

namespace hearth::engine {

// The weights that every token reads, in the order of use (within a layer in that of the file), in
// pieces of at most `piece_bytes`. Of an embedding that is not also the output matrix a token needs
// one row: it is not among them.
[[nodiscard]] std::vector<Bytes> weights_in_order(const model::Model& model, size_t piece_bytes);

class ReadAhead {
 public:
  ReadAhead() = default;
  // Stops and waits for the thread: at most as long as the disk takes for a piece.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // Begins, once. The model's file must stay mapped as long as this lives. Weights that do not fit
  // into the memory that is free are left to be read as they are touched: reading ahead would only
  // push out what was read before.
  void start(const model::Model& model);

  // Waits until everything is read, or found to be there.
  void wait();

  // Waits until the weights of a layer are there, or will not be read ahead. Threads that overtook
  // the reader would fault in pages here and there, at a fraction of the disk's speed.
  void wait_for_layer(size_t layer) const;

 private:
  void report(size_t layers);

  std::thread thread_;
  std::atomic<size_t> layers_{SIZE_MAX};  // whose weights are there
  std::atomic<bool> stop_{false};
};

}  // namespace hearth::engine
