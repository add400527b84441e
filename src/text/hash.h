// A fast hash for the tables of this module.
//
// The tables hold text from files that strangers made, so the hash takes a seed that differs from
// process to process: nobody can prepare a file whose tokens all fall into one slot. No result
// depends on the seed, only time does.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace hearth::text {

__extension__ using Uint128 = unsigned __int128;

// Multiplies to 128 bits and folds the halves together: every input bit reaches every output bit.
[[nodiscard]] inline uint64_t fold(uint64_t a, uint64_t b) {
  const Uint128 product = static_cast<Uint128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

[[nodiscard]] inline uint64_t hash_seed() {
  static const uint64_t seed = [] {
    static const char here = 0;  // its address is random where the system randomizes addresses
    return fold(0x243F6A8885A308D3u, reinterpret_cast<uintptr_t>(&here) ^ 0x13198A2E03707344u);
  }();
  return seed;
}

// The constants are binary digits of pi: numbers with no pattern of their own.
[[nodiscard]] inline uint64_t hash_text(std::string_view text, uint64_t seed) {
  constexpr uint64_t kFirst = 0xA4093822299F31D1u;
  constexpr uint64_t kSecond = 0x082EFA98EC4E6C89u;
  const char* at = text.data();
  size_t left = text.size();
  uint64_t state = seed ^ kFirst;
  for (; left > 16; at += 16, left -= 16) {
    state = fold(load_unaligned<uint64_t>(at) ^ kFirst, load_unaligned<uint64_t>(at + 8) ^ state);
  }
  uint64_t a = 0;
  uint64_t b = 0;
  if (left >= 8) {  // the two loads may overlap; together they cover all that is left
    a = load_unaligned<uint64_t>(at);
    b = load_unaligned<uint64_t>(at + left - 8);
  } else if (left >= 4) {
    a = load_unaligned<uint32_t>(at);
    b = load_unaligned<uint32_t>(at + left - 4);
  } else if (left > 0) {
    const auto byte = [&](size_t i) { return uint64_t{static_cast<unsigned char>(at[i])}; };
    a = byte(0) << 16 | byte(left / 2) << 8 | byte(left - 1);
  }
  return fold(fold(a ^ kSecond, b ^ state) ^ text.size(), kFirst ^ seed);
}

[[nodiscard]] inline uint64_t hash_number(uint64_t number, uint64_t seed) {
  return fold(number ^ seed, 0x452821E638D01377u);
}

}  // namespace hearth::text
