#include "engine/prefix_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "base/rng.h"
#include "engine/test_files.h"

namespace hearth::engine {
namespace {

const PrefixFile::Shape kShape{100, 40, "the model"};
// A header, and by halves records and slots of 512 bytes each: three blocks, three states.
constexpr uint64_t kBytes = 4096 + 6 * 1024;

std::vector<std::byte> pattern(uint64_t seed, size_t bytes) {
  Rng rng(seed);
  std::vector<std::byte> out(bytes);
  for (std::byte& byte : out) byte = static_cast<std::byte>(rng.below(256));
  return out;
}

PrefixRecord record(uint64_t id, uint64_t parent, size_t tokens) {
  PrefixRecord made{id, parent, 10 + id, {}};
  for (size_t i = 0; i < tokens; ++i) made.tokens.push_back(static_cast<text::Token>(i * 7 + id));
  return made;
}

std::unique_ptr<PrefixFile> open(OpenableFile& file, const PrefixFile::Shape& shape = kShape,
                                 uint64_t bytes = kBytes) {
  auto opened = PrefixFile::open(file.open(), bytes, shape);
  EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
  return *std::move(opened);
}

void write(PrefixFile& file, size_t slot, const PrefixRecord& record) {
  const auto bytes = pattern(record.id, file.slot_bytes(slot));
  ASSERT_TRUE(file.wipe(slot));
  ASSERT_TRUE(file.write(slot, 0, Bytes(bytes).first(32)));
  ASSERT_TRUE(file.write(slot, 32, Bytes(bytes).subspan(32)));
  ASSERT_TRUE(file.write_record(slot, record, checksum(bytes)));
}

const std::map<size_t, PrefixRecord>& written() {
  static const std::map<size_t, PrefixRecord> all = {{0, record(1, 0, kBlockPositions)},
                                                     {2, record(2, 1, 5)},
                                                     {1, record(3, 1, kBlockPositions)},
                                                     {4, record(4, 3, 0)}};
  return all;
}

void fill(OpenableFile& file) {
  const auto opened = open(file);
  ASSERT_EQ(opened->n_blocks(), 3u);
  ASSERT_EQ(opened->n_states(), 3u);
  for (const auto& [slot, record] : written()) write(*opened, slot, record);
}

bool same(const PrefixRecord& a, const PrefixRecord& b) {
  return a.id == b.id && a.parent == b.parent && a.used == b.used && a.tokens == b.tokens;
}

// How many slots a file still has; whatever it gives must be what was written.
size_t checked(OpenableFile& file) {
  const auto opened = PrefixFile::open(file.open(), kBytes, kShape);
  EXPECT_TRUE(opened);
  const auto records = (*opened)->records();
  EXPECT_TRUE(records);
  size_t good = 0;
  for (const auto& [record, slot] : *records) {
    const auto found = written().find(slot);
    EXPECT_TRUE(found != written().end() && same(record, found->second));
    std::vector<std::byte> bytes((*opened)->slot_bytes(slot));
    if (!(*opened)->read(slot, bytes)) continue;
    EXPECT_EQ(bytes, pattern(record.id, bytes.size()));
    ++good;
  }
  return good;
}

TEST(PrefixFileTest, GivesBackWhatWasWritten) {
  OpenableFile file;
  fill(file);
  EXPECT_EQ(checked(file), written().size());
  EXPECT_LE(file.content().size(), kBytes);
}

TEST(PrefixFileTest, ASingleWrongBitCostsOneSlotAtMost) {
  OpenableFile file;
  fill(file);
  const auto whole = file.content();
  for (size_t bit = 0; bit < 8 * whole.size(); bit += bit < 8 * 4096 ? 307 : 5) {
    OpenableFile broken;
    auto bytes = whole;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    broken.replace(bytes);
    const size_t good = checked(broken);
    if (bit < 8 * 4096) {
      EXPECT_EQ(good, 0u) << "a header that is not ours";
    } else {
      EXPECT_GE(good, written().size() - 1) << "bit " << bit;
    }
  }
}

TEST(PrefixFileTest, WhatIsCutOffIsNotThere) {
  OpenableFile file;
  fill(file);
  const auto whole = file.content();
  size_t last = 0;
  for (size_t length = 0; length < whole.size(); length += 37) {
    OpenableFile broken;
    broken.replace({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
    const size_t good = checked(broken);
    EXPECT_GE(good, last);
    last = good;
  }
  EXPECT_GT(last, 0u);
}

TEST(PrefixFileTest, ASlotCountsWhenItIsWhole) {
  OpenableFile file;
  fill(file);
  const auto bytes = pattern(9, kShape.block_bytes);
  {
    const auto opened = open(file);
    ASSERT_TRUE(opened->wipe(1));
    ASSERT_TRUE(opened->write(1, 0, Bytes(bytes).first(64)));
  }
  EXPECT_EQ(checked(file), written().size() - 1);
  {
    const auto opened = open(file);
    ASSERT_TRUE(opened->write_record(1, written().at(1), checksum(pattern(3, 100))));
  }
  EXPECT_EQ(checked(file), written().size() - 1) << "a record without its bytes";
}

TEST(PrefixFileTest, RecordsOfNoSenseAreNone) {
  const auto survives = [](size_t slot, const PrefixRecord& record) {
    OpenableFile file;
    write(*open(file), slot, record);
    return open(file)->records()->size() == 1;
  };
  EXPECT_TRUE(survives(0, record(5, 4, 1)));
  EXPECT_TRUE(survives(3, record(5, 4, 0)));
  EXPECT_FALSE(survives(0, record(0, 0, 1)));
  EXPECT_FALSE(survives(0, record(5, 5, 1))) << "behind itself";
  EXPECT_FALSE(survives(0, record(5, 6, 1)));
  EXPECT_FALSE(survives(0, record(5, 4, 0))) << "states where blocks are";
  EXPECT_FALSE(survives(3, record(5, 4, 1)));
  EXPECT_FALSE(survives(3, record(5, 0, 0))) << "states behind nothing";
  EXPECT_FALSE(survives(0, record(UINT64_MAX, 4, 1))) << "no id could follow";
}

TEST(PrefixFileTest, AnotherModelOrShapeStartsAnew) {
  const PrefixFile::Shape others[] = {{100, 40, "another model"},
                                      {101, 40, "the model"},
                                      {100, 41, "the model"},
                                      {100, 0, "the model"}};
  for (const PrefixFile::Shape& other : others) {
    OpenableFile file;
    fill(file);
    EXPECT_TRUE(open(file, other)->records()->empty());
    EXPECT_EQ(file.content().size(), 4096u);
    EXPECT_EQ(checked(file), 0u);
  }
  OpenableFile file;
  fill(file);
  EXPECT_TRUE(open(file, kShape, 2 * kBytes)->records()->empty());
}

TEST(PrefixFileTest, OnlyOneHasIt) {
  OpenableFile file;
  const auto first = open(file);
  const auto second = PrefixFile::open(file.open(), kBytes, kShape);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another process"), std::string::npos);
}

TEST(PrefixFileTest, WhatCannotBeUsedIsAnError) {
  OpenableFile file;
  EXPECT_EQ(PrefixFile::open(file.open(), 4096, kShape).error().code, ErrorCode::too_large);
  EXPECT_EQ(PrefixFile::open(file.open(), 0, kShape).error().code, ErrorCode::too_large);
  EXPECT_FALSE(PrefixFile::open(-1, kBytes, kShape));
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  for (const int end : ends) {
    EXPECT_FALSE(PrefixFile::open(end, kBytes, kShape));
    ::close(end);
  }
  const int fd = file.open();
  const FullDisk full(fd);
  EXPECT_FALSE(PrefixFile::open(fd, kBytes, kShape));
}

TEST(PrefixFileTest, AFullDiskIsAnErrorOfEachWrite) {
  OpenableFile file;
  const int fd = file.open();
  const auto opened = *PrefixFile::open(fd, kBytes, kShape);
  {
    const FullDisk full(fd);
    EXPECT_FALSE(opened->wipe(0));
    EXPECT_FALSE(opened->write(0, 0, pattern(1, 100)));
    EXPECT_FALSE(opened->write_record(0, record(1, 0, 1), 0));
  }
  write(*opened, 0, record(1, 0, 1));
  EXPECT_EQ(opened->records()->size(), 1u);
}

}  // namespace
}  // namespace hearth::engine
