#include "model/weights.h"

#include "tensor/reference.h"

namespace hearth::model {

Result<const gguf::TensorInfo*> WeightBinder::find(std::string_view name, size_t columns,
                                                   size_t rows) const {
  const gguf::TensorInfo* tensor = file_.find(name);
  if (tensor == nullptr) {
    return fail(ErrorCode::bad_file, "tensor '", name,
                "' is missing: the file is incomplete or made for another architecture");
  }
  if (tensor->dims[0] != columns || tensor->rows() != rows) {
    return fail(ErrorCode::bad_file, "tensor '", name, "' has the shape ", tensor->dims[0], " x ",
                tensor->rows(), ", but the metadata asks for ", columns, " x ", rows);
  }
  if (!traits(tensor->type).computable) {
    return fail(ErrorCode::unsupported, "tensor '", name, "' is stored as ", name_of(tensor->type),
                ", which this hearth cannot compute with: get the model as Q4_K_M, Q8_0 or another "
                "common quantization");
  }
  return tensor;
}

Result<Matrix> WeightBinder::matrix(std::string_view name, size_t columns, size_t rows) const {
  HEARTH_TRY(const gguf::TensorInfo* tensor, find(name, columns, rows));
  return Matrix{tensor->type, tensor->data.data(), columns, rows,
                *row_bytes(tensor->type, columns)};
}

Result<const float*> WeightBinder::vector(std::string_view name, size_t size) {
  HEARTH_TRY(const gguf::TensorInfo* tensor, find(name, size, 1));
  if (traits(tensor->type).block_weights != 1) {
    return fail(ErrorCode::unsupported, "tensor '", name, "' is stored as ", name_of(tensor->type),
                ", but vectors must be F32, F16 or BF16");
  }
  if (tensor->type == DType::F32) return reinterpret_cast<const float*>(tensor->data.data());
  auto floats = std::make_unique<float[]>(size);
  reference::dequantize(tensor->type, tensor->data.data(), size, floats.get());
  weights_.converted.push_back(std::move(floats));
  return weights_.converted.back().get();
}

Result<const float*> WeightBinder::optional_vector(std::string_view name, size_t size) {
  if (!has(name)) return nullptr;
  return vector(name, size);
}

Result<Linear> WeightBinder::linear(std::string_view prefix, size_t columns, size_t rows) {
  Linear linear;
  const std::string scale = cat(prefix, ".scale");
  if (has(scale)) {
    HEARTH_TRY(const float* factor, vector(scale, 1));
    if (*factor != 1.0f) {
      return fail(ErrorCode::unsupported, "tensor '", scale, "' scales a whole matrix, which this ",
                  "hearth does not apply: get the model in another quantization");
    }
  }
  HEARTH_TRY(linear.weight, matrix(cat(prefix, ".weight"), columns, rows));
  HEARTH_TRY(linear.bias, optional_vector(cat(prefix, ".bias"), rows));
  return linear;
}

}  // namespace hearth::model
