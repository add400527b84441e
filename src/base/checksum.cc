#include "base/checksum.h"

#include <algorithm>
#include <bit>

namespace hearth {

void Checksum::add(Bytes bytes) {
  // Multiplied to 128 bits and folded, so that every bit of a word reaches every bit of its lane:
  // few wrong bits further on cannot make up for one.
  __extension__ using Uint128 = unsigned __int128;
  const auto mix = [](uint64_t lane, uint64_t word) {
    const Uint128 product = static_cast<Uint128>(lane ^ word) * 0x9E3779B97F4A7C15;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  length_ += bytes.size();
  uint64_t a = lanes_[0], b = lanes_[1], c = lanes_[2], d = lanes_[3];
  for (; bytes.size() >= 32; bytes = bytes.subspan(32)) {
    a = mix(a, load_unaligned<uint64_t>(bytes.data()));
    b = mix(b, load_unaligned<uint64_t>(bytes.data() + 8));
    c = mix(c, load_unaligned<uint64_t>(bytes.data() + 16));
    d = mix(d, load_unaligned<uint64_t>(bytes.data() + 24));
  }
  for (; !bytes.empty(); bytes = bytes.subspan(std::min<size_t>(bytes.size(), 8))) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), std::min<size_t>(bytes.size(), 8));
    a = mix(a, word);
  }
  lanes_[0] = a, lanes_[1] = b, lanes_[2] = c, lanes_[3] = d;
}

uint64_t Checksum::value() const {
  uint64_t value = length_;
  for (const uint64_t lane : lanes_) {
    value = std::rotl(value ^ lane, 23) * 0xD6E8FEB86659FD93;
    value ^= value >> 32;
  }
  return value;
}

uint64_t checksum(Bytes bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

}  // namespace hearth
