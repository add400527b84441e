#include "tensor/peak.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(PeakTest, CountsWhatItDid) {
  for (const IsaLevel level : available_levels()) {
    for (const Arithmetic arithmetic : {Arithmetic::int8, Arithmetic::bf16, Arithmetic::f32}) {
      const uint64_t one = run_multiply_adds(level, arithmetic, 1);
      EXPECT_EQ(run_multiply_adds(level, arithmetic, 1000), 1000 * one);
      const bool needed = level != IsaLevel::reference && arithmetic != Arithmetic::bf16;
      if (needed) EXPECT_GT(one, 0u) << name_of(level) << " " << name_of(arithmetic);
    }
  }
}

}  // namespace
}  // namespace hearth
