#include "base/bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <string>

namespace hearth {
namespace {

constexpr uint64_t kMax = UINT64_MAX;
__extension__ using Wide = unsigned __int128;

// Numbers where arithmetic goes wrong: around 0, 2^31, 2^32, 2^63 and 2^64.
rc::Gen<uint64_t> edgy() {
  const auto edge =
      rc::gen::element<uint64_t>(0, 1ull << 16, 1ull << 31, 1ull << 32, 1ull << 63, kMax);
  const auto near = rc::gen::map(rc::gen::pair(edge, rc::gen::inRange<int64_t>(-3, 4)),
                                 [](auto p) { return p.first + static_cast<uint64_t>(p.second); });
  return rc::gen::oneOf(near, rc::gen::arbitrary<uint64_t>());
}

template <class T>
std::optional<uint64_t> narrowed(T wide) {
  if (wide > kMax) return std::nullopt;
  return static_cast<uint64_t>(wide);
}

TEST(CheckedArithmetic, AgreesWithWiderArithmetic) {
  EXPECT_TRUE(rc::check([] {
    const Wide a = *edgy();
    const Wide b = *edgy();
    const auto low = static_cast<uint64_t>(a);
    const auto high = static_cast<uint64_t>(b);
    RC_ASSERT(checked_add(low, high) == narrowed(a + b));
    RC_ASSERT(checked_mul(low, high) == narrowed(a * b));
    const uint64_t alignment = uint64_t{1} << *rc::gen::inRange(0, 64);
    const Wide aligned = (a + alignment - 1) / alignment * alignment;
    RC_ASSERT(checked_align(low, alignment) == narrowed(aligned));
  }));
}

TEST(CheckedArithmetic, AtTheVeryEdge) {
  EXPECT_EQ(checked_add(kMax, 0), kMax);
  EXPECT_EQ(checked_add(0, kMax), kMax);
  EXPECT_EQ(checked_add(kMax, 1), std::nullopt);
  EXPECT_EQ(checked_add(1ull << 63, 1ull << 63), std::nullopt);
  EXPECT_EQ(checked_mul(0, kMax), 0u);
  EXPECT_EQ(checked_mul(kMax, 0), 0u);
  EXPECT_EQ(checked_mul(kMax, 1), kMax);
  EXPECT_EQ(checked_mul(1ull << 32, 1ull << 32), std::nullopt);
  EXPECT_EQ(checked_mul(UINT32_MAX, (1ull << 32) + 1), kMax);
  EXPECT_EQ(checked_align(0, 32), 0u);
  EXPECT_EQ(checked_align(1, 32), 32u);
  EXPECT_EQ(checked_align(32, 32), 32u);
  EXPECT_EQ(checked_align(kMax - 31, 32), kMax - 31);
  EXPECT_EQ(checked_align(kMax - 30, 32), std::nullopt);
  EXPECT_EQ(checked_align(kMax, 1), kMax);
}

TEST(ByteReader, ReadsLittleEndianWithoutAlignment) {
  const std::string bytes("\xFF\x01\x02\x03\x04\x05\x06\x07\x08", 9);
  ByteReader reader(as_bytes(bytes));
  EXPECT_EQ(reader.read<uint8_t>(), 0xFF);
  EXPECT_EQ(reader.read<uint32_t>(), 0x04030201u);
  EXPECT_EQ(reader.read<uint16_t>(), 0x0605u);
  EXPECT_EQ(reader.remaining(), 2u);
}

TEST(ByteReader, NeverReadsPastTheEnd) {
  const std::array<std::byte, 8> bytes{};
  for (uint64_t at = 0; at <= 12; ++at) {
    const uint64_t left = at <= 8 ? 8 - at : 0;
    EXPECT_EQ(ByteReader(bytes, at).remaining(), left);
    EXPECT_EQ(ByteReader(bytes, at).read<uint8_t>().has_value(), left >= 1) << at;
    EXPECT_EQ(ByteReader(bytes, at).read<uint16_t>().has_value(), left >= 2) << at;
    EXPECT_EQ(ByteReader(bytes, at).read<uint32_t>().has_value(), left >= 4) << at;
    EXPECT_EQ(ByteReader(bytes, at).read<uint64_t>().has_value(), left >= 8) << at;
    EXPECT_EQ(ByteReader(bytes, at).take(0).has_value(), at <= 8) << at;
    EXPECT_EQ(ByteReader(bytes, at).take(1).has_value(), left >= 1) << at;
    for (const uint64_t huge : {kMax, kMax - at, 0 - at - (at == 0), uint64_t{1} << 63}) {
      EXPECT_FALSE(ByteReader(bytes, at).take(huge)) << at;
    }
  }
  for (const uint64_t at : {kMax, kMax - 7, uint64_t{1} << 63}) {
    EXPECT_EQ(ByteReader(bytes, at).remaining(), 0u);
    EXPECT_FALSE(ByteReader(bytes, at).read<uint8_t>());
    EXPECT_FALSE(ByteReader(bytes, at).take(0));
    EXPECT_FALSE(ByteReader(bytes, at).take(kMax));
  }
}

TEST(ByteReader, AFailedReadDoesNotMove) {
  const std::array<std::byte, 3> bytes{};
  ByteReader reader(bytes);
  EXPECT_FALSE(reader.read<uint32_t>());
  EXPECT_FALSE(reader.take(4));
  EXPECT_FALSE(reader.take(kMax));
  EXPECT_EQ(reader.at(), 0u);
  EXPECT_TRUE(reader.take(3));
  EXPECT_EQ(reader.at(), 3u);
  EXPECT_FALSE(reader.read<uint8_t>());
}

TEST(ByteReader, TakesExactlyWhatWasAskedFor) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    ByteReader reader(as_bytes(text));
    std::string joined;
    while (reader.remaining() != 0) {
      const auto wanted = *rc::gen::inRange<uint64_t>(1, text.size() + 3);
      const uint64_t before = reader.remaining();
      const auto taken = reader.take(wanted);
      RC_ASSERT(taken.has_value() == (wanted <= before));
      if (taken) joined += as_text(*taken);
      if (!taken) joined += as_text(*reader.take(before));
    }
    RC_ASSERT(joined == text);
  }));
}

TEST(ByteReader, AnEmptyRangeHoldsNothing) {
  ByteReader reader{Bytes{}};
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_FALSE(reader.read<uint8_t>());
  EXPECT_TRUE(reader.take(0));
}

}  // namespace
}  // namespace hearth
