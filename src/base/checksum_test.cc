#include "base/checksum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/rng.h"

namespace hearth {
namespace {

std::vector<std::byte> some_bytes(size_t count) {
  Rng rng(1);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(rng.below(256));
  return bytes;
}

TEST(ChecksumTest, DoesNotDependOnPieces) {
  const auto bytes = some_bytes(1000);
  const uint64_t want = checksum(bytes);
  for (const size_t piece : {32u, 64u, 320u}) {
    Checksum sum;
    for (size_t at = 0; at < bytes.size(); at += piece)
      sum.add(Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    EXPECT_EQ(sum.value(), want);
  }
  EXPECT_NE(checksum(Bytes(bytes).first(999)), want);
  const std::vector<std::byte> zeros(64);
  EXPECT_NE(checksum(Bytes(zeros).first(63)), checksum(zeros)) << "length counts";
}

TEST(ChecksumTest, ASingleBitOrSwapShows) {
  auto bytes = some_bytes(300);
  std::set<uint64_t> seen{checksum(bytes)};
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_TRUE(seen.insert(checksum(bytes)).second) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
  }
  for (const size_t apart : {1u, 8u, 32u, 64u}) {
    std::swap(bytes[100], bytes[100 + apart]);
    EXPECT_TRUE(seen.insert(checksum(bytes)).second) << apart;
    std::swap(bytes[100], bytes[100 + apart]);
  }
}

}  // namespace
}  // namespace hearth
