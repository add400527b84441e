// Asking for weights before they are used.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth {
namespace {

// How far ahead of its use a stream of weights is asked for, in bytes: in time for slow memory, and
// not yet too much for the first-level cache.
constexpr size_t kPrefetchLead = 4096;

// Weights are used once a token, so they need not stay in a cache behind the first.
constexpr int kUsedOnce = 0;

// Asks for the kBytes that lie `ahead` and the lead behind `from`. An address behind the matrix
// does no harm, but only as a number: no pointer may be formed there.
template <size_t kBytes>
inline void prefetch_stream(const void* from, size_t ahead = 0) {
  const uintptr_t first = reinterpret_cast<uintptr_t>(from) + ahead + kPrefetchLead;
  for (size_t line = 0; line < kBytes; line += 64) {
    __builtin_prefetch(reinterpret_cast<const void*>(first + line), 0, kUsedOnce);
  }
}

}  // namespace
}  // namespace hearth
