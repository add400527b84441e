#include "engine/sequence_memory.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/units.h"
#include "os/system.h"

namespace hearth::engine {
namespace {

using model::AttentionConfig;
using model::LayerConfig;
using model::ModelConfig;

// Guesses that may be taken back without what they overwrote in a ring being missed.
constexpr size_t kRingSlack = 64;

KvFormat format_of(const AttentionConfig& attention, DType type, size_t positions,
                   size_t run_columns) {
  size_t capacity = positions;
  if (attention.slides()) {
    const size_t wanted = attention.window + run_columns + kRingSlack;
    const size_t chunks = (wanted + kChunkPositions - 1) / kChunkPositions;
    capacity = std::min(capacity, chunks * kChunkPositions);
  }
  return {type, attention.key_dim, attention.value_dim, capacity};
}

// Visits every cache once: visit(attention of the layer that fills it, format).
template <class Visit>
void for_each_cache(const ModelConfig& config, DType type, size_t positions, size_t run_columns,
                    Visit visit) {
  size_t next = 0;  // caches are counted in the order in which layers first use them
  for (const LayerConfig& layer : config.layers) {
    const AttentionConfig& attention = layer.attention;
    if (attention.n_heads == 0 || attention.cache != next) continue;
    ++next;
    visit(attention, format_of(attention, type, positions, run_columns));
  }
}

static_assert(kChunkPositions % kBlockPositions == 0 && kBlockPositions % kTilePositions == 0);

// Visits the pieces of memory that make up the block from position `first` on, in the order in
// which blocks hold them: visit(bytes, count).
template <class Visit>
void for_each_piece(const model::SequenceView& view, size_t first, Visit visit) {
  for (const model::KvView& cache : view.caches) {
    const KvFormat& format = cache.format;
    const size_t slot = format.slot(first);
    const size_t value_row = format.padded_value() * format.element_bytes();
    for (size_t h = 0; h < cache.heads; ++h) {
      const KvHead head = cache.head(h);
      visit(head.keys + slot / kTilePositions * format.tile_bytes(),
            kBlockPositions / kTilePositions * format.tile_bytes());
      visit(head.values + slot * value_row, kBlockPositions * value_row);
      if (!format.quantized()) continue;
      for (float* scales : {head.key_scales, head.value_scales})
        visit(reinterpret_cast<std::byte*>(scales + slot), kBlockPositions * sizeof(float));
    }
  }
}

size_t state_floats(const ModelConfig& config) {
  size_t floats = 0;
  for (const LayerConfig& layer : config.layers) floats += layer.state_floats;
  return floats;
}

}  // namespace

// Cannot wrap: padding makes at most 16 values of each, and kMaxLayers * 16 * kMaxWidth *
// kMaxContext * 2 * (4 + 4) bytes is 2^62.
uint64_t SequenceMemory::bytes_needed(const ModelConfig& config, DType type, size_t positions,
                                      size_t run_columns) {
  uint64_t bytes = state_floats(config) * sizeof(float);
  for_each_cache(config, type, positions, run_columns,
                 [&](const AttentionConfig& attention, const KvFormat& format) {
                   bytes += format.head_bytes() * attention.n_kv_heads;
                 });
  return bytes;
}

Result<SequenceMemory> SequenceMemory::create(const ModelConfig& config, DType type,
                                              size_t positions, size_t run_columns) {
  if (!KvFormat::supports(type)) {
    return fail(ErrorCode::unsupported, "a KV cache in ", name_of(type),
                " is not supported: choose q8_0, f16 or f32");
  }
  const uint64_t bytes = bytes_needed(config, type, positions, run_columns);
  const uint64_t total = os::memory_info().total;
  if (total != 0 && bytes > total) {
    return fail(ErrorCode::too_large, "a context of ", positions, " tokens needs ",
                human_bytes(bytes), " of KV cache, but this machine has ", human_bytes(total),
                " of memory: choose a smaller one with -c");
  }
  SequenceMemory memory;
  memory.positions_ = positions;
  memory.states_ = Buffer<float>(state_floats(config));
  HEARTH_TRY(memory.pages_, os::Pages::allocate(bytes - memory.states_.size() * sizeof(float)));
  memory.view_.caches.resize(config.n_caches());
  std::byte* next = memory.pages_.data();
  for_each_cache(config, type, positions, run_columns,
                 [&](const AttentionConfig& attention, const KvFormat& format) {
                   memory.view_.caches[attention.cache] = {format, next, attention.n_kv_heads};
                   next += format.head_bytes() * attention.n_kv_heads;
                   if (format.capacity == positions) return;
                   memory.widest_window_ = std::max(memory.widest_window_, attention.window);
                   memory.smallest_ring_ = memory.smallest_ring_ == 0
                                               ? format.capacity
                                               : std::min(memory.smallest_ring_, format.capacity);
                 });
  float* state = memory.states_.data();
  for (const LayerConfig& layer : config.layers) {
    memory.view_.states.push_back(layer.state_floats == 0 ? nullptr : state);
    state += layer.state_floats;
  }
  return memory;
}

void SequenceMemory::keep(Checkpoint checkpoint, size_t length) {
  if (states_.size() == 0) return;
  Kept& kept = kept_[static_cast<size_t>(checkpoint)];
  if (kept.states.size() == 0) kept.states = Buffer<float>::untouched(states_.size());
  kept.length = length;
  std::memcpy(kept.states.data(), states_.data(), states_.size() * sizeof(float));
}

bool SequenceMemory::rings_know(size_t length, size_t now) const {
  const size_t written = std::max(written_, now);
  if (smallest_ring_ == 0 || written <= smallest_ring_) return true;
  // A token at `length` looks back over the window that ends with it.
  const size_t first_seen = length + 1 > widest_window_ ? length + 1 - widest_window_ : 0;
  return first_seen + smallest_ring_ >= written;
}

size_t SequenceMemory::rewind(size_t length, size_t now) {
  written_ = std::max(written_, now);
  return length >= now ? now : restore(length, now);
}

size_t SequenceMemory::recover(size_t now) {
  // A run may have written as far as the context goes.
  if (smallest_ring_ != 0) written_ = positions_;
  return states_.size() == 0 && smallest_ring_ == 0 ? now : restore(now, now);
}

size_t SequenceMemory::restore(size_t length, size_t now) {
  size_t left = rings_know(length, now) ? length : 0;
  if (states_.size() != 0) {
    const Kept* best = nullptr;
    for (const Kept& kept : kept_) {
      if (kept.length <= left && (best == nullptr || kept.length > best->length)) best = &kept;
    }
    left = best != nullptr && rings_know(best->length, now) ? best->length : 0;
    if (left != 0) std::memcpy(states_.data(), best->states.data(), states_.size() * sizeof(float));
    // What was kept of tokens that are no longer there says nothing of others.
    for (Kept& kept : kept_) {
      if (kept.length > left) kept.length = SIZE_MAX;
    }
  }
  if (left == 0) {
    std::fill_n(states_.data(), states_.size(), 0.0f);
    written_ = 0;
  }
  return left;
}

size_t SequenceMemory::block_bytes() const {
  size_t bytes = 0;
  for_each_piece(view_, 0, [&](const std::byte*, size_t count) { bytes += count; });
  return bytes;
}

bool SequenceMemory::holds_block(size_t first, size_t now) const {
  return smallest_ring_ == 0 || std::max(written_, now) <= first + smallest_ring_;
}

void SequenceMemory::save_block(size_t first, std::span<std::byte> out) const {
  std::byte* to = out.data();
  for_each_piece(view_, first, [&](const std::byte* from, size_t count) {
    std::memcpy(to, from, count);
    to += count;
  });
}

void SequenceMemory::load_block(size_t first, Bytes block) {
  const std::byte* from = block.data();
  for_each_piece(view_, first, [&](std::byte* to, size_t count) {
    std::memcpy(to, from, count);
    from += count;
  });
  written_ = std::max(written_, first + kBlockPositions);
}

void SequenceMemory::save_states(std::span<std::byte> out) const {
  std::memcpy(out.data(), states_.data(), state_bytes());
}

void SequenceMemory::load_states(size_t length, Bytes states) {
  std::memcpy(states_.data(), states.data(), state_bytes());
  for (Kept& kept : kept_) kept.length = SIZE_MAX;
  keep(Checkpoint::prompt, length);
}

}  // namespace hearth::engine
