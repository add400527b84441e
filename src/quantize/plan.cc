#include "quantize/plan.h"

#include <algorithm>

#include "base/text.h"

namespace hearth::quantize {
namespace {

constexpr std::string_view kFileType = "general.file_type";
constexpr std::string_view kVersion = "general.quantization_version";
constexpr uint32_t kQuantizationVersion = 2;
constexpr std::string_view kSplitKeys = "split.";
constexpr std::string_view kNotes = "quantize.";

bool contains(std::string_view name, std::string_view part) {
  return name.find(part) != std::string_view::npos;
}

}  // namespace

bool quantizable(const gguf::TensorInfo& tensor) {
  constexpr std::string_view kKept[] = {
      "_norm.weight", "ffn_gate_inp",   "per_layer_model_proj", "position_embd", "token_types",
      "ssm_conv1d",   "shortconv.conv", "rope_freqs",           "rope_factors",
  };
  const bool matrix = tensor.n_dims >= 2 && tensor.rows() > 1;
  const bool floats = tensor.type == DType::F32 || tensor.type == DType::F16 ||
                      tensor.type == DType::BF16 || traits(tensor.type).computable;
  if (!matrix || !floats || !ends_with(tensor.name, ".weight")) return false;
  return std::none_of(std::begin(kKept), std::end(kKept),
                      [&](std::string_view part) { return contains(tensor.name, part); });
}

DType fitting(DType type, const gguf::TensorInfo& tensor) {
  const auto fits = [&](DType candidate) {
    return row_bytes(candidate, tensor.dims[0]).has_value();
  };
  if (fits(type)) return type;
  DType other = DType::IQ4_NL;
  if (type == DType::Q2_K || type == DType::Q3_K || type == DType::TQ1_0 || type == DType::TQ2_0)
    other = DType::Q4_0;
  if (type == DType::Q4_K) other = DType::Q5_0;
  if (type == DType::Q5_K) other = DType::Q5_1;
  if (type == DType::Q6_K) other = DType::Q8_0;
  return fits(other) ? other : DType::F16;
}

Result<gguf::Writer> announce(const gguf::File& file, const Plan& plan) {
  gguf::Writer writer;
  for (const auto& [key, value] : file.metadata.entries()) {
    const bool ours = key == kFileType || key == kVersion || starts_with(key, kSplitKeys) ||
                      starts_with(key, kNotes) || key == "general.alignment";
    if (!ours) writer.add_value(key, value);
  }
  writer.add_u32(kFileType, plan.file_type);
  writer.add_u32(kVersion, kQuantizationVersion);
  for (const auto& [key, value] : plan.notes) writer.add_text(cat(kNotes, key), value);
  for (size_t t = 0; t < file.tensors.size(); ++t) {
    const gguf::TensorInfo& tensor = file.tensors[t];
    const uint64_t* first = tensor.dims.data();
    HEARTH_CHECK(writer.add_tensor(tensor.name, plan.types[t], {first, first + tensor.n_dims}));
  }
  return writer;
}

Result<uint64_t> file_bytes(const gguf::File& file, const Plan& plan) {
  HEARTH_TRY(const gguf::Writer writer, announce(file, plan));
  return writer.file_bytes();
}

}  // namespace hearth::quantize
