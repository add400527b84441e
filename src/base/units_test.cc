#include "base/units.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hearth {
namespace {

TEST(Units, Bytes) {
  EXPECT_EQ(human_bytes(0), "0 bytes");
  EXPECT_EQ(human_bytes(999), "999 bytes");
  EXPECT_EQ(human_bytes(1000), "1.0 kB");
  EXPECT_EQ(human_bytes(6'237'248), "6.2 MB");
  EXPECT_EQ(human_bytes(1'400'000'000), "1.4 GB");
  EXPECT_EQ(human_bytes(999'949), "999.9 kB");
  EXPECT_EQ(human_bytes(999'951), "1.0 MB");  // never "1000.0 kB"
  EXPECT_EQ(human_bytes(999'999'999'999), "1.0 TB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "18446744.1 TB");
}

TEST(Units, Counts) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(5'770'496), "5.8 M");
  EXPECT_EQ(human_count(1'235'814'400), "1.2 B");
}

TEST(Units, Durations) {
  EXPECT_EQ(human_duration(0), "0:00");
  EXPECT_EQ(human_duration(7.4), "0:07");
  EXPECT_EQ(human_duration(59.5), "1:00");
  EXPECT_EQ(human_duration(760), "12:40");
  EXPECT_EQ(human_duration(3599.4), "59:59");
  EXPECT_EQ(human_duration(3599.5), "1:00:00");
  EXPECT_EQ(human_duration(11'100), "3:05:00");
  EXPECT_EQ(human_duration(-5), "0:00");
  EXPECT_EQ(human_duration(std::numeric_limits<double>::quiet_NaN()), "0:00");
  EXPECT_EQ(human_duration(std::numeric_limits<double>::infinity()), "100000:00:00");
  EXPECT_EQ(human_duration(-std::numeric_limits<double>::infinity()), "0:00");
  EXPECT_EQ(human_duration(1e300), "100000:00:00");
}

TEST(Units, Fixed) {
  EXPECT_EQ(fixed(3.14159, 2), "3.14");
  EXPECT_EQ(fixed(-0.5, 0), "-0");
  EXPECT_EQ(fixed(2, 3), "2.000");
  EXPECT_EQ(fixed(std::numeric_limits<double>::infinity(), 2), "inf");
  EXPECT_EQ(fixed(std::numeric_limits<double>::max(), 3).size(), 309u + 4);  // not cut short
}

TEST(UnitsTest, ReadsBytesAsPeopleWriteThem) {
  EXPECT_EQ(parse_bytes("3742496"), 3742496u);
  EXPECT_EQ(parse_bytes("3.7M"), 3700000u);
  EXPECT_EQ(parse_bytes("4 GB"), 4000000000u);
  EXPECT_EQ(parse_bytes("4GiB"), uint64_t{4} << 30);
  EXPECT_EQ(parse_bytes("16k"), 16000u);
  EXPECT_EQ(parse_bytes("0"), 0u);
  for (const char* wrong : {"", "B4", "-1", "4 X", "4i", "1e30", "nan", "inf", "4GiBB", "4MM"})
    EXPECT_EQ(parse_bytes(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace hearth
