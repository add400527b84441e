#include "quantize/plan.h"

#include <algorithm>

#include "base/text.h"
#include "tensor/encode.h"

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
      "_norm.weight",       "ffn_gate_inp.weight", "per_layer_model_proj",  "position_embd.weight",
      "token_types.weight", "ssm_conv1d",          "shortconv.conv.weight",
  };
  const bool matrix = tensor.n_dims >= 2 && tensor.rows() > 1;
  if (!matrix || !traits(tensor.type).computable || !ends_with(tensor.name, ".weight"))
    return false;
  return std::none_of(std::begin(kKept), std::end(kKept),
                      [&](std::string_view part) { return contains(tensor.name, part); });
}

DType fitting(DType type, const gguf::TensorInfo& tensor) {
  struct Instead {
    DType type, smaller;
  };
  constexpr Instead kInstead[] = {
      {DType::Q1_0, DType::Q4_0},  {DType::Q2_0, DType::Q4_0}, {DType::TQ1_0, DType::Q4_0},
      {DType::TQ2_0, DType::Q4_0}, {DType::Q2_K, DType::Q4_0}, {DType::Q3_K, DType::Q4_0},
      {DType::Q4_K, DType::Q5_0},  {DType::Q5_K, DType::Q5_1}, {DType::Q6_K, DType::Q8_0},
  };
  const auto fits = [&](DType each) { return row_bytes(each, tensor.dims[0]).has_value(); };
  if (fits(type)) return type;
  DType other = DType::IQ4_NL;
  for (const Instead& instead : kInstead) {
    if (instead.type == type) other = instead.smaller;
  }
  return fits(other) ? other : DType::F16;
}

Result<void> check_encodable(const gguf::File& file, const Plan& plan) {
  for (size_t t = 0; t < file.tensors.size(); ++t) {
    const gguf::TensorInfo& tensor = file.tensors[t];
    if (plan.types[t] == tensor.type || encodable(plan.types[t])) continue;
    return fail(ErrorCode::unsupported, "the plan has '", printable(tensor.name), "' in ",
                name_of(plan.types[t]), ", a format that this hearth reads but cannot make");
  }
  return {};
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
