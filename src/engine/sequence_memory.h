// What is kept of one sequence: keys and values for every layer with attention, and the states of
// recurrent layers. Within a layer and KV head keys and values lie as tensor/attention.h says, so
// that one head's history is contiguous. Layers that see a window of their past keep no more than
// that, in a ring.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "model/config.h"
#include "model/sequence_view.h"
#include "os/pages.h"

namespace hearth::engine {

// Keys and values are kept elsewhere, and taken back, in blocks of so many positions that begin at
// multiples of it: a divisor of kChunkPositions, and whole tiles of keys.
inline constexpr size_t kBlockPositions = 64;

class SequenceMemory {
 public:
  // For `positions` tokens, of which at most `run_columns` are computed in a run. `type` is Q8_0,
  // F16 or F32. An error when the machine has no room for it.
  [[nodiscard]] static Result<SequenceMemory> create(const model::ModelConfig& config, DType type,
                                                     size_t positions, size_t run_columns);

  // Bytes that keys, values and states would take.
  [[nodiscard]] static uint64_t bytes_needed(const model::ModelConfig& config, DType type,
                                             size_t positions, size_t run_columns);

  [[nodiscard]] const model::SequenceView& view() const { return view_; }
  [[nodiscard]] size_t positions() const { return positions_; }
  [[nodiscard]] uint64_t bytes() const { return pages_.size() + states_.size() * sizeof(float); }

  // States cannot go back, but be kept as they are now, behind `length` tokens: at the end of a
  // prompt, and before tokens that are only guessed.
  enum class Checkpoint { prompt, guesses };
  void keep(Checkpoint checkpoint, size_t length);

  // Forgets the last of `now` tokens so that at most `length` are left, and says how many are:
  // where states or rings no longer know what was at `length`, fewer.
  [[nodiscard]] size_t rewind(size_t length, size_t now);
  // The same after a run that ended halfway, which leaves states of no use.
  [[nodiscard]] size_t recover(size_t now);

  // Bytes of a block of all layers, and of the states; the same for every memory of one model and
  // type. Either may be 0.
  [[nodiscard]] size_t block_bytes() const;
  [[nodiscard]] size_t state_bytes() const { return states_.size() * sizeof(float); }

  // Whether the block from position `first` on is still there, in rings too, behind `now` tokens.
  [[nodiscard]] bool holds_block(size_t first, size_t now) const;
  // Copies a block out: bytes of positions that hold no token are of no meaning.
  void save_block(size_t first, std::span<std::byte> out) const;
  // And in: all of it, of which the caller counts as many tokens as he knows. The tokens before it
  // must be there.
  void load_block(size_t first, Bytes block);
  // The states as they are now.
  void save_states(std::span<std::byte> out) const;
  // States behind `length` tokens; what was kept of others is forgotten.
  void load_states(size_t length, Bytes states);

 private:
  struct Kept {
    size_t length = SIZE_MAX;  // nothing is kept
    Buffer<float> states;
  };

  [[nodiscard]] bool rings_know(size_t length, size_t now) const;
  [[nodiscard]] size_t restore(size_t length, size_t now);

  os::Pages pages_;
  model::SequenceView view_;
  size_t positions_ = 0;
  size_t written_ = 0;        // tokens at most, since all was forgotten
  size_t widest_window_ = 0;  // of layers with a ring
  size_t smallest_ring_ = 0;  // positions; 0 where there is none
  Buffer<float> states_;      // of all layers
  std::array<Kept, 2> kept_;  // by Checkpoint
};

}  // namespace hearth::engine
