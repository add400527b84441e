#include "base/units.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

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

std::optional<uint64_t> parse_bytes(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string number_text(text.substr(0, digits));
  if (number_text.empty() || number_text[0] == '.') return std::nullopt;
  char* end = nullptr;
  const double number = std::strtod(number_text.c_str(), &end);
  if (*end != '\0') return std::nullopt;
  std::string_view unit = text.substr(digits);
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (!unit.empty() && (unit.back() == 'B' || unit.back() == 'b')) unit.remove_suffix(1);
  double base = 1000;
  if (!unit.empty() && unit.back() == 'i') {
    base = 1024;
    unit.remove_suffix(1);
    if (unit.empty()) return std::nullopt;
  }
  constexpr std::string_view kPrefixes = "KMGT";
  double factor = 1;
  if (!unit.empty()) {
    const char prefix = unit[0] == 'k' ? 'K' : unit[0];
    const size_t place = kPrefixes.find(prefix);
    if (unit.size() != 1 || place == std::string_view::npos) return std::nullopt;
    for (size_t i = 0; i <= place; ++i) factor *= base;
  }
  const double bytes = number * factor;
  if (bytes >= 0x1p63) return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

}  // namespace hearth
