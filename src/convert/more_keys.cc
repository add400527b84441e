// Keys and tensors that some families have: windows, pooling, blocks in MXFP4.
#include "convert/conversion.h"
#include "os/file.h"

namespace hearth::convert {
namespace {

constexpr uint64_t kMaxSmallBytes = uint64_t{1} << 20;
constexpr uint64_t kBlock = 32;       // values of MXFP4 that share a scale
constexpr uint64_t kBlockBytes = 16;  // two in a byte

// The numbers are llama.cpp's.
struct PoolingName {
  std::string_view flag;  // in older files, true for one of them
  std::string_view name;
  uint32_t number;
};
constexpr PoolingName kPoolings[] = {
    {"pooling_mode_mean_tokens", "mean", 1},
    {"pooling_mode_cls_token", "cls", 2},
    {"pooling_mode_lasttoken", "lasttoken", 3},
};

// The folder of the module that pools; "" where there is none.
std::string pooling_folder(const Json& modules) {
  if (!modules.is_array()) return {};
  for (const Json& module : modules) {
    if (ends_with(text_of(module, "type"), "Pooling")) return text_of(module, "path");
  }
  return {};
}

bool is_true(const Json& object, std::string_view name) {
  const Json* value = member(object, name);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

}  // namespace

Result<void> Conversion::add_sliding_layers() {
  HEARTH_TRY(const std::vector<std::string> types, config.layer_types());
  std::vector<bool> slides;
  for (const std::string& type : types) slides.push_back(type == "sliding_attention");
  if (types.empty() && config.has({"sliding_window_pattern"})) {
    HEARTH_TRY(const uint32_t period, config.size({"sliding_window_pattern"}));
    HEARTH_TRY(const uint32_t layers, n_layers());
    for (uint32_t i = 0; i < layers; ++i) {
      slides.push_back(period == 0 || (i + 1) % period != 0);
    }
  }
  if (!slides.empty()) set_flags("attention.sliding_window_pattern", std::move(slides));
  return {};
}

Result<void> Conversion::add_pooling() {
  const std::string list = cat(folder, "/modules.json");
  if (!os::file_exists(list)) return {};
  HEARTH_TRY(const Json modules, read_json(list, kMaxSmallBytes));
  const std::string part = pooling_folder(modules);
  if (part.empty() || part.find("..") != std::string::npos || part[0] == '/') return {};
  HEARTH_TRY(const Json pooling, read_json(cat(folder, "/", part, "/config.json"), kMaxSmallBytes));
  for (const PoolingName& kind : kPoolings) {
    if (!is_true(pooling, kind.flag) && text_of(pooling, "pooling_mode") != kind.name) continue;
    set_size("pooling_type", kind.number);
    return {};
  }
  return fail(ErrorCode::unsupported, "'", printable(part, 100),
              "/config.json asks for a pooling that hearth does not know: it knows the mean of all "
              "tokens, the first and the last");
}

Result<void> Conversion::add_mxfp4(const std::string& from, const std::string& to, uint64_t first,
                                   uint64_t step) {
  const std::string names[] = {from + "_blocks", from + "_scales"};
  const SourceTensor* blocks = source(names[0]);
  const SourceTensor* scales = source(names[1]);
  if (blocks == nullptr && scales == nullptr) return {};
  if (blocks == nullptr || scales == nullptr || blocks->type != SourceType::U8 ||
      scales->type != SourceType::U8 || blocks->shape.size() != 4 || scales->shape.size() != 3 ||
      !std::equal(scales->shape.begin(), scales->shape.end(), blocks->shape.begin()) ||
      blocks->shape[3] != kBlockBytes || blocks->data.empty() || blocks->shape[1] % step != 0 ||
      scales->rows() > UINT32_MAX) {
    return fail(ErrorCode::bad_file, "tensors '", printable(names[0]), "' and '",
                printable(names[1]), "' are no blocks of MXFP4 with their scales");
  }
  for (const std::string& name : names) used_[name] = true;
  TensorPlan plan;
  plan.name = to;
  plan.type = DType::MXFP4;
  plan.sources = {Source{blocks, scales, 0, 0}};
  plan.dims = {blocks->shape[2] * kBlock, blocks->shape[1] / step, blocks->shape[0]};
  for (uint64_t row = first; row < scales->rows(); row += step) {
    plan.rows.push_back(static_cast<uint32_t>(row));
  }
  tensors.push_back(std::move(plan));
  return {};
}

Result<uint32_t> positions_skipped(const HfConfig& config) {
  if (config.architecture().find("Roberta") == std::string::npos) return 0;
  HEARTH_TRY(const uint32_t filler, config.size_or({"pad_token_id"}, 1));
  return filler + 1;
}

}  // namespace hearth::convert
