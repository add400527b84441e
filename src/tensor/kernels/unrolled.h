// Loops that are unrolled whatever the optimizer thinks, so that arrays indexed by them live in
// registers.
#pragma once

#include <utility>

namespace hearth {
namespace {

#define HEARTH_INLINE inline __attribute__((always_inline))

// body(std::integral_constant<int, 0>) ... body(<N-1>), unrolled.
template <class Body, int... I>
HEARTH_INLINE void unrolled_impl(Body& body, std::integer_sequence<int, I...>) {
  (body(std::integral_constant<int, I>{}), ...);
}
template <int kTimes, class Body>
HEARTH_INLINE void unrolled(Body body) {
  unrolled_impl(body, std::make_integer_sequence<int, kTimes>{});
}

}  // namespace
}  // namespace hearth
