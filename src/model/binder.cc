#include "model/binder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tensor/reference.h"

namespace hearth::model {

Result<void> Keys::open() {
  HEARTH_TRY(const std::string_view name, metadata_.text("general.architecture"));
  architecture_ = name;
  return {};
}

Result<size_t> Keys::size(std::string_view name, size_t limit) const {
  HEARTH_TRY(const uint64_t value, metadata_.u64(key(name)));
  if (value == 0 || value > limit) {
    return fail(ErrorCode::bad_file, "metadata key '", key(name), "' is ", value,
                ", it must be from 1 to ", limit);
  }
  return static_cast<size_t>(value);
}

Result<size_t> Keys::size_or(std::string_view name, size_t limit, size_t fallback) const {
  if (!has(name)) return fallback;
  return size(name, limit);
}

Result<size_t> Keys::count_or(std::string_view name, size_t limit, size_t fallback) const {
  HEARTH_TRY(const uint64_t value, metadata_.u64_or(key(name), fallback));
  if (value > limit) {
    return fail(ErrorCode::bad_file, "metadata key '", key(name), "' is ", value,
                ", it must be at most ", limit);
  }
  return static_cast<size_t>(value);
}

Result<double> Keys::real(std::string_view name, double least, double most) const {
  if (!has(name)) return fail(ErrorCode::bad_file, "metadata key '", key(name), "' is missing");
  return real_or(name, least, most, least);
}

Result<double> Keys::real_or(std::string_view name, double least, double most,
                             double fallback) const {
  HEARTH_TRY(const double value, metadata_.f64_or(key(name), fallback));
  if (!(value >= least && value <= most)) {
    return fail(ErrorCode::bad_file, "metadata key '", key(name), "' is ", value,
                ", it must be from ", least, " to ", most);
  }
  return value;
}

Result<bool> Keys::flag_or(std::string_view name, bool fallback) const {
  return metadata_.bool_or(key(name), fallback);
}

Result<std::string_view> Keys::text_or(std::string_view name, std::string_view fallback) const {
  return metadata_.text_or(key(name), fallback);
}

Result<std::vector<size_t>> Keys::per_layer(std::string_view name, size_t n_layers,
                                            size_t limit) const {
  const gguf::Value* value = metadata_.find(key(name));
  if (value == nullptr || value->type != gguf::ValueType::array) {
    HEARTH_TRY(const size_t same, size(name, limit));
    return std::vector<size_t>(n_layers, same);
  }
  const gguf::Array& array = value->array;
  if (gguf::fixed_size(array.element) == 0 || array.count < n_layers) {
    return fail(ErrorCode::bad_file, "metadata key '", key(name), "' must hold ", n_layers,
                " numbers, one for each layer, but has ", array.count);
  }
  std::vector<size_t> all(n_layers);
  for (size_t i = 0; i < n_layers; ++i) {
    const int64_t number = array.integer(i);
    if (number < 0 || static_cast<uint64_t>(number) > limit) {
      return fail(ErrorCode::bad_file, "metadata key '", key(name), "' has ", number, " at layer ",
                  i, ", it must be from 0 to ", limit);
    }
    all[i] = static_cast<size_t>(number);
  }
  return all;
}

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

Result<size_t> WeightBinder::rows(std::string_view name, size_t limit) const {
  const gguf::TensorInfo* tensor = file_.find(name);
  const uint64_t rows = tensor == nullptr ? 0 : tensor->rows();
  if (rows == 0 || rows > limit) {
    return fail(ErrorCode::bad_file, "tensor '", name, "' has ", rows, " rows, it must have 1 to ",
                limit);
  }
  return static_cast<size_t>(rows);
}

Result<Matrix> WeightBinder::matrix(std::string_view name, size_t columns, size_t rows) const {
  HEARTH_TRY(const gguf::TensorInfo* tensor, find(name, columns, rows));
  return Matrix{tensor->type, tensor->data.data(), columns, rows,
                *row_bytes(tensor->type, columns)};
}

Result<const float*> WeightBinder::floats(const gguf::TensorInfo& tensor, size_t size) {
  if (traits(tensor.type).block_weights != 1) {
    return fail(ErrorCode::unsupported, "tensor '", tensor.name, "' is stored as ",
                name_of(tensor.type), ", but vectors must be F32, F16 or BF16");
  }
  if (tensor.type == DType::F32) return reinterpret_cast<const float*>(tensor.data.data());
  auto floats = std::make_unique<float[]>(size);
  reference::dequantize(tensor.type, tensor.data.data(), size, floats.get());
  weights_.converted.push_back(std::move(floats));
  return weights_.converted.back().get();
}

Result<const float*> WeightBinder::vector(std::string_view name, size_t size) {
  HEARTH_TRY(const gguf::TensorInfo* tensor, find(name, size, 1));
  return floats(*tensor, size);
}

Result<const float*> WeightBinder::optional_vector(std::string_view name, size_t size) {
  if (!has(name)) return nullptr;
  return vector(name, size);
}

Result<const float*> WeightBinder::table(std::string_view name, size_t columns, size_t rows) {
  HEARTH_TRY(const gguf::TensorInfo* tensor, find(name, columns, rows));
  return floats(*tensor, columns * rows);
}

const float* WeightBinder::ones(size_t size) {
  auto floats = std::make_unique<float[]>(size);
  std::fill_n(floats.get(), size, 1.0f);
  weights_.converted.push_back(std::move(floats));
  return weights_.converted.back().get();
}

const float* WeightBinder::scaled(const float* values, size_t size, float factor) {
  auto floats = std::make_unique<float[]>(size);
  for (size_t i = 0; i < size; ++i) floats[i] = values[i] * factor;
  weights_.converted.push_back(std::move(floats));
  return weights_.converted.back().get();
}

Result<Linear> WeightBinder::linear(std::string_view prefix, size_t columns, size_t rows) {
  Linear linear;
  HEARTH_TRY(linear.weight, matrix(cat(prefix, ".weight"), columns, rows));
  HEARTH_TRY(linear.bias, optional_vector(cat(prefix, ".bias"), rows));
  HEARTH_TRY(const float* scale, optional_vector(cat(prefix, ".scale"), 1));
  if (scale != nullptr) linear.scale = *scale;
  return linear;
}

Result<Norm> WeightBinder::norm(std::string_view prefix, size_t size) {
  Norm norm;
  HEARTH_TRY(norm.weight, vector(cat(prefix, ".weight"), size));
  HEARTH_TRY(norm.bias, optional_vector(cat(prefix, ".bias"), size));
  return norm;
}

Result<LinearSet> WeightBinder::set(std::string_view prefix, size_t columns, size_t rows,
                                    size_t count) {
  HEARTH_TRY(const Matrix all, matrix(cat(prefix, ".weight"), columns, rows * count));
  LinearSet set;
  set.first.weight = all.slice(0, rows);
  set.count = count;
  set.stride = rows * all.row_bytes;
  set.bias_stride = rows;
  if (has(cat(prefix, ".bias"))) {
    HEARTH_TRY(set.first.bias, table(cat(prefix, ".bias"), rows, count));
  }
  HEARTH_TRY(set.scales, optional_vector(cat(prefix, ".scale"), count));
  return set;
}

}  // namespace hearth::model
