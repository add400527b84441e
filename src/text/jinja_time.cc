// strftime, without the C library: templates tell dates in English whatever the locale.
#include <array>
#include <cstdio>

#include "text/jinja_globals.h"

namespace hearth::text::jinja {
namespace {

constexpr size_t kLongestFormat = 4096;
constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};

bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

// 1 to 366.
int day_of_year(const CivilTime& time) {
  static constexpr std::array<int, 12> kBefore = {0,   31,  59,  90,  120, 151,
                                                  181, 212, 243, 273, 304, 334};
  const int leap = time.month > 2 && is_leap(time.year) ? 1 : 0;
  return kBefore[static_cast<size_t>(time.month - 1)] + time.day + leap;
}

// 0 is Sunday. Years are counted from 1; each 400 of them have whole weeks.
int day_of_week(const CivilTime& time) {
  const int past = time.year + 399;
  return (past + past / 4 - past / 100 + past / 400 + day_of_year(time)) % 7;
}

// The week of ISO 8601 and the year that it belongs to.
struct Week {
  int year;
  int number;
};
Week iso_week(const CivilTime& time) {
  const int weekday = (day_of_week(time) + 6) % 7;  // 0 is Monday
  const int thursday = day_of_year(time) - weekday + 3;
  if (thursday < 1) {
    const CivilTime last{time.year - 1, 12, 31};
    return iso_week(last);
  }
  const int days = is_leap(time.year) ? 366 : 365;
  if (thursday > days) return {time.year + 1, 1};
  return {time.year, (thursday - 1) / 7 + 1};
}

std::string digits(int value, int width, char fill = '0') {
  char text[16];
  std::snprintf(text, sizeof text, fill == '0' ? "%0*d" : "%*d", width, value);
  return text;
}

// What a letter behind "%" stands for, if it is about the hour; nullopt for others.
std::optional<std::string> part_of_day(const CivilTime& time, char letter) {
  const int hour12 = time.hour % 12 == 0 ? 12 : time.hour % 12;
  const std::string minutes = cat(":", digits(time.minute, 2));
  const std::string seconds = cat(minutes, ":", digits(time.second, 2));
  const bool morning = time.hour < 12;
  switch (letter) {
    case 'H':
      return digits(time.hour, 2);
    case 'k':
      return digits(time.hour, 2, ' ');
    case 'I':
      return digits(hour12, 2);
    case 'l':
      return digits(hour12, 2, ' ');
    case 'M':
      return digits(time.minute, 2);
    case 'S':
      return digits(time.second, 2);
    case 'f':
      return "000000";
    case 'p':
      return morning ? "AM" : "PM";
    case 'P':
      return morning ? "am" : "pm";
    case 'R':
      return digits(time.hour, 2) + minutes;
    case 'T':
    case 'X':
      return digits(time.hour, 2) + seconds;
    case 'r':
      return cat(digits(hour12, 2), seconds, morning ? " AM" : " PM");
    default:
      return std::nullopt;
  }
}

// The same for days, months and years.
std::optional<std::string> part_of_date(const CivilTime& time, char letter) {
  const auto month = kMonths[static_cast<size_t>(time.month - 1)];
  const int weekday = day_of_week(time);
  const auto day = kDays[static_cast<size_t>(weekday)];
  switch (letter) {
    case 'Y':
      return cat(time.year);
    case 'C':
      return digits(time.year / 100, 2);
    case 'y':
      return digits(time.year % 100, 2);
    case 'm':
      return digits(time.month, 2);
    case 'B':
      return std::string(month);
    case 'b':
    case 'h':
      return std::string(month.substr(0, 3));
    case 'd':
      return digits(time.day, 2);
    case 'e':
      return digits(time.day, 2, ' ');
    case 'j':
      return digits(day_of_year(time), 3);
    case 'A':
      return std::string(day);
    case 'a':
      return std::string(day.substr(0, 3));
    case 'w':
      return cat(weekday);
    case 'u':
      return cat(weekday == 0 ? 7 : weekday);
    case 'U':
      return digits((day_of_year(time) + 6 - weekday) / 7, 2);
    case 'W':
      return digits((day_of_year(time) + 6 - (weekday + 6) % 7) / 7, 2);
    case 'V':
      return digits(iso_week(time).number, 2);
    case 'G':
      return cat(iso_week(time).year);
    default:
      return std::nullopt;
  }
}

// What a letter behind "%" stands for; nullopt for one that is not known.
std::optional<std::string> part(const CivilTime& time, char letter) {
  const auto two = [](int value) { return digits(value, 2); };
  switch (letter) {
    case 'F':
      return cat(time.year, "-", two(time.month), "-", two(time.day));
    case 'D':
    case 'x':
      return cat(two(time.month), "/", two(time.day), "/", two(time.year % 100));
    case 'c':
      return cat(*part_of_date(time, 'a'), " ", *part_of_date(time, 'b'), " ",
                 digits(time.day, 2, ' '), " ", *part_of_day(time, 'T'), " ", time.year);
    case 'z':
    case 'Z':
      return "";  // a clock on the wall knows no zone
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case '%':
      return "%";
    default:
      const auto date = part_of_date(time, letter);
      return date ? date : part_of_day(time, letter);
  }
}

}  // namespace

Result<std::string> time_text(const CivilTime& time, std::string_view format) {
  const bool sensible = time.year >= 1 && time.year <= 9999 && time.month >= 1 &&
                        time.month <= 12 && time.day >= 1 && time.day <= 31;
  if (!sensible) return fail(ErrorCode::bad_usage, "this is no date");
  if (format.size() > kLongestFormat)
    return wrong("a format of a date may have at most ", kLongestFormat, " bytes");
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    const bool bare = format[i + 1] == '-' && i + 2 < format.size();  // without filling zeros
    const char letter = format[i + (bare ? 2 : 1)];
    std::optional<std::string> text = part(time, letter);
    if (!text) return wrong("strftime_now() knows no %", std::string(1, letter));
    if (bare && !text->empty()) {
      const size_t first = std::min(text->find_first_not_of("0 "), text->size() - 1);
      text = text->substr(first);
    }
    i += bare ? 2 : 1;
    out += *text;
  }
  return out;
}

}  // namespace hearth::text::jinja
