// Small pieces that the codebook formats share on every instruction set: numbers that are packed
// into words, and the codebooks in the forms that kernels look up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/codebooks.h"

namespace hearth {
namespace {

// A little-endian number at any address.
template <class Number>
inline Number number_at(const void* from) {
  Number number;
  std::memcpy(&number, from, sizeof number);
  return number;
}

// Points with a byte for each weight, the first weight lowest.
template <size_t kPoints>
struct Points8 {
  uint64_t at[kPoints];
};
template <size_t kPoints>
struct Points4 {
  uint32_t at[kPoints];
};

template <size_t kPoints>
constexpr Points8<kPoints> bytes_of_8(const uint16_t (&points)[kPoints],
                                      const uint8_t (&levels)[3]) {
  Points8<kPoints> bytes{};
  for (size_t i = 0; i < kPoints; ++i) {
    for (int j = 0; j < 8; ++j) {
      bytes.at[i] |= uint64_t{levels[level_of_8(points[i], j)]} << (8 * j);
    }
  }
  return bytes;
}
template <size_t kPoints>
constexpr Points4<kPoints> bytes_of_4(const uint16_t (&points)[kPoints],
                                      const uint8_t (&levels)[8]) {
  Points4<kPoints> bytes{};
  for (size_t i = 0; i < kPoints; ++i) {
    for (int j = 0; j < 4; ++j) {
      bytes.at[i] |= uint32_t{levels[level_of_4(points[i], j)]} << (8 * j);
    }
  }
  return bytes;
}

// IQ1: a weight is an eighth of 8 * (level - 1), plus 1 or minus 1. As an unsigned quant it is
// 8 * level, plus 2 or 0, and kIq1Offset too large.
constexpr int kIq1Offset = 9;
constexpr uint8_t kIq1Levels[3] = {0, 8, 16};

}  // namespace
}  // namespace hearth
