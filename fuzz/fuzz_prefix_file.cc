// The file of a prefix cache that somebody else has written. The first byte says what is made right
// before it is read: 1 the header, 2 checksums of records, 4 checksums of what they describe.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/checksum.h"
#include "engine/prefix_cache.h"
#include "fuzz.h"

namespace hearth::fuzz {
namespace {

using engine::PrefixCache;
using engine::PrefixFile;

constexpr size_t kHeader = 4096, kRecord = 512, kSlots = 3;  // of blocks, and of states
constexpr size_t kBlock = 100, kStates = 40;
constexpr uint64_t kBytes = kHeader + 2 * kSlots * 2 * kRecord;
constexpr uint64_t kMemory = 4 * kBlock;

std::unique_ptr<PrefixFile> open(int fd) {
  auto file = PrefixFile::open(fd, kBytes, {kBlock, kStates, "fuzz"});
  if (!file) require_message(file.error());
  require(file.has_value(), "whatever a file holds, it can be used");
  require((*file)->n_blocks() == kSlots && (*file)->n_states() == kSlots, "slots by halves");
  return *std::move(file);
}

void put(std::vector<std::byte>& bytes, size_t at, uint64_t number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
}

void make_right(std::vector<std::byte>& bytes, unsigned what) {
  bytes.resize(kBytes - kHeader);
  const Bytes data = Bytes(bytes).subspan(2 * kSlots * kRecord);
  for (size_t slot = 0; slot < 2 * kSlots; ++slot) {
    const size_t at = slot * kRecord;
    const size_t size = slot < kSlots ? kBlock : kStates;
    if ((what & 4) != 0) put(bytes, at + 24, checksum(data.subspan(at, size)));
    if ((what & 2) != 0) put(bytes, at + kRecord - 8, checksum(Bytes(bytes).subspan(at, 504)));
  }
}

// What is found of a text can be had, or is found no more.
void look_up(PrefixCache& cache, const std::vector<text::Token>& text) {
  const auto match = cache.find(text);
  require(match.tokens <= text.size(), "no more is found than was looked for");
  require(match.states_tokens <= match.tokens, "states stand behind tokens that are there");
  cache.touch(match.blocks, match.states);
  for (size_t i = 0; i < match.blocks.size(); ++i) {
    const Bytes bytes = cache.bytes(match.blocks[i]);
    require(bytes.empty() || bytes.size() == kBlock, "a block is whole or lost");
    if (bytes.empty()) {
      const auto again = cache.find(text).blocks;
      require(again.size() <= i || again[i] != match.blocks[i], "what is lost is not found again");
      return;
    }
  }
  if (match.states == 0) return;
  const Bytes states = cache.bytes(match.states);
  require(states.empty() || states.size() == kStates, "states are whole or lost");
}

void use(int fd, const std::vector<std::vector<text::Token>>& texts) {
  PrefixCache cache({kBlock, kStates}, kMemory);
  auto file = open(fd);
  const auto attached = cache.attach(std::move(file));
  require(attached.has_value(), "its records can be read");
  for (const auto& text : texts) {
    look_up(cache, text);
    const auto match = cache.find(text);
    const size_t whole = match.tokens / engine::kBlockPositions;
    if (match.tokens < text.size()) {
      const auto rest = std::span(text).subspan(whole * engine::kBlockPositions);
      cache.touch(std::span(match.blocks).first(whole));
      const auto added = cache.add(whole == 0 ? 0 : match.blocks[whole - 1],
                                   rest.first(std::min(rest.size(), engine::kBlockPositions)));
      std::fill(added.bytes.begin(), added.bytes.end(), std::byte{1});
      if (added.id != 0) look_up(cache, text);
    }
    require(cache.bytes_in_memory() <= kMemory, "memory is bounded");
  }
  while (cache.write_some(0)) {
  }
  require(cache.file_problem().empty(), "writing goes on");
  require(cache.bytes_on_disk() <= kSlots * (kBlock + kStates), "the file is bounded");
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  if (size == 0) return 0;
  const unsigned what = data[0];
  std::vector<std::byte> bytes(size - 1);
  if (size > 1) std::memcpy(bytes.data(), data + 1, size - 1);
  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  off_t at = 0;
  std::vector<std::vector<text::Token>> texts;
  if ((what & 1) != 0) {
    (void)fuzz::open(fd);
    at = fuzz::kHeader;
    fuzz::make_right(bytes, what);
    // The texts of its own records, one behind the other.
    std::vector<text::Token> all;
    for (size_t slot = 0; slot < fuzz::kSlots; ++slot) {
      std::vector<text::Token> text(engine::kBlockPositions);
      std::memcpy(text.data(), bytes.data() + slot * fuzz::kRecord + 40, 4 * text.size());
      all.insert(all.end(), text.begin(), text.end());
      texts.push_back(std::move(text));
    }
    texts.push_back(std::move(all));
  }
  texts.push_back(std::vector<text::Token>(150, 7));
  fuzz::require(::pwrite(fd, bytes.data(), bytes.size(), at) == static_cast<ssize_t>(bytes.size()),
                "there is memory");
  for (int round = 0; round < 2; ++round) fuzz::use(fd, texts);
  ::close(fd);
  return 0;
}
