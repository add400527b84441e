#include "engine/read_ahead.h"

#include <algorithm>
#include <functional>
#include <system_error>
#include <utility>

#include "os/mapped_file.h"
#include "os/system.h"

namespace hearth::engine {
namespace {

// Small enough that stopping is quick and that the first layer does not wait for the second.
constexpr size_t kPieceBytes = 8 << 20;

void append_pieces(const model::Matrix& matrix, size_t piece_bytes, std::vector<Bytes>& pieces) {
  const Bytes bytes(matrix.data, matrix.bytes());
  for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
    pieces.push_back(bytes.subspan(at, std::min(piece_bytes, bytes.size() - at)));
  }
}

// The matrices of a layer as they lie in the file: it is computed when all are there, and disks
// prefer one direction.
std::vector<model::Matrix> in_file_order(const model::LayerWeights& layer) {
  std::vector<model::Matrix> matrices;
  model::for_each_matrix(layer,
                         [&](const model::Matrix& matrix, size_t) { matrices.push_back(matrix); });
  std::sort(matrices.begin(), matrices.end(),
            [](const auto& a, const auto& b) { return std::less<>()(a.data, b.data); });
  return matrices;
}

// Where the last matrix of each layer ends.
std::vector<const std::byte*> ends_of_layers(const model::Model& model) {
  std::vector<const std::byte*> ends;
  for (const model::LayerWeights& layer : model.weights.layers) {
    const model::Matrix last = in_file_order(layer).back();
    ends.push_back(last.data + last.bytes());
  }
  return ends;
}

}  // namespace

std::vector<Bytes> weights_in_order(const model::Model& model, size_t piece_bytes) {
  std::vector<Bytes> pieces;
  for (const model::LayerWeights& layer : model.weights.layers) {
    for (const model::Matrix& matrix : in_file_order(layer)) {
      append_pieces(matrix, piece_bytes, pieces);
    }
  }
  append_pieces(model.weights.output.weight, piece_bytes, pieces);
  return pieces;
}

ReadAhead::~ReadAhead() {
  stop_.store(true, std::memory_order_relaxed);
  wait();
}

void ReadAhead::start(const model::Model& model) {
  std::vector<Bytes> pieces = weights_in_order(model, kPieceBytes);
  uint64_t bytes = 0;
  for (const Bytes piece : pieces) bytes += piece.size();
  if (bytes > os::memory_info().available) return;
  const model::Matrix& table = model.weights.token_embedding;
  const Bytes embedding(table.data, table.bytes());
  // A prompt first touches rows here and there of the embedding. Each would bring megabytes of
  // neighbours along, and the first layer would wait for them.
  os::expect_scattered(embedding, true);
  // Pages that are there already are mapped, which is cheaper than to ask about them first and
  // saves whoever computes a fault for each.
  const auto read = [this, embedding, pieces = std::move(pieces),
                     ends = ends_of_layers(model)]() mutable {
    for (const Bytes piece : pieces) {
      // Tied: now it is the output matrix.
      if (piece.data() == embedding.data()) os::expect_scattered(embedding, false);
      if (stop_.load(std::memory_order_relaxed) || !os::bring_in(piece)) break;
      const size_t layer = layers_.load(std::memory_order_relaxed);
      if (layer < ends.size() && piece.data() + piece.size() == ends[layer]) report(layer + 1);
    }
    report(SIZE_MAX);
  };
  layers_.store(0, std::memory_order_relaxed);
  try {
    thread_ = std::thread(read);
  } catch (const std::system_error&) {
    report(SIZE_MAX);  // no thread to be had: weights are read as they are touched
  }
}

void ReadAhead::report(size_t layers) {
  layers_.store(layers, std::memory_order_release);
  layers_.notify_all();
}

void ReadAhead::wait_for_layer(size_t layer) const {
  size_t there = layers_.load(std::memory_order_acquire);
  while (there <= layer) {
    layers_.wait(there, std::memory_order_acquire);
    there = layers_.load(std::memory_order_acquire);
  }
}

void ReadAhead::wait() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace hearth::engine
