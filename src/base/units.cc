#include "base/units.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace hearth {
namespace {

std::string scaled(uint64_t value, const char* const* names, int n_names) {
  if (value < 1000) return names[0][0] == '\0' ? cat(value) : cat(value, " ", names[0]);
  double scaled_value = static_cast<double>(value);
  int name = 0;
  while (scaled_value >= 999.95 && name + 1 < n_names) {
    scaled_value /= 1000;
    ++name;
  }
  return cat(fixed(scaled_value, 1), " ", names[name]);
}

}  // namespace

std::string human_bytes(uint64_t bytes) {
  static constexpr const char* kNames[] = {"bytes", "kB", "MB", "GB", "TB"};
  return scaled(bytes, kNames, 5);
}

std::string human_count(uint64_t count) {
  static constexpr const char* kNames[] = {"", "K", "M", "B", "T"};
  return scaled(count, kNames, 5);
}

std::string human_duration(double seconds) {
  if (!(seconds > 0)) seconds = 0;  // also when it is not a number, which no clamp would catch
  const auto whole = static_cast<int64_t>(std::round(std::min(seconds, 3.6e8)));
  char text[48];
  const auto as_ll = [](int64_t value) { return static_cast<long long>(value); };
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", as_ll(whole / 3600),
                  as_ll(whole / 60 % 60), as_ll(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld", as_ll(whole / 60), as_ll(whole % 60));
  }
  return text;
}

std::string fixed(double value, int decimals) {
  char text[352];  // the largest double has 309 digits
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

}  // namespace hearth
