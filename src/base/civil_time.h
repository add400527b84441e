// A moment as a calendar and a clock on the wall show it.
#pragma once

namespace hearth {

struct CivilTime {
  int year = 1970;
  int month = 1;  // 1 to 12
  int day = 1;    // 1 to 31
  int hour = 0;
  int minute = 0;
  int second = 0;
};

}  // namespace hearth
