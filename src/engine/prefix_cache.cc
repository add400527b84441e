#include "engine/prefix_cache.h"

#include <algorithm>

#include "os/system.h"

namespace hearth::engine {
namespace {

// Written at once: a fraction of a millisecond.
constexpr size_t kWriteBytes = 256 << 10;

}  // namespace

Result<void> PrefixCache::attach(std::unique_ptr<PrefixFile> file) {
  HEARTH_TRY(auto records, file->records());
  file_ = std::move(file);
  std::vector<bool> taken(file_->n_blocks() + file_->n_states());
  // Parents have smaller ids, so they come before their children.
  std::sort(records.begin(), records.end(),
            [](const auto& a, const auto& b) { return a.record.id < b.record.id; });
  for (auto& [record, slot] : records) {
    const bool known = by_id_.contains(record.id);
    if (known || (record.parent != 0 && !is_block(record.parent))) continue;
    const auto [piece, is_new] = pieces_.try_emplace({record.parent, std::move(record.tokens)});
    if (!is_new) continue;
    piece->second.id = record.id;
    piece->second.used = record.used;
    piece->second.slot = slot;
    by_id_.emplace(record.id, piece);
    on_disk(slot).insert(place_of(piece->second));
    bytes_on_disk_ += file_->slot_bytes(slot);
    taken[slot] = true;
    last_id_ = std::max(last_id_, record.id);
    uses_ = std::max(uses_, record.used);
  }
  // The last are taken first.
  for (size_t slot = taken.size(); slot-- > 0;) {
    if (!taken[slot]) free_slots_[slot < file_->n_blocks() ? 0 : 1].push_back(slot);
  }
  return {};
}

// Whether it is there, and is a whole block, which others may stand behind.
bool PrefixCache::is_block(Id id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() && found->second->first.tokens.size() == kBlockPositions;
}

// Of the blocks behind `parent` the one that has most in common with the tokens, or end.
PrefixCache::Pieces::const_iterator PrefixCache::nearest(Id parent,
                                                         std::span<const text::Token> tokens,
                                                         size_t& common) const {
  const auto behind = pieces_.lower_bound(Wanted{parent, tokens});
  auto best = pieces_.end();
  common = 0;
  const auto consider = [&](Pieces::const_iterator piece) {
    if (piece->first.parent != parent) return;
    const size_t n = common_prefix(piece->first.tokens, tokens);
    if (n <= common) return;
    common = n;
    best = piece;
  };
  if (behind != pieces_.end()) consider(behind);
  if (behind != pieces_.begin()) consider(std::prev(behind));
  return best;
}

PrefixCache::Match PrefixCache::find(std::span<const text::Token> tokens) const {
  Match match;
  Id parent = 0;
  while (match.tokens < tokens.size()) {
    const auto rest = tokens.subspan(match.tokens);
    size_t common = 0;
    const auto piece = nearest(parent, rest.first(std::min(rest.size(), kBlockPositions)), common);
    if (common == 0) break;
    match.blocks.push_back(piece->second.id);
    match.tokens += common;
    if (common < kBlockPositions) break;
    parent = piece->second.id;
    const auto states = pieces_.find(Wanted{parent, {}});
    if (states == pieces_.end()) continue;
    match.states = states->second.id;
    match.states_tokens = match.tokens;
  }
  return match;
}

void PrefixCache::touch(std::span<const Id> blocks, Id states) {
  ++uses_;
  for (const Id id : blocks) touch(id);
  if (states != 0) touch(states);
}

void PrefixCache::touch(Id id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  Piece& piece = found->second->second;
  const bool in_memory = in_memory_.erase(place_of(piece)) != 0;
  const bool stored = piece.slot != kNoSlot && on_disk(piece.slot).erase(place_of(piece)) != 0;
  piece.used = uses_;
  if (in_memory) in_memory_.insert(place_of(piece));
  if (!stored) return;
  on_disk(piece.slot).insert(place_of(piece));
  used_.insert(id);
}

Bytes PrefixCache::bytes(Id id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return {};
  const Pieces::iterator at = found->second;
  Piece& piece = at->second;
  if (piece.data.size() != 0) return {piece.data.data(), piece.data.size()};
  auto data = Buffer<std::byte>::untouched(bytes_of(at->first));
  if (!file_->read(piece.slot, {data.data(), data.size()})) {
    drop_slot(at);
    drop_if_lost(at);
    return {};
  }
  if (!make_room(data.size(), piece.used)) {
    lent_ = std::move(data);
    return {lent_.data(), lent_.size()};
  }
  piece.data = std::move(data);
  bytes_in_memory_ += piece.data.size();
  in_memory_.insert(place_of(piece));
  return {piece.data.data(), piece.data.size()};
}

PrefixCache::Added PrefixCache::add(Id parent, std::span<const text::Token> tokens) {
  const size_t bytes = tokens.empty() ? sizes_.states : sizes_.block;
  if (bytes == 0 || !make_room(bytes, uses_)) return {};
  // A shorter block that this one begins with says nothing more.
  size_t common = 0;
  const auto shorter = nearest(parent, tokens, common);
  if (shorter != pieces_.end() && common == shorter->first.tokens.size()) {
    const Pieces::iterator piece = by_id_.at(shorter->second.id);
    if (piece->second.data.size() != 0) drop_data(piece);
    if (piece->second.slot != kNoSlot) drop_slot(piece);
    drop_if_lost(piece);
  }
  const auto [piece, is_new] =
      pieces_.try_emplace({parent, std::vector(tokens.begin(), tokens.end())});
  if (!is_new) return {};
  piece->second.id = ++last_id_;
  piece->second.used = uses_;
  piece->second.data = Buffer<std::byte>::untouched(bytes);
  by_id_.emplace(last_id_, piece);
  in_memory_.insert(place_of(piece->second));
  bytes_in_memory_ += bytes;
  if (file_ && file_problem_.empty()) unwritten_.insert(last_id_);
  return {last_id_, {piece->second.data.data(), bytes}};
}

bool PrefixCache::make_room(size_t bytes, uint64_t used) {
  if (bytes > max_bytes_) return false;
  while (bytes_in_memory_ > max_bytes_ - bytes) {
    const auto [last_used, id] = *in_memory_.begin();
    if (last_used >= used) return false;
    const Pieces::iterator piece = by_id_.at(UINT64_MAX - id);
    drop_data(piece);
    drop_if_lost(piece);
  }
  return true;
}

void PrefixCache::drop_data(Pieces::iterator piece) {
  Piece& dropped = piece->second;
  if (writing_.id == dropped.id) {  // its slot has lost what it held before
    free_slots_[writing_.slot < file_->n_blocks() ? 0 : 1].push_back(writing_.slot);
    writing_ = {};
  }
  in_memory_.erase(place_of(dropped));
  unwritten_.erase(dropped.id);
  bytes_in_memory_ -= dropped.data.size();
  dropped.data = {};
}

// The record may stay: it tells of bytes that are still there, or fail their checksum.
void PrefixCache::drop_slot(Pieces::iterator piece) {
  Piece& dropped = piece->second;
  on_disk(dropped.slot).erase(place_of(dropped));
  free_slots_[dropped.slot < file_->n_blocks() ? 0 : 1].push_back(dropped.slot);
  bytes_on_disk_ -= file_->slot_bytes(dropped.slot);
  used_.erase(dropped.id);
  dropped.slot = kNoSlot;
}

void PrefixCache::drop_if_lost(Pieces::iterator piece) {
  if (piece->second.data.size() != 0 || piece->second.slot != kNoSlot) return;
  by_id_.erase(piece->second.id);
  pieces_.erase(piece);
}

bool PrefixCache::write_some(double seconds) {
  if (!file_ || !file_problem_.empty()) return false;
  const double until = os::monotonic_seconds() + seconds;
  do {
    const bool writes = writing_.id != 0 || begin_writing();
    const Result<void> written = writes ? write_piece() : write_uses(until);
    if (!written) {
      stop_writing(written.error());
      return false;
    }
    if (!writes) break;
  } while (os::monotonic_seconds() < until);
  return writing_.id != 0 || !unwritten_.empty() || !used_.empty();
}

// Chooses the next one to be written, and a slot for it. Parents come first.
bool PrefixCache::begin_writing() {
  while (!unwritten_.empty()) {
    const Id id = *unwritten_.begin();
    unwritten_.erase(unwritten_.begin());
    const Pieces::iterator piece = by_id_.at(id);
    const auto parent = by_id_.find(piece->first.parent);
    const bool reachable = piece->first.parent == 0 ||
                           (parent != by_id_.end() && parent->second->second.slot != kNoSlot);
    size_t slot = kNoSlot;
    if (!reachable || !take_slot(piece, slot)) continue;
    writing_ = {id, slot, 0, {}};
    return true;
  }
  return false;
}

// A free slot, or that of what was used longest ago, if that is longer ago than this one was.
bool PrefixCache::take_slot(const Pieces::iterator& piece, size_t& slot) {
  const size_t kind = piece->first.tokens.empty() ? 1 : 0;
  if (free_slots_[kind].empty()) {
    if (on_disk_[kind].empty()) return false;
    const auto [used, id] = *on_disk_[kind].begin();
    if (used >= piece->second.used) return false;
    const Pieces::iterator victim = by_id_.at(UINT64_MAX - id);
    drop_slot(victim);
    drop_if_lost(victim);
  }
  slot = free_slots_[kind].back();
  free_slots_[kind].pop_back();
  return true;
}

Result<void> PrefixCache::write_piece() {
  const Pieces::iterator at = by_id_.at(writing_.id);
  Piece& piece = at->second;
  if (writing_.at == 0) HEARTH_CHECK(file_->wipe(writing_.slot));
  const Bytes left = Bytes(piece.data.data(), piece.data.size()).subspan(writing_.at);
  const Bytes some = left.first(std::min(left.size(), kWriteBytes));
  HEARTH_CHECK(file_->write(writing_.slot, writing_.at, some));
  writing_.sum.add(some);
  writing_.at += some.size();
  if (some.size() < left.size()) return {};
  HEARTH_CHECK(file_->write_record(writing_.slot,
                                   {piece.id, at->first.parent, piece.used, at->first.tokens},
                                   writing_.sum.value()));
  piece.slot = writing_.slot;
  on_disk(piece.slot).insert(place_of(piece));
  bytes_on_disk_ += piece.data.size();
  writing_ = {};
  return {};
}

Result<void> PrefixCache::write_uses(double until) {
  for (bool time = true; time && !used_.empty(); time = os::monotonic_seconds() < until) {
    const Pieces::iterator at = by_id_.at(*used_.begin());
    used_.erase(used_.begin());
    const Piece& piece = at->second;
    HEARTH_CHECK(file_->update_record(piece.slot,
                                      {piece.id, at->first.parent, piece.used, at->first.tokens}));
  }
  return {};
}

// What is in the file can still be read.
void PrefixCache::stop_writing(const Error& error) {
  file_problem_ = error.message;
  writing_ = {};
  unwritten_.clear();
  used_.clear();
}

}  // namespace hearth::engine
