#include "base/civil_time.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(CivilTimeTest, KnowsMomentsOfTheCalendar) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(rfc3339(951782400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(rfc3339(951868800), "2000-03-01T00:00:00Z");
  EXPECT_EQ(rfc3339(1709251199), "2024-02-29T23:59:59Z");
  EXPECT_EQ(rfc3339(1709251200), "2024-03-01T00:00:00Z");
  EXPECT_EQ(rfc3339(4107542399), "2100-02-28T23:59:59Z");
  EXPECT_EQ(rfc3339(4107542400), "2100-03-01T00:00:00Z");
  EXPECT_EQ(rfc3339(1787366902), "2026-08-22T02:48:22Z");
}

TEST(CivilTimeTest, StaysWithinFourDigitsOfAYear) {
  EXPECT_EQ(rfc3339(INT64_MIN), "0000-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339(-62162208001), "0000-02-27T23:59:59Z");
  EXPECT_EQ(rfc3339(INT64_MAX), "9999-12-31T23:59:59Z");
}

// Every day of 800 years follows the one before it as calendars say.
TEST(CivilTimeTest, DaysFollowEachOther) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  CivilTime before = utc_time(-86400LL * 146097);
  for (int64_t day = 1 - 146097; day < 146097; ++day) {
    const CivilTime now = utc_time(day * 86400);
    const bool leap = before.year % 4 == 0 && (before.year % 100 != 0 || before.year % 400 == 0);
    const int last = before.month == 2 && leap ? 29 : kDays[before.month - 1];
    if (before.day < last) {
      ASSERT_EQ(now.day, before.day + 1) << day;
      ASSERT_EQ(now.month, before.month) << day;
    } else {
      ASSERT_EQ(now.day, 1) << day;
      ASSERT_EQ(now.month, before.month % 12 + 1) << day;
      ASSERT_EQ(now.year, before.year + (before.month == 12 ? 1 : 0)) << day;
    }
    before = now;
  }
}

}  // namespace
}  // namespace hearth
