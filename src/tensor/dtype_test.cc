#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include "tensor/blocks.h"

namespace hearth {
namespace {

TEST(DTypeTest, BlockSizesAreThoseOfTheStructs) {
  EXPECT_EQ(traits(DType::Q4_0).block_bytes, sizeof(BlockQ4_0));
  EXPECT_EQ(traits(DType::Q5_1).block_bytes, sizeof(BlockQ5_1));
  EXPECT_EQ(traits(DType::Q8_0).block_bytes, sizeof(BlockQ8_0));
  EXPECT_EQ(traits(DType::Q2_K).block_bytes, sizeof(BlockQ2_K));
  EXPECT_EQ(traits(DType::Q3_K).block_bytes, sizeof(BlockQ3_K));
  EXPECT_EQ(traits(DType::Q4_K).block_bytes, sizeof(BlockQ4_K));
  EXPECT_EQ(traits(DType::Q5_K).block_bytes, sizeof(BlockQ5_K));
  EXPECT_EQ(traits(DType::Q6_K).block_bytes, sizeof(BlockQ6_K));
  EXPECT_EQ(traits(DType::IQ1_S).block_bytes, sizeof(BlockIQ1_S));
  EXPECT_EQ(traits(DType::IQ1_M).block_bytes, sizeof(BlockIQ1_M));
  EXPECT_EQ(traits(DType::IQ2_XXS).block_bytes, sizeof(BlockIQ2_XXS));
  EXPECT_EQ(traits(DType::IQ2_XS).block_bytes, sizeof(BlockIQ2_XS));
  EXPECT_EQ(traits(DType::IQ2_S).block_bytes, sizeof(BlockIQ2_S));
  EXPECT_EQ(traits(DType::IQ3_XXS).block_bytes, sizeof(BlockIQ3_XXS));
  EXPECT_EQ(traits(DType::IQ3_S).block_bytes, sizeof(BlockIQ3_S));
  EXPECT_EQ(traits(DType::IQ4_NL).block_bytes, sizeof(BlockIQ4_NL));
  EXPECT_EQ(traits(DType::IQ4_XS).block_bytes, sizeof(BlockIQ4_XS));
  EXPECT_EQ(traits(DType::TQ1_0).block_bytes, sizeof(BlockTQ1_0));
  EXPECT_EQ(traits(DType::TQ2_0).block_bytes, sizeof(BlockTQ2_0));
  EXPECT_EQ(traits(DType::Q1_0).block_bytes, sizeof(BlockQ1_0));
  EXPECT_EQ(traits(DType::Q2_0).block_bytes, sizeof(BlockQ2_0));
  EXPECT_EQ(traits(DType::MXFP4).block_bytes, sizeof(BlockMXFP4));
  EXPECT_EQ(traits(DType::NVFP4).block_bytes, sizeof(BlockNVFP4));
}

TEST(DTypeTest, FindsByIdAndByName) {
  EXPECT_EQ(find_dtype(12)->type, DType::Q4_K);
  EXPECT_EQ(find_dtype(4), nullptr);  // Q4_2, withdrawn from the format long ago
  EXPECT_EQ(find_dtype(0xFFFFFFFF), nullptr);
  EXPECT_EQ(dtype_by_name("q4_k"), DType::Q4_K);
  EXPECT_EQ(dtype_by_name("BF16"), DType::BF16);
  EXPECT_EQ(dtype_by_name("Q4"), std::nullopt);
  EXPECT_EQ(dtype_by_name(""), std::nullopt);
}

TEST(DTypeTest, RowBytesRefusesPartsOfBlocksAndOverflow) {
  EXPECT_EQ(row_bytes(DType::Q4_0, 64), 36u);
  EXPECT_EQ(row_bytes(DType::Q4_0, 33), std::nullopt);
  EXPECT_EQ(row_bytes(DType::Q6_K, 128), std::nullopt);
  EXPECT_EQ(row_bytes(DType::F32, uint64_t{1} << 62), std::nullopt);
  EXPECT_EQ(row_bytes(DType::F32, (uint64_t{1} << 62) - 1), ((uint64_t{1} << 62) - 1) * 4);
}

}  // namespace
}  // namespace hearth
