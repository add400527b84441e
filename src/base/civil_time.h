// A moment as a calendar and a clock on the wall show it.
#pragma once

#include <cstdint>
#include <string>

namespace hearth {

struct CivilTime {
  int year = 1970;
  int month = 1;  // 1 to 12
  int day = 1;    // 1 to 31
  int hour = 0;
  int minute = 0;
  int second = 0;
};

// What UTC shows so many seconds after the beginning of 1970; from the year 0 to 9999.
[[nodiscard]] CivilTime utc_time(int64_t seconds);

// "2026-08-21T18:48:22Z" (RFC 3339).
[[nodiscard]] std::string rfc3339(int64_t seconds);

}  // namespace hearth
