// What prompts left of keys, values and states, for prompts that begin alike: blocks of
// kBlockPositions tokens, each behind the block before it. In memory up to a number of bytes, and
// in a file up to another; what was used longest ago goes first, and of a prompt its end before its
// beginning.
//
// Blocks are found by the tokens themselves, not by a hash of them: nobody can make a prompt that
// is taken for another one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/bytes.h"
#include "engine/prefix_file.h"
#include "text/vocab.h"

namespace hearth::engine {

// How many tokens two texts begin with alike.
[[nodiscard]] inline size_t common_prefix(std::span<const text::Token> a,
                                          std::span<const text::Token> b) {
  const auto [end, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(end - a.begin());
}

class PrefixCache {
 public:
  // Of a block, or of states; never given twice. 0 is none, and stands before all first blocks.
  using Id = uint64_t;

  // Bytes of a block, and of states; 0 where the model has none.
  struct Sizes {
    size_t block = 0;
    size_t states = 0;
  };
  PrefixCache(Sizes sizes, uint64_t max_bytes) : sizes_(sizes), max_bytes_(max_bytes) {}

  // Goes on with what a file holds, and keeps there what comes.
  [[nodiscard]] Result<void> attach(std::unique_ptr<PrefixFile> file);

  // What is known of the beginning of a text.
  struct Match {
    std::vector<Id> blocks;
    size_t tokens = 0;         // in the blocks, of the last one perhaps a part
    Id states = 0;             // of the longest beginning whose states are known, or none
    size_t states_tokens = 0;  // and its length
  };
  [[nodiscard]] Match find(std::span<const text::Token> tokens) const;

  // From here on these blocks, and the states, are those that were used last.
  void touch(std::span<const Id> blocks, Id states = 0);

  // The bytes of a block or of states, until the next call; empty if they are lost.
  [[nodiscard]] Bytes bytes(Id id);

  struct Added {
    Id id = 0;                   // 0: there is no room
    std::span<std::byte> bytes;  // to be filled before the next call
  };
  // Keeps the tokens of a block behind block `parent`, or without tokens the states behind it;
  // nothing of the kind is there. The blocks before it were touched last.
  [[nodiscard]] Added add(Id parent, std::span<const text::Token> tokens);

  // Writes to the file what is not there, for about `seconds`. False when nothing is left.
  bool write_some(double seconds);

  [[nodiscard]] uint64_t bytes_in_memory() const { return bytes_in_memory_; }
  [[nodiscard]] uint64_t bytes_on_disk() const { return bytes_on_disk_; }
  // Why nothing is written any more; empty when all is well.
  [[nodiscard]] const std::string& file_problem() const { return file_problem_; }

 private:
  static constexpr size_t kNoSlot = SIZE_MAX;

  // Texts are in the order of their tokens, so that of all blocks behind one block that which has
  // most in common with a text is a neighbour of the place where the text itself would stand.
  // States are blocks of no tokens.
  struct Key {
    Id parent = 0;
    std::vector<text::Token> tokens;
  };
  struct Wanted {
    Id parent = 0;
    std::span<const text::Token> tokens;
  };
  struct Earlier {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      if (a.parent != b.parent) return a.parent < b.parent;
      return std::lexicographical_compare(a.tokens.begin(), a.tokens.end(), b.tokens.begin(),
                                          b.tokens.end());
    }
  };
  struct Piece {
    Id id = 0;
    uint64_t used = 0;
    Buffer<std::byte> data;  // none when it is on disk only
    size_t slot = kNoSlot;
  };
  using Pieces = std::map<Key, Piece, Earlier>;
  // What goes first: used longest ago, and of equals the one behind the others.
  using Order = std::set<std::pair<uint64_t, Id>>;
  static std::pair<uint64_t, Id> place_of(const Piece& piece) {
    return {piece.used, UINT64_MAX - piece.id};
  }
  struct Writing {
    Id id = 0;  // 0: nothing is being written
    size_t slot = 0;
    size_t at = 0;
    Checksum sum;
  };

  [[nodiscard]] Pieces::const_iterator nearest(Id parent, std::span<const text::Token> tokens,
                                               size_t& common) const;
  [[nodiscard]] size_t bytes_of(const Key& key) const {
    return key.tokens.empty() ? sizes_.states : sizes_.block;
  }
  [[nodiscard]] Order& on_disk(size_t slot) { return on_disk_[slot < file_->n_blocks() ? 0 : 1]; }
  [[nodiscard]] bool is_block(Id id) const;

  void touch(Id id);
  // Makes room for so many bytes of something used at `used`, of what was used before; false when
  // there is not enough.
  bool make_room(size_t bytes, uint64_t used);
  void drop_data(Pieces::iterator piece);
  void drop_slot(Pieces::iterator piece);
  void drop_if_lost(Pieces::iterator piece);

  // Steps of write_some().
  bool begin_writing();
  bool take_slot(const Pieces::iterator& piece, size_t& slot);
  [[nodiscard]] Result<void> write_piece();
  [[nodiscard]] Result<void> write_uses(double until);
  void stop_writing(const Error& error);

  Sizes sizes_;
  uint64_t max_bytes_;
  Pieces pieces_;
  std::unordered_map<Id, Pieces::iterator> by_id_;
  Order in_memory_;
  Id last_id_ = 0;
  uint64_t uses_ = 0;
  uint64_t bytes_in_memory_ = 0;
  Buffer<std::byte> lent_;  // what bytes() gave and found no room for

  std::unique_ptr<PrefixFile> file_;
  Order on_disk_[2];  // blocks, states
  std::vector<size_t> free_slots_[2];
  std::set<Id> unwritten_;  // in memory only
  std::set<Id> used_;       // on disk, where their last use is not known yet
  Writing writing_;
  uint64_t bytes_on_disk_ = 0;
  std::string file_problem_;
};

}  // namespace hearth::engine
