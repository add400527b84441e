#include "engine/prefix_cache.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.h"
#include "engine/test_files.h"

namespace hearth::engine {
namespace {

using Tokens = std::vector<text::Token>;
constexpr size_t kBlock = 200;   // bytes
constexpr size_t kStates = 100;  // bytes
const PrefixFile::Shape kShape{kBlock, kStates, "test"};

// What a block holds is made from all tokens up to its end.
std::byte mark_of(std::span<const text::Token> text) {
  return static_cast<std::byte>(checksum(std::as_bytes(text)));
}

// As PrefixReuse::keep() does it. Says how many tokens are there now.
size_t keep(PrefixCache& cache, const Tokens& text, bool with_states = false) {
  const auto match = cache.find(text);
  const size_t whole = match.tokens / kBlockPositions;
  auto chain = match.blocks;
  chain.resize(match.tokens == text.size() ? chain.size() : whole);
  cache.touch(chain, match.states);
  if (match.tokens == text.size()) return text.size();
  const std::span<const text::Token> all(text);
  size_t kept = whole * kBlockPositions;
  while (kept < text.size()) {
    const size_t count = std::min(kBlockPositions, text.size() - kept);
    const auto added = cache.add(chain.empty() ? 0 : chain.back(), all.subspan(kept, count));
    if (added.id == 0) return kept;
    EXPECT_EQ(added.bytes.size(), kBlock);
    kept += count;
    std::memset(added.bytes.data(), static_cast<int>(mark_of(all.first(kept))), kBlock);
    chain.push_back(added.id);
  }
  if (!with_states || kept % kBlockPositions != 0) return kept;
  const auto added = cache.add(chain.back(), {});
  if (added.id != 0) std::memset(added.bytes.data(), 7, kStates);
  return kept;
}

// How many tokens of a text are known, having looked at their bytes.
size_t known(PrefixCache& cache, const Tokens& text) {
  const auto match = cache.find(text);
  cache.touch(match.blocks, match.states);
  for (size_t i = 0; i < match.blocks.size(); ++i) {
    const Bytes bytes = cache.bytes(match.blocks[i]);
    if (bytes.empty()) return i * kBlockPositions;
    EXPECT_EQ(bytes.size(), kBlock);
    EXPECT_EQ(std::count(bytes.begin(), bytes.end(), bytes[0]), kBlock);
    const size_t end = (i + 1) * kBlockPositions;
    if (end > match.tokens) continue;
    EXPECT_EQ(bytes[0], mark_of(std::span(text).first(end)));
  }
  return match.tokens;
}

Tokens text_of(uint64_t seed, size_t tokens) {
  Rng rng(seed);
  Tokens text(tokens);
  for (text::Token& token : text) token = static_cast<text::Token>(rng.below(1000));
  return text;
}

Tokens first(const Tokens& text, size_t length) {
  return {text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length)};
}

Tokens operator+(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

PrefixCache with_file(int fd, uint64_t memory, size_t blocks, size_t states = 4) {
  PrefixCache cache({kBlock, kStates}, memory);
  const uint64_t bytes = 4096 + 2 * 1024 * std::max(blocks, states);
  auto file = PrefixFile::open(fd, bytes, kShape);
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  EXPECT_TRUE(cache.attach(*std::move(file)));
  return cache;
}

TEST(PrefixCacheTest, FindsTheLongestCommonBeginning) {
  PrefixCache cache({kBlock, 0}, 1 << 20);
  const Tokens a = text_of(1, 300);
  EXPECT_EQ(known(cache, a), 0u);
  EXPECT_EQ(keep(cache, a), 300u);
  EXPECT_EQ(known(cache, a), 300u);
  EXPECT_EQ(known(cache, a + a), 300u);
  EXPECT_EQ(known(cache, {}), 0u);
  for (const size_t length : {1u, 63u, 64u, 65u, 130u, 256u, 299u}) {
    const Tokens beginning = first(a, length);
    EXPECT_EQ(known(cache, beginning), length);
    EXPECT_EQ(known(cache, beginning + text_of(2, 100)), length);
  }
}

TEST(PrefixCacheTest, CommonBlocksAreKeptOnce) {
  PrefixCache cache({kBlock, 0}, 1 << 20);
  const Tokens system = text_of(1, 640);
  for (uint64_t i = 0; i < 20; ++i) keep(cache, system + text_of(10 + i, 70));
  EXPECT_EQ(cache.bytes_in_memory(), (10 + 20 * 2) * kBlock);
  keep(cache, system);
  EXPECT_EQ(cache.bytes_in_memory(), (10 + 20 * 2) * kBlock);
}

TEST(PrefixCacheTest, AGrowingTextKeepsNoShorterEnds) {
  PrefixCache cache({kBlock, 0}, 1 << 20);
  const Tokens text = text_of(1, 128);
  for (size_t n = 1; n <= text.size(); ++n) {
    keep(cache, first(text, n));
    EXPECT_EQ(cache.bytes_in_memory(), (n + 63) / 64 * kBlock);
  }
}

TEST(PrefixCacheTest, WhatWasUsedLongestAgoGoesFirstFromItsEnd) {
  PrefixCache cache({kBlock, 0}, 10 * kBlock);
  const Tokens a = text_of(1, 256), b = text_of(2, 256), c = text_of(3, 256);
  keep(cache, a);
  keep(cache, b);
  EXPECT_EQ(known(cache, a), 256u);
  keep(cache, c);  // ten blocks have room: two of b go
  EXPECT_EQ(known(cache, c), 256u);
  EXPECT_EQ(known(cache, a), 256u);
  EXPECT_EQ(known(cache, b), 128u);
  EXPECT_LE(cache.bytes_in_memory(), 10 * kBlock);
  EXPECT_EQ(keep(cache, text_of(4, 2000)), 640u) << "the beginning of what is too long";
  PrefixCache none({kBlock, 0}, kBlock - 1);
  EXPECT_EQ(keep(none, a), 0u);
  EXPECT_EQ(none.bytes_in_memory(), 0u);
}

TEST(PrefixCacheTest, StatesBelongToTheirPlace) {
  PrefixCache cache({kBlock, kStates}, 1 << 20);
  const Tokens a = text_of(1, 128);
  keep(cache, a, true);
  const Tokens longer = a + text_of(2, 100);
  keep(cache, longer);
  const auto match = cache.find(longer);
  EXPECT_EQ(match.tokens, 228u);
  EXPECT_EQ(match.states_tokens, 128u);
  EXPECT_EQ(cache.bytes(match.states).size(), kStates);
  EXPECT_EQ(cache.find(first(a, 127)).states, 0u);
}

TEST(PrefixCacheTest, AFileGoesOnWhereItEnded) {
  OpenableFile file;
  const Tokens a = text_of(1, 256), b = text_of(2, 150);
  {
    PrefixCache cache = with_file(file.open(), 1 << 20, 20);
    keep(cache, a, true);
    keep(cache, b);
    while (cache.write_some(0)) {
    }
    EXPECT_EQ(cache.bytes_on_disk(), 7 * kBlock + kStates);
  }
  PrefixCache cache = with_file(file.open(), 2 * kBlock, 20);
  EXPECT_EQ(cache.bytes_in_memory(), 0u);
  EXPECT_EQ(known(cache, b), 150u);
  EXPECT_EQ(known(cache, a), 256u);
  EXPECT_EQ(cache.find(a).states_tokens, 256u);
  EXPECT_LE(cache.bytes_in_memory(), 2 * kBlock);
}

TEST(PrefixCacheTest, InAFullFileTheNewestStays) {
  OpenableFile file;
  const Tokens a = text_of(1, 256), b = text_of(2, 256), c = text_of(3, 256);
  {
    PrefixCache cache = with_file(file.open(), 1 << 20, 10);
    for (const Tokens& text : {a, b}) {
      keep(cache, text);
      while (cache.write_some(0)) {
      }
    }
    EXPECT_EQ(known(cache, a), 256u);  // so b goes
    keep(cache, c);
    while (cache.write_some(0)) {
    }
    EXPECT_EQ(cache.bytes_on_disk(), 10 * kBlock);
  }
  {
    PrefixCache cache = with_file(file.open(), 1 << 20, 10);
    EXPECT_EQ(known(cache, c), 256u);
    EXPECT_EQ(known(cache, a), 256u);
    EXPECT_EQ(known(cache, b), 128u);
    while (cache.write_some(0)) {
    }
  }
  PrefixCache cache = with_file(file.open(), 1 << 20, 10);
  keep(cache, text_of(4, 128));
  while (cache.write_some(0)) {
  }
  EXPECT_EQ(known(cache, c), 128u) << "uses outlive the process: c's was the longest ago";
  EXPECT_EQ(known(cache, a), 256u);
}

TEST(PrefixCacheTest, ADiskThatFailsEndsWritingOnly) {
  OpenableFile file;
  const int fd = file.open();
  PrefixCache cache = with_file(fd, 1 << 20, 20);
  const Tokens a = text_of(1, 256), b = text_of(2, 256);
  keep(cache, a);
  while (cache.write_some(0)) {
  }
  {
    const FullDisk full(fd);
    keep(cache, b);
    EXPECT_FALSE(cache.write_some(0));
    EXPECT_NE(cache.file_problem().find("space"), std::string::npos) << cache.file_problem();
  }
  EXPECT_EQ(known(cache, a), 256u);
  EXPECT_EQ(known(cache, b), 256u);
  EXPECT_EQ(keep(cache, text_of(3, 100)), 100u);
  EXPECT_FALSE(cache.write_some(0));
  EXPECT_EQ(cache.bytes_on_disk(), 4 * kBlock);
}

TEST(PrefixCacheTest, LostSlotsAreNotFoundAgain) {
  OpenableFile file;
  const Tokens a = text_of(1, 256);
  {
    PrefixCache cache = with_file(file.open(), 1 << 20, 20);
    keep(cache, a);
    while (cache.write_some(0)) {
    }
  }
  auto bytes = file.content();
  bytes[bytes.size() - 2 * 512 - 100] ^= std::byte{1};  // of the second of four
  file.replace(bytes);
  PrefixCache cache = with_file(file.open(), 1 << 20, 20);
  EXPECT_EQ(cache.find(a).tokens, 256u);
  EXPECT_EQ(known(cache, a), 64u);
  EXPECT_EQ(cache.find(a).tokens, 64u);
  EXPECT_EQ(keep(cache, a), 256u);
  EXPECT_EQ(known(cache, a), 256u);
}

// Many texts that begin alike, little memory and a small file, now and then a new process and now
// and then with wrong bits: what is found is always right, and the bounds hold.
TEST(PrefixCacheTest, WhateverHappensWhatIsFoundIsRight) {
  Rng rng(5);
  OpenableFile file;
  constexpr uint64_t kMemory = 30 * kBlock;
  auto cache = std::make_unique<PrefixCache>(with_file(file.open(), kMemory, 40, 8));
  const auto some_text = [&] {  // a walk down a tree of few branches
    Tokens text;
    for (uint64_t n = 1 + rng.below(8); n > 0; --n)
      text = text + text_of(rng.below(3), 1 + rng.below(2) * 99);
    return text;
  };
  size_t found = 0;
  for (int round = 0; round < 3000; ++round) {
    const Tokens text = some_text();
    found += known(*cache, text);
    const size_t kept = keep(*cache, text, rng.below(2) == 0);
    EXPECT_GE(known(*cache, text), std::min(kept, cache->find(text).tokens));
    EXPECT_LE(cache->bytes_in_memory(), kMemory);
    EXPECT_LE(cache->bytes_on_disk(), 40 * (kBlock + kStates));
    for (uint64_t n = rng.below(6); n > 0; --n) cache->write_some(0);
    if (rng.below(50) != 0) continue;
    cache.reset();
    if (rng.below(3) == 0) {
      auto bytes = file.content();
      for (int i = 0; i < 20; ++i)
        bytes[4096 + rng.below(bytes.size() - 4096)] ^= static_cast<std::byte>(1 + rng.below(255));
      file.replace(bytes);
    }
    cache = std::make_unique<PrefixCache>(with_file(file.open(), kMemory, 40, 8));
  }
  EXPECT_GT(found, 100'000u);
  EXPECT_EQ(cache->file_problem(), "");
}

}  // namespace
}  // namespace hearth::engine
