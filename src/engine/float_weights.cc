#include "engine/float_weights.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "os/pages.h"
#include "os/system.h"
#include "tensor/reference.h"

namespace hearth::engine {
namespace {

constexpr uint64_t kAlignment = 64;

uint64_t float_bytes(const gguf::TensorInfo& tensor) {
  return (tensor.weights() * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
}

// What a model multiplies with, in another type than F32.
std::vector<gguf::TensorInfo> to_expand(const LoadedModel& model) {
  const model::Weights& weights = model.model().weights;
  const std::byte* const tables[] = {weights.tied_output ? nullptr : weights.token_embedding.data,
                                     weights.layer_embedding.data, weights.text.positions.data,
                                     weights.text.parts.data};
  std::vector<gguf::TensorInfo> tensors;
  for (const gguf::TensorInfo& tensor : model.file().gguf.tensors) {
    if (tensor.type == DType::F32 || tensor.rows() == 1 || !traits(tensor.type).computable)
      continue;
    if (std::find(std::begin(tables), std::end(tables), tensor.data.data()) == std::end(tables))
      tensors.push_back(tensor);
  }
  return tensors;
}

}  // namespace

void dequantize(const gguf::TensorInfo& tensor, ThreadPool& pool, float* out) {
  constexpr uint64_t kRowsTogether = 16;
  const uint64_t columns = tensor.dims[0];
  const uint64_t row = tensor.data.size() / tensor.rows();
  pool.run((tensor.rows() + kRowsTogether - 1) / kRowsTogether, [&](size_t chunk, size_t) {
    const uint64_t end = std::min(tensor.rows(), (chunk + 1) * kRowsTogether);
    for (uint64_t r = chunk * kRowsTogether; r < end; ++r)
      reference::dequantize(tensor.type, tensor.data.data() + r * row, columns, out + r * columns);
  });
}

uint64_t float_weights_bytes(const LoadedModel& model) {
  uint64_t bytes = 0;
  for (const gguf::TensorInfo& tensor : to_expand(model)) bytes += float_bytes(tensor);
  return bytes;
}

Result<std::unique_ptr<const LoadedModel>> with_float_weights(const LoadedModel& model,
                                                              ThreadPool& pool) {
  HEARTH_TRY(os::Pages pages, os::Pages::allocate(float_weights_bytes(model)));
  std::vector<gguf::TensorInfo> tensors = to_expand(model);
  uint64_t at = 0;
  for (gguf::TensorInfo& tensor : tensors) {
    if (os::interrupted()) return fail(ErrorCode::interrupted, "interrupted");
    std::byte* place = pages.data() + at;
    at += float_bytes(tensor);
    dequantize(tensor, pool, reinterpret_cast<float*>(place));
    tensor.type = DType::F32;
    tensor.data = {place, tensor.weights() * sizeof(float)};
  }
  return model.with_tensors(tensors, std::make_shared<const os::Pages>(std::move(pages)));
}

}  // namespace hearth::engine
