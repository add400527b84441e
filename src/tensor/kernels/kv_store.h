// Keys and values on their way into the cache, compiled for each instruction set.
#pragma once

#include "tensor/kernels/attention_tile.h"

namespace hearth {
namespace {

template <class S>
void rope(float* head, const float* cos_sin, size_t dims) {
  for_vectors<S>(dims, [&](size_t i, size_t count) {
    const auto pairs = load_count<S>(head + i, count);
    store_count<S>(head + i, S::rotate(pairs, load_count<S>(cos_sin + i, count)), count);
  });
}

template <class S>
void rope_halves(float* head, const float* cos_sin, size_t dims) {
  const size_t half = dims / 2;
  for_vectors<S>(half, [&](size_t i, size_t count) {
    const auto a = load_count<S>(head + i, count);
    const auto b = load_count<S>(head + half + i, count);
    const auto cosine = load_count<S>(cos_sin + i, count);
    const auto sine = load_count<S>(cos_sin + half + i, count);
    store_count<S>(head + i, S::sub(S::mul(a, cosine), S::mul(b, sine)), count);
    store_count<S>(head + half + i, S::fma(a, sine, S::mul(b, cosine)), count);
  });
}

template <class S>
void store_quants(const KvFormat& format, const KvHead& kv, size_t slot, const float* key,
                  const float* value) {
  alignas(64) int8_t quants[kMaxHeadDim];
  kv.key_scales[slot] = quantize_row<S>(key, format.key_dim, quants);
  std::byte* to = kv.keys + key_index(format, slot, 0);
  for (size_t i = 0; i < format.padded_key(); i += 4) {
    uint32_t group;
    std::memcpy(&group, quants + i, 4);
    group ^= 0x80808080u;  // adds 128 to each
    std::memcpy(to + i * kTilePositions, &group, 4);
  }
  kv.value_scales[slot] = quantize_row<S>(value, format.value_dim, quants);
  to = kv.values + value_index(format, slot, 0);
  for (size_t i = 0; i < format.padded_value(); ++i) to[2 * i] = static_cast<std::byte>(quants[i]);
}

template <class S>
void store_kv(const KvFormat& format, const KvHead& kv, size_t position, const float* key,
              const float* value) {
  const size_t slot = format.slot(position);
  const size_t first_key = key_index(format, slot, 0);
  const size_t first_value = value_index(format, slot, 0);
  if (format.type == DType::F32) {
    float* keys = reinterpret_cast<float*>(kv.keys) + first_key;
    for (size_t i = 0; i < format.key_dim; ++i) keys[i * kTilePositions] = key[i];
    std::memcpy(reinterpret_cast<float*>(kv.values) + first_value, value,
                format.value_dim * sizeof(float));
  } else if (format.type == DType::F16) {
    uint16_t halves[kMaxHeadDim];
    uint16_t* keys = reinterpret_cast<uint16_t*>(kv.keys) + first_key;
    to_f16<S>(key, format.key_dim, halves);
    for (size_t i = 0; i < format.key_dim; ++i) keys[i * kTilePositions] = halves[i];
    to_f16<S>(value, format.value_dim, reinterpret_cast<uint16_t*>(kv.values) + first_value);
  } else {
    store_quants<S>(format, kv, slot, key, value);
  }
}

template <class S>
void fill_attention(Kernels& kernels) {
  kernels.rope = rope<S>;
  kernels.rope_halves = rope_halves<S>;
  kernels.store_kv = store_kv<S>;
  kernels.attend = attend<S>;
  kernels.finish_attention = finish_attention<S>;
}

}  // namespace
}  // namespace hearth
