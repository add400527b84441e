// The rules of the named mixtures, as data: which format a tensor gets by its role in the model and
// by what is true of it. They are those of llama.cpp v0.5.0 (llama-quantize), found there by
// measuring perplexity, for the architectures that hearth runs.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/dtype.h"

namespace hearth::quantize {

enum class Mixture : uint8_t {
  F32,
  F16,
  BF16,
  Q8_0,
  Q6_K,
  Q5_K_M,
  Q5_K_S,
  Q5_1,
  Q5_0,
  Q4_K_M,
  Q4_K_S,
  Q4_1,
  Q4_0,
  IQ4_NL,
  IQ4_XS,
  Q3_K_L,
  Q3_K_M,
  Q3_K_S,
  IQ3_M,
  IQ3_S,
  IQ3_XS,
  IQ3_XXS,
  Q2_K,
  Q2_K_S,
  IQ2_M,
  IQ2_S,
  IQ2_XS,
  IQ2_XXS,
  IQ1_M,
  IQ1_S,
  TQ1_0,
  TQ2_0,
  Q2_0,
  Q1_0,
  MXFP4_MOE,
};

// As bits, so that a rule can be for several.
enum Role : uint16_t {
  kOutput = 1 << 0,          // the output matrix, or a table of embeddings that is it as well
  kTokenEmbedding = 1 << 1,  // a table of embeddings that is nothing else
  kAttentionV = 1 << 2,      // values, or a matrix that makes them among others
  kAttentionK = 1 << 3,
  kAttentionQ = 1 << 4,
  kAttentionOutput = 1 << 5,
  kFfnUp = 1 << 6,  // of experts as well, here and below
  kFfnGate = 1 << 7,
  kFfnDown = 1 << 8,
  kOtherRole = 1 << 9,
};
inline constexpr uint16_t kAnyRole = (1 << 10) - 1;

// What may be true of a tensor, as bits.
using Facts = uint32_t;
enum Fact : Facts {
  kAlways = 0,
  // Of the model.
  kGrouped = 1 << 0,   // 4 or more query heads share a key head
  kExperts4 = 1 << 1,  // 4 or more experts
  kExperts8 = 1 << 2,  // exactly 8, as Mixtral has
  kSeventyB = 1 << 3,  // a Llama of 80 layers whose query heads share key heads, or a Qwen 2 of 80
  // Of what is known.
  kImportance = 1 << 4,    // there is an importance matrix
  kNoImportance = 1 << 5,  // there is none
  // Of the tensor.
  kStacked = 1 << 6,    // a matrix for each expert
  kUnfitting = 1 << 7,  // its rows are not whole blocks of the mixture's main format
  // Of its layer among those that have such a tensor.
  kFirst2 = 1 << 8,
  kFirst4 = 1 << 9,
  kFirstSixteenth = 1 << 10,
  kFirstEighth = 1 << 11,
  kFirstEighthCounted = 1 << 12,  // where each of a layer's tensors of this role counts as a layer
  kMoreBits = 1 << 13,            // the first and last eighth, and every third between
  kMiddle = 1 << 14,              // neither the first nor the last eighth
};

struct Rule {
  uint64_t mixtures;  // a bit for each
  uint16_t roles;     // a bit for each
  Facts when;         // all of these
  DType type;
};

// The first that applies decides; where none does, the mixture's main format stays.
[[nodiscard]] std::span<const Rule> recipe_rules();

[[nodiscard]] constexpr bool applies(const Rule& rule, Mixture mixture, Role role, Facts facts) {
  return (rule.mixtures >> static_cast<unsigned>(mixture) & 1) != 0 && (rule.roles & role) != 0 &&
         (rule.when & facts) == rule.when;
}

}  // namespace hearth::quantize
