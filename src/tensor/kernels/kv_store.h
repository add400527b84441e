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
void store_quants(const KvFormat& format, const KvHead& kv, size_t position, const float* key,
                  const float* value) {
  alignas(64) int8_t quants[kMaxHeadDim];
  kv.key_scales[position] = quantize_row<S>(key, format.head_dim, quants);
  std::byte* to = kv.keys + key_index(format, position, 0);
  for (size_t i = 0; i < format.padded_dim(); i += 4) {
    uint32_t group;
    std::memcpy(&group, quants + i, 4);
    group ^= 0x80808080u;  // adds 128 to each
    std::memcpy(to + i * kTilePositions, &group, 4);
  }
  kv.value_scales[position] = quantize_row<S>(value, format.head_dim, quants);
  to = kv.values + value_index(format, position, 0);
  for (size_t i = 0; i < format.padded_dim(); ++i) to[2 * i] = static_cast<std::byte>(quants[i]);
}

template <class S>
void store_kv(const KvFormat& format, const KvHead& kv, size_t position, const float* key,
              const float* value) {
  const size_t n = format.head_dim;
  const size_t first_key = key_index(format, position, 0);
  const size_t first_value = value_index(format, position, 0);
  if (format.type == DType::F32) {
    float* keys = reinterpret_cast<float*>(kv.keys) + first_key;
    for (size_t i = 0; i < n; ++i) keys[i * kTilePositions] = key[i];
    std::memcpy(reinterpret_cast<float*>(kv.values) + first_value, value, n * sizeof(float));
  } else if (format.type == DType::F16) {
    uint16_t halves[kMaxHeadDim];
    uint16_t* keys = reinterpret_cast<uint16_t*>(kv.keys) + first_key;
    to_f16<S>(key, n, halves);
    for (size_t i = 0; i < n; ++i) keys[i * kTilePositions] = halves[i];
    to_f16<S>(value, n, reinterpret_cast<uint16_t*>(kv.values) + first_value);
  } else {
    store_quants<S>(format, kv, position, key, value);
  }
}

template <class S>
void fill_attention(Kernels& kernels) {
  kernels.rope = rope<S>;
  kernels.store_kv = store_kv<S>;
  kernels.attend = attend<S>;
  kernels.finish_attention = finish_attention<S>;
}

}  // namespace
}  // namespace hearth
