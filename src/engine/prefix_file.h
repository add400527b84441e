// The part of the prefix cache that outlives the process: one file of bounded size, which somebody
// else has opened (docs/formats/prefix_cache.md). Slots of two sizes, for blocks of keys and values
// and for states; each is described by a record with checksums, so that what was torn or changed is
// never used.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/result.h"
#include "engine/sequence_memory.h"
#include "text/vocab.h"

namespace hearth::engine {

// What a slot holds: a block of up to kBlockPositions tokens behind block `parent`, or, without
// tokens, the states behind that block.
struct PrefixRecord {
  uint64_t id = 0;      // of this one, never used twice; greater than the parent's
  uint64_t parent = 0;  // 0: nothing stands before it
  uint64_t used = 0;    // grows with each use of anything
  std::vector<text::Token> tokens;
};

class PrefixFile {
 public:
  struct Shape {
    size_t block_bytes = 0;
    size_t state_bytes = 0;  // 0: the model has no states
    std::string identity;    // of all that the content depends on; another one's is thrown away
  };
  struct Stored {
    PrefixRecord record;
    size_t slot = 0;
  };

  // `fd` must stay open as long as this lives, and was opened for reading and writing. Errors: it
  // is no regular file, somebody else uses it, `max_bytes` have no room for a block, the system.
  [[nodiscard]] static Result<std::unique_ptr<PrefixFile>> open(int fd, uint64_t max_bytes,
                                                                const Shape& shape);
  ~PrefixFile();
  PrefixFile(const PrefixFile&) = delete;
  PrefixFile& operator=(const PrefixFile&) = delete;

  // Slots of blocks are the first n_blocks(), those of states the others.
  [[nodiscard]] size_t n_blocks() const { return n_blocks_; }
  [[nodiscard]] size_t n_states() const { return n_states_; }
  [[nodiscard]] size_t slot_bytes(size_t slot) const {
    return slot < n_blocks_ ? shape_.block_bytes : shape_.state_bytes;
  }

  // Records that the file holds and that are whole, in no order.
  [[nodiscard]] Result<std::vector<Stored>> records();

  // Fills out[slot_bytes]; bad_file when it is not what was written.
  [[nodiscard]] Result<void> read(size_t slot, std::span<std::byte> out) const;

  // Writing a slot: first its record is wiped, then its bytes come in any pieces, then the record
  // makes them count. A process that ends in between has lost this slot and no other.
  [[nodiscard]] Result<void> wipe(size_t slot);
  [[nodiscard]] Result<void> write(size_t slot, size_t at, Bytes bytes);
  [[nodiscard]] Result<void> write_record(size_t slot, const PrefixRecord& record, uint64_t sum);
  // The same bytes, another record.
  [[nodiscard]] Result<void> update_record(size_t slot, const PrefixRecord& record) {
    return write_record(slot, record, sums_[slot]);
  }

 private:
  PrefixFile(int fd, Shape shape) : fd_(fd), shape_(std::move(shape)) {}
  [[nodiscard]] Result<void> fit_into(uint64_t max_bytes);
  [[nodiscard]] Result<void> check_header();
  [[nodiscard]] uint64_t record_at(size_t slot) const;
  [[nodiscard]] uint64_t data_at(size_t slot) const;

  int fd_;
  Shape shape_;
  size_t n_blocks_ = 0;
  size_t n_states_ = 0;
  std::vector<uint64_t> sums_;  // by slot, of the bytes
};

}  // namespace hearth::engine
