// Numbers as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// "6.2 MB", "1.4 GB": decimal, as disks are sold and downloads are shown.
[[nodiscard]] std::string human_bytes(uint64_t bytes);

// What people write for a number of bytes: "3742496", "3.7M", "4 GB", "4GiB"; K, M, G and T are
// decimal, Ki, Mi, Gi and Ti binary. nullopt for anything else and beyond 2^63.
[[nodiscard]] std::optional<uint64_t> parse_bytes(std::string_view text);

// "5.8 M", "1.2 B" for counts of parameters.
[[nodiscard]] std::string human_count(uint64_t count);

// "0:07", "12:40", "3:05:00".
[[nodiscard]] std::string human_duration(double seconds);

// A number with a fixed count of decimals: fixed(3.14159, 2) is "3.14".
[[nodiscard]] std::string fixed(double value, int decimals);

}  // namespace hearth
