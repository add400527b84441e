#include "engine/prefix_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/units.h"
#include "os/file_at.h"

namespace hearth::engine {
namespace {

constexpr char kMagic[8] = {'h', 'e', 'a', 'r', 't', 'h', 'K', 'V'};
constexpr uint32_t kVersion = 1;
constexpr std::string_view kName = "the prefix cache's file";
constexpr size_t kHeaderBytes = 4096;
constexpr size_t kRecordBytes = 512;  // a sector: disks write it whole or not at all
constexpr size_t kMaxSlots = 1 << 17;
constexpr uint64_t kMaxNumber = uint64_t{1} << 62;  // ids and uses beyond it were never given
constexpr size_t kReadBytes = 128 * kRecordBytes;

// Puts values into bytes one behind the other.
class Packer {
 public:
  explicit Packer(std::span<std::byte> out) : out_(out) {}
  template <class T>
  void add(T value) {
    std::memcpy(out_.data() + at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void add_bytes(Bytes bytes) {
    std::copy(bytes.begin(), bytes.end(), out_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += bytes.size();
  }
  // The checksum of all before, as the last 8 bytes.
  void finish() {
    at_ = out_.size() - 8;
    add(checksum(out_.first(at_)));
  }

 private:
  std::span<std::byte> out_;
  size_t at_ = 0;
};

// Rounded up, so that slots begin with a sector.
uint64_t padded(uint64_t bytes) { return (bytes + kRecordBytes - 1) / kRecordBytes * kRecordBytes; }

struct Parsed {
  PrefixRecord record;
  uint64_t sum = 0;
};

// None for one that is empty, torn or of no sense.
std::optional<Parsed> parse_record(Bytes bytes, bool of_block) {
  Parsed parsed;
  PrefixRecord& record = parsed.record;
  record.id = load_unaligned<uint64_t>(bytes.data());
  record.parent = load_unaligned<uint64_t>(bytes.data() + 8);
  record.used = load_unaligned<uint64_t>(bytes.data() + 16);
  parsed.sum = load_unaligned<uint64_t>(bytes.data() + 24);
  const auto count = load_unaligned<uint64_t>(bytes.data() + 32);
  const auto own_sum = load_unaligned<uint64_t>(bytes.data() + kRecordBytes - 8);
  if (record.id == 0 || own_sum != checksum(bytes.first(kRecordBytes - 8))) return std::nullopt;
  if (record.id >= kMaxNumber || record.parent >= record.id || record.used >= kMaxNumber)
    return std::nullopt;
  if (of_block ? count == 0 || count > kBlockPositions : count != 0 || record.parent == 0)
    return std::nullopt;
  for (size_t i = 0; i < count; ++i)
    record.tokens.push_back(load_unaligned<text::Token>(bytes.data() + 40 + 4 * i));
  return parsed;
}

}  // namespace

Result<std::unique_ptr<PrefixFile>> PrefixFile::open(int fd, uint64_t max_bytes,
                                                     const Shape& shape) {
  HEARTH_TRY([[maybe_unused]] const uint64_t bytes, os::file_bytes(fd, kName));
  HEARTH_TRY(const bool ours, os::try_lock_file(fd, kName));
  if (!ours) return fail(ErrorCode::io, kName, " is used by another process");
  auto file = std::unique_ptr<PrefixFile>(new PrefixFile(fd, shape));
  HEARTH_CHECK(file->fit_into(max_bytes));
  HEARTH_CHECK(file->check_header());
  return file;
}

PrefixFile::~PrefixFile() { os::unlock_file(fd_); }

// States share the file with blocks by halves.
Result<void> PrefixFile::fit_into(uint64_t max_bytes) {
  const auto fitting = [](uint64_t bytes, uint64_t slot) {
    return static_cast<size_t>(
        std::min<uint64_t>(bytes / (kRecordBytes + padded(slot)), kMaxSlots));
  };
  const uint64_t room = max_bytes > kHeaderBytes ? max_bytes - kHeaderBytes : 0;
  if (shape_.state_bytes != 0) n_states_ = fitting(room / 2, shape_.state_bytes);
  if (shape_.block_bytes != 0)
    n_blocks_ = fitting(shape_.state_bytes != 0 ? room / 2 : room, shape_.block_bytes);
  if (n_blocks_ == 0 || (n_states_ == 0 && shape_.state_bytes != 0)) {
    return fail(ErrorCode::too_large, kName, " may have ", human_bytes(max_bytes), ", but ",
                kBlockPositions, " tokens of this model take ",
                human_bytes(std::max(shape_.block_bytes, shape_.state_bytes)));
  }
  sums_.resize(n_blocks_ + n_states_);
  return {};
}

// A file that is not exactly ours becomes an empty one that is.
Result<void> PrefixFile::check_header() {
  std::array<std::byte, kHeaderBytes> ours{};
  Packer packer(ours);
  packer.add_bytes(std::as_bytes(std::span(kMagic)));
  packer.add(kVersion);
  packer.add(static_cast<uint32_t>(kBlockPositions));
  for (const uint64_t number : {uint64_t{n_blocks_}, uint64_t{shape_.block_bytes},
                                uint64_t{n_states_}, uint64_t{shape_.state_bytes}})
    packer.add(number);
  const std::string_view identity = shape_.identity;
  if (identity.size() > kHeaderBytes - 64)
    return fail(ErrorCode::internal, "an identity of ", identity.size(), " bytes is too long");
  packer.add(static_cast<uint64_t>(identity.size()));
  packer.add_bytes(as_bytes(identity));
  packer.finish();
  std::array<std::byte, kHeaderBytes> theirs;
  if (os::read_at(fd_, 0, theirs, kName) && theirs == ours) return {};
  HEARTH_CHECK(os::set_file_bytes(fd_, 0, kName));
  return os::write_at(fd_, 0, ours, kName);
}

uint64_t PrefixFile::record_at(size_t slot) const {
  return kHeaderBytes + uint64_t{slot} * kRecordBytes;
}

uint64_t PrefixFile::data_at(size_t slot) const {
  const size_t blocks = std::min(slot, n_blocks_);
  return record_at(n_blocks_ + n_states_) + blocks * padded(shape_.block_bytes) +
         (slot - blocks) * padded(shape_.state_bytes);
}

Result<std::vector<PrefixFile::Stored>> PrefixFile::records() {
  std::vector<Stored> all;
  HEARTH_TRY(const uint64_t bytes, os::file_bytes(fd_, kName));
  const uint64_t end = std::min(bytes, record_at(sums_.size()));
  std::vector<std::byte> buffer(kReadBytes);
  for (size_t slot = 0; record_at(slot) < end;) {
    const uint64_t whole = (end - record_at(slot)) / kRecordBytes * kRecordBytes;
    const auto piece = std::span(buffer).first(std::min<uint64_t>(kReadBytes, whole));
    if (piece.empty()) break;
    HEARTH_CHECK(os::read_at(fd_, record_at(slot), piece, kName));
    for (size_t at = 0; at < piece.size(); at += kRecordBytes, ++slot) {
      auto parsed = parse_record(piece.subspan(at, kRecordBytes), slot < n_blocks_);
      if (!parsed) continue;
      sums_[slot] = parsed->sum;
      all.push_back({std::move(parsed->record), slot});
    }
  }
  return all;
}

Result<void> PrefixFile::read(size_t slot, std::span<std::byte> out) const {
  HEARTH_CHECK(os::read_at(fd_, data_at(slot), out, kName));
  if (checksum(out) == sums_[slot]) return {};
  return fail(ErrorCode::bad_file, kName, ": slot ", slot, " is not what was written");
}

Result<void> PrefixFile::wipe(size_t slot) {
  const std::array<std::byte, kRecordBytes> nothing{};
  return os::write_at(fd_, record_at(slot), nothing, kName);
}

Result<void> PrefixFile::write(size_t slot, size_t at, Bytes bytes) {
  return os::write_at(fd_, data_at(slot) + at, bytes, kName);
}

Result<void> PrefixFile::write_record(size_t slot, const PrefixRecord& record, uint64_t sum) {
  sums_[slot] = sum;
  std::array<std::byte, kRecordBytes> bytes{};
  Packer packer(bytes);
  for (const uint64_t number :
       {record.id, record.parent, record.used, sum, uint64_t{record.tokens.size()}})
    packer.add(number);
  packer.add_bytes(std::as_bytes(std::span(record.tokens)));
  packer.finish();
  return os::write_at(fd_, record_at(slot), bytes, kName);
}

}  // namespace hearth::engine
