#include "base/civil_time.h"

#include <algorithm>
#include <cstdio>

namespace hearth {
namespace {

constexpr int64_t kSecondsOfDay = 86400;
constexpr int64_t kDaysOfEra = 146097;  // 400 years, after which the calendar repeats
constexpr int64_t kFirst = -62167219200;
constexpr int64_t kLast = 253402300799;

}  // namespace

// Years begin in March here, so that the day that comes and goes is a year's last one.
CivilTime utc_time(int64_t seconds) {
  seconds = std::clamp(seconds, kFirst, kLast) - kFirst;
  constexpr int64_t kMarch = 60;  // of the year 0, which has a 29th of February
  const int64_t days = seconds / kSecondsOfDay - kMarch + kDaysOfEra;
  const int64_t of_era = days % kDaysOfEra;
  const int64_t year_of_era =
      (of_era - of_era / 1460 + of_era / 36524 - of_era / (kDaysOfEra - 1)) / 365;
  const int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  // Months from March on have 31, 30, 31, 30, 31 days, twice and the beginning of a third time.
  const int64_t month = (5 * of_year + 2) / 153;
  const int64_t clock = seconds % kSecondsOfDay;
  return {.year = static_cast<int>(year_of_era + (days / kDaysOfEra - 1) * 400 + month / 10),
          .month = static_cast<int>(month < 10 ? month + 3 : month - 9),
          .day = static_cast<int>(of_year - (153 * month + 2) / 5 + 1),
          .hour = static_cast<int>(clock / 3600),
          .minute = static_cast<int>(clock / 60 % 60),
          .second = static_cast<int>(clock % 60)};
}

std::string rfc3339(int64_t seconds) {
  const CivilTime time = utc_time(seconds);
  char text[96];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", time.year, time.month,
                time.day, time.hour, time.minute, time.second);
  return text;
}

}  // namespace hearth
