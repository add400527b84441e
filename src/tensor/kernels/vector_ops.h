// Float operations written once and compiled for each instruction set: S is Avx2 or Avx512.
//
// Rows whose length is no multiple of the vector end in a copy padded with zeros, so the sums have
// the same order whatever the tail is. All names are in an unnamed namespace: each instruction
// set's file must keep its own copies (see float16.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tensor/kernels.h"
#include "tensor/kernels/prefetch.h"

namespace hearth {
namespace {

enum class Storage { f32, f16, bf16 };

template <Storage storage>
using Stored = std::conditional_t<storage == Storage::f32, float, uint16_t>;

template <class S, Storage storage>
typename S::V load(const Stored<storage>* from) {
  if constexpr (storage == Storage::f32)
    return S::load(from);
  else if constexpr (storage == Storage::f16)
    return S::load_f16(from);
  else
    return S::load_bf16(from);
}

// The last `count` (fewer than a vector) values, followed by zeros.
template <class S, Storage storage>
typename S::V load_tail(const Stored<storage>* from, size_t count) {
  Stored<storage> padded[S::kLanes] = {};
  std::memcpy(padded, from, count * sizeof padded[0]);
  return load<S, storage>(padded);
}

// Dots of one stored row with kColumns float columns, x[c] = column + c * n. Two accumulators for
// each.
template <class S, Storage storage, int kColumns>
void dot_columns(const Stored<storage>* row, const float* x, size_t n, float* out,
                 size_t out_stride) {
  typename S::V even[kColumns], odd[kColumns];
  for (int c = 0; c < kColumns; ++c) even[c] = odd[c] = S::zero();
  size_t i = 0;
  for (; i + 2 * S::kLanes <= n; i += 2 * S::kLanes) {
    prefetch_stream<2 * S::kLanes * sizeof *row>(row + i);
    const auto first = load<S, storage>(row + i);
    const auto second = load<S, storage>(row + i + S::kLanes);
    for (int c = 0; c < kColumns; ++c) {
      const float* column = x + static_cast<size_t>(c) * n + i;
      even[c] = S::fma(first, S::load(column), even[c]);
      odd[c] = S::fma(second, S::load(column + S::kLanes), odd[c]);
    }
  }
  for (; i < n; i += S::kLanes) {
    const size_t count = n - i < S::kLanes ? n - i : S::kLanes;
    const auto weights = load_tail<S, storage>(row + i, count);
    for (int c = 0; c < kColumns; ++c) {
      const auto column = load_tail<S, Storage::f32>(x + static_cast<size_t>(c) * n + i, count);
      even[c] = S::fma(weights, column, even[c]);
    }
  }
  for (int c = 0; c < kColumns; ++c) {
    out[static_cast<size_t>(c) * out_stride] = S::sum(S::add(even[c], odd[c]));
  }
}

template <class S, Storage storage>
void dot_float_rows(const DotArgs& args) {
  const size_t n = args.x.n;
  for (size_t r = 0; r < args.n_rows; ++r) {
    const auto* row = reinterpret_cast<const Stored<storage>*>(args.rows + r * args.row_bytes);
    size_t c = 0;
    for (; c + 4 <= args.x.columns; c += 4) {
      dot_columns<S, storage, 4>(row, args.x.values + c * n, n, args.out + c * args.out_stride + r,
                                 args.out_stride);
    }
    for (; c < args.x.columns; ++c) {
      dot_columns<S, storage, 1>(row, args.x.values + c * n, n, args.out + c * args.out_stride + r,
                                 args.out_stride);
    }
  }
}

// e^x to within 2 units in the last place for x in [-87, 88]; smaller x give the value at -87.
// Cody-Waite reduction by ln 2 in two parts, then the Taylor polynomial of degree 7 on |r| <=
// ln2/2, whose remainder is below 2^-27.
template <class S>
typename S::V exp(typename S::V x) {
  x = S::min(S::set(88.0f), S::max(S::set(-87.0f), x));  // in this order NaN stays NaN
  const auto whole = S::round(S::mul(x, S::set(1.44269504f)));
  auto r = S::fma(whole, S::set(-0.693359375f), x);
  r = S::fma(whole, S::set(2.12194440e-4f), r);
  auto p = S::set(1.0f / 5040.0f);
  p = S::fma(p, r, S::set(1.0f / 720.0f));
  p = S::fma(p, r, S::set(1.0f / 120.0f));
  p = S::fma(p, r, S::set(1.0f / 24.0f));
  p = S::fma(p, r, S::set(1.0f / 6.0f));
  p = S::fma(p, r, S::set(0.5f));
  p = S::fma(p, r, S::set(1.0f));
  p = S::fma(p, r, S::set(1.0f));
  return S::times_pow2(p, whole);
}

// Calls body(offset, count) for each vector of n values; count is below a whole vector at the tail
// only.
template <class S, class Body>
void for_vectors(size_t n, Body body) {
  for (size_t i = 0; i < n; i += S::kLanes) body(i, n - i < S::kLanes ? n - i : S::kLanes);
}

template <class S>
typename S::V load_count(const float* from, size_t count) {
  return count == S::kLanes ? S::load(from) : load_tail<S, Storage::f32>(from, count);
}

template <class S>
void store_count(float* to, typename S::V value, size_t count) {
  if (count == S::kLanes) return S::store(to, value);
  float padded[S::kLanes];
  S::store(padded, value);
  std::memcpy(to, padded, count * sizeof(float));
}

template <class S>
void rms_norm(const float* x, const float* weight, float eps, size_t n, float* out) {
  auto squares = S::zero();
  for_vectors<S>(n, [&](size_t i, size_t count) {
    const auto v = load_count<S>(x + i, count);
    squares = S::fma(v, v, squares);
  });
  const float mean = S::sum(squares) / static_cast<float>(n);
  const auto scale = S::set(1.0f / __builtin_sqrtf(mean + eps));
  for_vectors<S>(n, [&](size_t i, size_t count) {
    const auto v = S::mul(load_count<S>(x + i, count), scale);
    store_count<S>(out + i, S::mul(v, load_count<S>(weight + i, count)), count);
  });
}

template <class S>
void layer_norm(const float* x, const float* weight, const float* bias, float eps, size_t n,
                float* out) {
  auto sums = S::zero();
  for_vectors<S>(n,
                 [&](size_t i, size_t count) { sums = S::add(sums, load_count<S>(x + i, count)); });
  const float mean = S::sum(sums) / static_cast<float>(n);
  auto squares = S::zero();
  for_vectors<S>(n, [&](size_t i, size_t count) {
    // Lanes behind the last value hold the mean, so that they add nothing.
    float padded[S::kLanes];
    for (float& lane : padded) lane = mean;
    std::memcpy(padded, x + i, count * sizeof(float));
    const auto off = S::sub(S::load(padded), S::set(mean));
    squares = S::fma(off, off, squares);
  });
  const float variance = S::sum(squares) / static_cast<float>(n);
  const auto scale = S::set(1.0f / __builtin_sqrtf(variance + eps));
  for_vectors<S>(n, [&](size_t i, size_t count) {
    const auto normed = S::mul(S::sub(load_count<S>(x + i, count), S::set(mean)), scale);
    const auto added = bias != nullptr ? load_count<S>(bias + i, count) : S::zero();
    store_count<S>(out + i, S::fma(normed, load_count<S>(weight + i, count), added), count);
  });
}

template <class S>
void add_columns(float* x, size_t x_stride, const float* y, size_t y_stride, size_t n,
                 size_t columns, float scale) {
  for (size_t c = 0; c < columns; ++c) {
    float* to = x + c * x_stride;
    const float* from = y + c * y_stride;
    for_vectors<S>(n, [&](size_t i, size_t count) {
      const auto sum =
          S::fma(load_count<S>(from + i, count), S::set(scale), load_count<S>(to + i, count));
      store_count<S>(to + i, sum, count);
    });
  }
}

template <class S>
typename S::V sigmoid(typename S::V x) {
  return S::div(S::set(1.0f), S::add(S::set(1.0f), exp<S>(S::sub(S::zero(), x))));
}

// To within 2^-23; what is nearer to 0 than that has no relative accuracy.
template <class S>
typename S::V tanh(typename S::V x) {
  const auto power = exp<S>(S::add(x, x));
  return S::div(S::sub(power, S::set(1.0f)), S::add(power, S::set(1.0f)));
}

// 1 - erf(z) for z >= 0: t e^(p(t) - z^2) with t = 1 / (1 + z / 2). The polynomial is the Chebyshev
// fit of log(erfc(z) e^(z^2) / t), which is off by 5e-8; in floats the whole is off by 4e-7, and
// where it is small by 1e-5 of itself.
template <class S>
typename S::V erfc(typename S::V z) {
  constexpr float kFit[] = {0.140507132f,  -0.656615853f, 1.09943843f,   -0.619523346f,
                            -0.144173518f, 0.0354678668f, 0.0228741411f, 0.389117151f,
                            0.998341441f,  -1.26543343f};
  const auto t = S::div(S::set(1.0f), S::fma(z, S::set(0.5f), S::set(1.0f)));
  auto p = S::set(kFit[0]);
  for (size_t i = 1; i < 10; ++i) p = S::fma(p, t, S::set(kFit[i]));
  return S::mul(t, exp<S>(S::sub(p, S::mul(z, z))));
}

template <class S, class Function>
void activate_with(float* x, const float* up, size_t n, Function function) {
  for_vectors<S>(n, [&](size_t i, size_t count) {
    const auto factor = up != nullptr ? load_count<S>(up + i, count) : S::set(1.0f);
    store_count<S>(x + i, function(load_count<S>(x + i, count), factor), count);
  });
}

template <class S>
void activate(Activation activation, float* x, const float* up, size_t n) {
  using V = typename S::V;
  switch (activation) {
    case Activation::silu:
      return activate_with<S>(
          x, up, n, [](V a, V factor) { return S::mul(S::mul(a, sigmoid<S>(a)), factor); });
    case Activation::gelu:  // 1 + tanh(u) is 2 sigmoid(2 u)
      return activate_with<S>(x, up, n, [](V a, V factor) {
        const auto bent = S::fma(S::mul(a, a), S::set(0.044715f), S::set(1.0f));
        const auto twice = S::mul(S::mul(S::set(1.59576912f), a), bent);
        return S::mul(S::mul(a, sigmoid<S>(twice)), factor);
      });
    case Activation::gelu_erf:  // max(x, 0) - |x| / 2 * erfc(|x| / sqrt(2))
      return activate_with<S>(x, up, n, [](V a, V factor) {
        const auto size = S::max(a, S::sub(S::zero(), a));
        const auto missing =
            S::mul(S::mul(size, S::set(0.5f)), erfc<S>(S::mul(size, S::set(0.707106781f))));
        return S::mul(S::sub(S::max(S::zero(), a), missing), factor);
      });
    case Activation::sigmoid:
      return activate_with<S>(x, up, n,
                              [](V a, V factor) { return S::mul(sigmoid<S>(a), factor); });
    case Activation::clipped_silu:
      return activate_with<S>(x, up, n, [](V a, V factor) {
        const auto gate = S::min(S::set(7.0f), a);
        const auto linear = S::min(S::set(7.0f), S::max(S::set(-7.0f), factor));
        const auto bent = S::mul(gate, sigmoid<S>(S::mul(S::set(1.702f), gate)));
        return S::mul(bent, S::add(linear, S::set(1.0f)));
      });
  }
}

template <class S>
void soft_cap(float* x, float cap, size_t n) {
  for_vectors<S>(n, [&](size_t i, size_t count) {
    const auto share = S::mul(load_count<S>(x + i, count), S::set(1.0f / cap));
    store_count<S>(x + i, S::mul(tanh<S>(share), S::set(cap)), count);
  });
}

template <class S>
void add(float* x, const float* y, size_t n) {
  for_vectors<S>(n, [&](size_t i, size_t count) {
    store_count<S>(x + i, S::add(load_count<S>(x + i, count), load_count<S>(y + i, count)), count);
  });
}

template <class S>
void to_f16(const float* values, size_t n, uint16_t* out) {
  for_vectors<S>(n, [&](size_t i, size_t count) {
    uint16_t padded[S::kLanes];
    S::store_f16(padded, load_count<S>(values + i, count));
    std::memcpy(out + i, padded, count * sizeof(uint16_t));
  });
}

// Blocks of 32 as reference::quantize makes them, bit for bit on finite values.
template <class S>
void quantize(const float* values, size_t n, int8_t* quants, float* scales) {
  constexpr size_t kVectors = 32 / S::kLanes;
  for (size_t block = 0; block < Activations::padded(n); block += 32) {
    if (n <= block) {
      std::memset(quants + block, 0, 32);
      scales[block / 32] = 0;
      continue;
    }
    float padded[32] = {};
    const float* from = values + block;
    if (n < block + 32) {
      std::memcpy(padded, values + block, (n - block) * sizeof(float));
      from = padded;
    }
    typename S::V v[kVectors];
    auto top = S::zero();
    auto poison = S::zero();  // stays 0 unless a value is no finite number
    for (size_t k = 0; k < kVectors; ++k) {
      v[k] = S::load(from + k * S::kLanes);
      top = S::max(S::abs(v[k]), top);
      poison = S::fma(v[k], S::zero(), poison);
    }
    const float largest = S::largest(top);
    scales[block / 32] = largest / 127.0f + S::sum(poison);
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    // An infinite inverse (subnormal block) has no usable quants; nor has anything beyond the
    // floats.
    const auto factor = S::set(inverse <= __FLT_MAX__ && largest <= __FLT_MAX__ ? inverse : 0.0f);
    for (size_t k = 0; k < kVectors; ++k) {
      S::store_i8(quants + block + k * S::kLanes, S::mul(v[k], factor));
    }
  }
}

// 1 / the length of a vector.
template <class S>
float inverse_length(const float* values, size_t n, float eps) {
  auto squares = S::zero();
  for_vectors<S>(n, [&](size_t i, size_t count) {
    const auto v = load_count<S>(values + i, count);
    squares = S::fma(v, v, squares);
  });
  return 1.0f / __builtin_sqrtf(S::sum(squares) + eps);
}

template <class S>
void delta_step(const DeltaStep& step) {
  const size_t n = step.dim;
  const float of_key = inverse_length<S>(step.key, n, step.eps);
  const float of_query =
      inverse_length<S>(step.query, n, step.eps) / __builtin_sqrtf(static_cast<float>(n));
  const auto keep = S::set(step.keep);
  for (size_t v = 0; v < n; ++v) {
    float* row = step.memory + v * n;
    auto known = S::zero();
    for_vectors<S>(n, [&](size_t i, size_t count) {
      const auto kept = S::mul(load_count<S>(row + i, count), keep);
      store_count<S>(row + i, kept, count);
      known = S::fma(kept, load_count<S>(step.key + i, count), known);
    });
    const float news = (step.value[v] - S::sum(known) * of_key) * step.learn;
    const auto factor = S::set(news * of_key);
    auto out = S::zero();
    for_vectors<S>(n, [&](size_t i, size_t count) {
      const auto row_now =
          S::fma(factor, load_count<S>(step.key + i, count), load_count<S>(row + i, count));
      store_count<S>(row + i, row_now, count);
      out = S::fma(row_now, load_count<S>(step.query + i, count), out);
    });
    step.out[v] = S::sum(out) * of_query;
  }
}

// Everything in the table but attention and the dots of quantized weights.
template <class S>
void fill_vector_ops(Kernels& kernels) {
  kernels.quantize = quantize<S>;
  kernels.rms_norm = rms_norm<S>;
  kernels.layer_norm = layer_norm<S>;
  kernels.activate = activate<S>;
  kernels.soft_cap = soft_cap<S>;
  kernels.delta_step = delta_step<S>;
  kernels.add = add<S>;
  kernels.add_columns = add_columns<S>;
}

}  // namespace
}  // namespace hearth
