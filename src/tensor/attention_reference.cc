// What attention is, for each type of KV cache.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "tensor/float16.h"
#include "tensor/reference.h"

namespace hearth::reference {
namespace {

template <class T>
void put(std::byte* base, size_t index, T value) {
  std::memcpy(base + index * sizeof(T), &value, sizeof(T));
}

template <class T>
T get(const std::byte* base, size_t index) {
  return load_unaligned<T>(base + index * sizeof(T));
}

void put_float(DType type, std::byte* base, size_t index, float value) {
  if (type == DType::F32) return put(base, index, value);
  put(base, index, f32_to_f16(value));
}

double float_at(DType type, const std::byte* base, size_t index) {
  if (type == DType::F32) return static_cast<double>(get<float>(base, index));
  return static_cast<double>(f16_to_f32(get<uint16_t>(base, index)));
}

// The score of a query over a key, before scaling.
double dot(const AttentionArgs& args, const float* query, const int8_t* quants, size_t slot) {
  double sum = 0;
  int32_t whole = 0;
  for (size_t i = 0; i < args.format.key_dim; ++i) {
    const size_t at = key_index(args.format, slot, i);
    if (args.format.quantized()) {
      whole += quants[i] * (get<uint8_t>(args.kv.keys, at) - 128);
    } else {
      sum += static_cast<double>(query[i]) * float_at(args.format.type, args.kv.keys, at);
    }
  }
  if (!args.format.quantized()) return sum;
  return whole * static_cast<double>(args.kv.key_scales[slot]);
}

double value_at(const AttentionArgs& args, size_t slot, size_t dim) {
  const size_t at = value_index(args.format, slot, dim);
  if (!args.format.quantized()) return float_at(args.format.type, args.kv.values, at);
  return get<int8_t>(args.kv.values, at) * static_cast<double>(args.kv.value_scales[slot]);
}

void add_to_state(float* state, float largest, float total, const float* mixed, size_t value_dim) {
  const float before = state[kStateLargest];
  const float top = std::max(before, largest);
  const float keep = before == top ? 1.0f : std::exp2(before - top);
  const float use = largest == top ? 1.0f : std::exp2(largest - top);
  state[kStateLargest] = top;
  state[kStateTotal] = state[kStateTotal] * keep + total * use;
  for (size_t i = 0; i < value_dim; ++i) {
    state[kStateMixed + i] = state[kStateMixed + i] * keep + mixed[i] * use;
  }
}

// One query over the positions [first, end).
void attend_chunk(const AttentionArgs& args, const float* query, size_t first, size_t end,
                  float* state) {
  const size_t value_dim = args.format.value_dim;
  std::vector<int8_t> quants(args.format.padded_key());
  const float query_scale =
      args.format.quantized() ? quantize_row(query, args.format.key_dim, quants.data()) : 1.0f;
  const double scale = static_cast<double>(query_scale) * static_cast<double>(args.scale);
  const auto cap = static_cast<double>(args.softcap);
  std::vector<double> scores;
  double largest = -INFINITY;
  for (size_t p = first; p < end; ++p) {
    const double score = dot(args, query, quants.data(), args.format.slot(p)) * scale;
    scores.push_back((cap > 0 ? cap * std::tanh(score / cap) : score) / M_LN2);
    largest = std::max(largest, scores.back());
  }
  const double shift = std::isinf(largest) && largest < 0 ? 0.0 : largest;
  double total = 0;
  std::vector<double> mixed(value_dim, 0.0);
  for (size_t p = first; p < end; ++p) {
    const double weight = std::exp2(scores[p - first] - shift);
    total += weight;
    const size_t slot = args.format.slot(p);
    for (size_t i = 0; i < value_dim; ++i) mixed[i] += weight * value_at(args, slot, i);
  }
  const std::vector<float> rounded(mixed.begin(), mixed.end());
  add_to_state(state, static_cast<float>(largest), static_cast<float>(total), rounded.data(),
               value_dim);
}

}  // namespace

float quantize_row(const float* values, size_t n, int8_t* quants) {
  float largest = 0;
  bool finite = true;
  for (size_t i = 0; i < n; ++i) {
    largest = std::max(largest, std::fabs(values[i]));
    finite = finite && std::isfinite(values[i]);
  }
  const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
  for (size_t i = 0; i < (n + 15) / 16 * 16; ++i) {
    const float scaled = i < n ? std::nearbyint(values[i] * inverse) : 0.0f;
    // Rows of subnormals or without a number have no usable inverse.
    quants[i] = static_cast<int8_t>(scaled >= -127.0f && scaled <= 127.0f ? scaled : 0.0f);
  }
  return finite ? largest / 127.0f : NAN;
}

void rope(float* head, const float* cos_sin, size_t dims) {
  for (size_t i = 0; i < dims; i += 2) {
    const float a = head[i];
    const float b = head[i + 1];
    head[i] = a * cos_sin[i] - b * cos_sin[i + 1];
    head[i + 1] = a * cos_sin[i + 1] + b * cos_sin[i];
  }
}

void rope_halves(float* head, const float* cos_sin, size_t dims) {
  const size_t half = dims / 2;
  for (size_t i = 0; i < half; ++i) {
    const float a = head[i];
    const float b = head[half + i];
    head[i] = a * cos_sin[i] - b * cos_sin[half + i];
    head[half + i] = a * cos_sin[half + i] + b * cos_sin[i];
  }
}

void store_kv(const KvFormat& format, const KvHead& kv, size_t position, const float* key,
              const float* value) {
  const size_t slot = format.slot(position);
  if (!format.quantized()) {
    for (size_t i = 0; i < format.key_dim; ++i)
      put_float(format.type, kv.keys, key_index(format, slot, i), key[i]);
    for (size_t i = 0; i < format.value_dim; ++i)
      put_float(format.type, kv.values, value_index(format, slot, i), value[i]);
    return;
  }
  std::vector<int8_t> keys(format.padded_key()), values(format.padded_value());
  kv.key_scales[slot] = quantize_row(key, format.key_dim, keys.data());
  kv.value_scales[slot] = quantize_row(value, format.value_dim, values.data());
  for (size_t i = 0; i < keys.size(); ++i)
    put(kv.keys, key_index(format, slot, i), static_cast<uint8_t>(keys[i] + 128));
  for (size_t i = 0; i < values.size(); ++i)
    put(kv.values, value_index(format, slot, i), values[i]);
}

void attend(const AttentionArgs& args) {
  for (size_t row = 0; row < args.columns * args.heads; ++row) {
    const size_t head = row % args.heads;
    float* state = args.states + row * state_floats(args.format.value_dim);
    std::fill_n(state, state_floats(args.format.value_dim), 0.0f);
    state[kStateLargest] = -INFINITY;
    if (args.sinks != nullptr) {
      state[kStateLargest] = args.sinks[head] / static_cast<float>(M_LN2);
      state[kStateTotal] = 1;
    }
    const float* query =
        args.query + row / args.heads * args.query_stride + head * args.format.key_dim;
    for (size_t chunk = args.first_chunk; chunk < args.end_chunk; ++chunk) {
      const VisibleRange seen = args.visible(row, chunk);
      const size_t first = chunk * kChunkPositions;
      if (!seen.empty()) attend_chunk(args, query, first + seen.begin, first + seen.end, state);
    }
  }
}

void finish_attention(float* states, size_t stride, size_t count, size_t value_dim, float* out) {
  for (size_t k = 1; k < count; ++k) {
    const float* part = states + k * stride;
    add_to_state(states, part[kStateLargest], part[kStateTotal], part + kStateMixed, value_dim);
  }
  for (size_t i = 0; i < value_dim; ++i) out[i] = states[kStateMixed + i] / states[kStateTotal];
}

}  // namespace hearth::reference
