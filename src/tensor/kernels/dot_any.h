// The dot function of an instruction set: from a type that is known at run time to its kernel.
#pragma once

#include "tensor/kernels/vector_ops.h"

namespace hearth {
namespace {

// Dots::run<type>(args) multiplies quantized weights; S is the instruction set of float ones.
template <class S, class Dots>
void dot_any(DType type, const DotArgs& args) {
  switch (type) {
    case DType::F32:
      return dot_float_rows<S, Storage::f32>(args);
    case DType::F16:
      return dot_float_rows<S, Storage::f16>(args);
    case DType::BF16:
      return dot_float_rows<S, Storage::bf16>(args);
    case DType::Q4_0:
      return Dots::template run<DType::Q4_0>(args);
    case DType::Q4_1:
      return Dots::template run<DType::Q4_1>(args);
    case DType::Q5_0:
      return Dots::template run<DType::Q5_0>(args);
    case DType::Q5_1:
      return Dots::template run<DType::Q5_1>(args);
    case DType::Q8_0:
      return Dots::template run<DType::Q8_0>(args);
    case DType::Q2_K:
      return Dots::template run<DType::Q2_K>(args);
    case DType::Q3_K:
      return Dots::template run<DType::Q3_K>(args);
    case DType::Q4_K:
      return Dots::template run<DType::Q4_K>(args);
    case DType::Q5_K:
      return Dots::template run<DType::Q5_K>(args);
    case DType::Q6_K:
      return Dots::template run<DType::Q6_K>(args);
    default:
      return;  // not computable: callers have checked
  }
}

}  // namespace
}  // namespace hearth
