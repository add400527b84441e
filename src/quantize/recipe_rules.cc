#include "quantize/recipe_rules.h"

namespace hearth::quantize {
namespace {

using enum Mixture;

template <class... M>
constexpr uint64_t of(M... mixtures) {
  return ((uint64_t{1} << static_cast<unsigned>(mixtures)) | ...);
}

constexpr uint64_t kAll = ~uint64_t{0};
constexpr uint64_t kIq1 = of(IQ1_S, IQ1_M);
constexpr uint64_t kIq2Small = of(IQ2_XXS, IQ2_XS);
constexpr uint64_t kIq2Large = of(IQ2_S, IQ2_M);
constexpr uint64_t kLowest = kIq1 | kIq2Small | kIq2Large;
constexpr uint64_t kMxfp4 = of(MXFP4_MOE);
constexpr uint64_t kIq4 = of(IQ4_NL, IQ4_XS);

constexpr Rule kRules[] = {
    // What turns a token into numbers and numbers into a token.
    {kMxfp4, kAnyRole, kStacked, DType::MXFP4},
    {kMxfp4, kAnyRole, kAlways, DType::Q8_0},
    {kAll, kOutput, kUnfitting, DType::Q8_0},
    {kLowest | of(IQ3_XXS), kOutput, kAlways, DType::Q5_K},
    {of(Q8_0), kOutput, kAlways, DType::Q8_0},
    {kAll, kOutput, kAlways, DType::Q6_K},
    {kIq1 | kIq2Small, kTokenEmbedding, kAlways, DType::Q2_K},
    {kIq2Large | of(IQ3_XXS), kTokenEmbedding, kAlways, DType::IQ3_S},
    {of(TQ1_0, TQ2_0, Q2_0), kTokenEmbedding, kAlways, DType::Q4_K},

    // Values pass everything on, and where query heads share them they are small.
    {kLowest, kAttentionV, kGrouped, DType::Q4_K},
    {kLowest, kAttentionV, kExperts4, DType::Q4_K},
    {kIq2Large, kAttentionV, kAlways, DType::IQ3_S},
    {kLowest, kAttentionV, kAlways, DType::Q2_K},
    {kAll, kAttentionV, kExperts8, DType::Q8_0},
    {of(Q4_K_M, Q5_K_M), kAttentionV, kMoreBits, DType::Q6_K},
    {of(Q2_K, Q3_K_S, Q3_K_M, IQ3_M, Q4_K_S, Q4_K_M), kAttentionV, kSeventyB, DType::Q5_K},
    {of(Q2_K_S, IQ3_XXS, IQ3_XS, IQ3_S), kAttentionV, kSeventyB | kGrouped, DType::Q5_K},
    {of(Q2_K, Q2_K_S, IQ3_XXS, IQ3_XS, IQ3_S), kAttentionV, kGrouped, DType::Q4_K},
    {of(Q2_K), kAttentionV, kAlways, DType::Q3_K},
    {of(IQ3_XXS), kAttentionV, kNoImportance, DType::IQ3_S},
    {of(IQ3_M), kAttentionV, kAlways, DType::Q4_K},
    {of(Q3_K_M), kAttentionV, kFirst2, DType::Q5_K},
    {of(Q3_K_M), kAttentionV, kAlways, DType::Q4_K},
    {of(Q3_K_L), kAttentionV, kAlways, DType::Q5_K},
    {of(Q4_K_S), kAttentionV, kFirst4, DType::Q5_K},
    {kIq4, kAttentionV, kGrouped, DType::Q5_K},

    {kLowest, kAttentionK, kExperts8, DType::Q4_K},
    {kAll, kAttentionK, kExperts8, DType::Q8_0},
    {of(IQ3_XS), kAttentionK | kAttentionQ, kAlways, DType::IQ3_XXS},
    {of(IQ3_XXS), kAttentionK | kAttentionQ, kAlways, DType::IQ2_S},

    // With 8 experts, attention is a small part of the file.
    {kLowest | kIq4 | of(Q2_K, IQ3_XXS, IQ3_XS, IQ3_S, IQ3_M, Q3_K_S, Q3_K_M, Q4_K_S, Q4_K_M),
     kAttentionOutput, kExperts8, DType::Q5_K},
    {of(Q3_K_L), kAttentionOutput, kExperts8, DType::Q3_K},
    {kIq1, kAttentionOutput, kAlways, DType::IQ2_XXS},
    {kIq2Large | of(IQ3_XXS), kAttentionOutput, kAlways, DType::IQ3_S},
    {of(Q2_K), kAttentionOutput, kAlways, DType::Q3_K},
    {of(Q3_K_M, IQ3_M), kAttentionOutput, kAlways, DType::Q4_K},
    {of(Q3_K_L), kAttentionOutput, kAlways, DType::Q5_K},

    // Errors of the first layers go through all others; inputs of ffn_down are the most uneven.
    {kIq2Large, kFfnDown, kFirstEighthCounted, DType::IQ3_S},
    {kIq1 | kIq2Small, kFfnDown, kFirstEighthCounted, DType::Q2_K},
    {of(Q2_K), kFfnDown, kAlways, DType::Q3_K},
    {of(Q2_K_S), kFfnDown, kFirstEighth, DType::Q4_K},
    {of(IQ3_XXS), kFfnDown, kFirstEighth | kNoImportance, DType::Q4_K},
    {of(IQ3_XXS), kFfnDown, kNoImportance, DType::Q3_K},
    {of(Q3_K_M), kFfnDown, kFirstSixteenth, DType::Q5_K},
    {of(Q3_K_M), kFfnDown, kAlways, DType::Q4_K},
    {of(Q3_K_L), kFfnDown, kAlways, DType::Q5_K},
    {of(IQ3_M), kFfnDown, kFirstEighth, DType::Q4_K},
    {of(IQ3_M), kFfnDown, kMoreBits | kExperts8, DType::Q4_K},
    {of(Q4_K_M, Q5_K_M), kFfnDown, kMoreBits, DType::Q6_K},
    {of(Q4_K_S), kFfnDown, kFirstEighth, DType::Q5_K},
    {kIq4, kFfnDown, kFirstEighth | kNoImportance, DType::Q5_K},
    {of(Q4_0), kFfnDown, kFirstEighth | kImportance, DType::Q4_1},
    {of(Q5_0), kFfnDown, kFirstEighth | kImportance, DType::Q5_1},
    {of(IQ3_XS), kFfnGate | kFfnUp, kMiddle, DType::IQ3_XXS},
};

}  // namespace

std::span<const Rule> recipe_rules() { return kRules; }

}  // namespace hearth::quantize
