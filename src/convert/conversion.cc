#include "convert/conversion.h"

#include <algorithm>

namespace hearth::convert {
namespace {

constexpr uint32_t kMaxLayers = 1024;  // what hearth runs
constexpr uint32_t kMaxExperts = 4096;
constexpr uint32_t kMaxHeadDim = 65536;

// Parts that see, hear or guess ahead, and tables that follow from the configuration.
constexpr std::string_view kOtherParts[] = {
    "vision_tower.",
    "vision_model.",
    "vision_encoder.",
    "visual.",
    "multi_modal_projector.",
    "patch_merger.",
    "audio_tower.",
    "embed_vision.",
    "embed_audio.",
    "model.vision_tower.",
    "model.visual.",
    "model.multi_modal_projector.",
    "model.audio_tower.",
    "model.embed_vision.",
    "model.embed_audio.",
    "mtp.",
    "model.mtp.",
};
constexpr std::string_view kOtherEnds[] = {".rotary_emb.inv_freq", ".activation_scale",
                                           ".input_scale"};

// Matrices that are read as floats whatever the others are stored as.
constexpr std::string_view kAlwaysF32[] = {
    "ffn_gate_inp.weight", "ffn_gate_inp_shexp.weight", "position_embd.weight",
    "token_types.weight",  "ssm_conv1d.weight",         "shortconv.conv.weight",
};

template <size_t N>
bool begins_with_any(std::string_view name, const std::string_view (&prefixes)[N]) {
  return std::any_of(std::begin(prefixes), std::end(prefixes),
                     [&](std::string_view prefix) { return starts_with(name, prefix); });
}

template <size_t N>
bool ends_with_any(std::string_view name, const std::string_view (&suffixes)[N]) {
  return std::any_of(std::begin(suffixes), std::end(suffixes),
                     [&](std::string_view suffix) { return ends_with(name, suffix); });
}

// The name that a model for text alone would have: the text part of others is wrapped, the bare
// inner model of some has no "model." in front, and early BERTs call weights otherwise.
std::string canonical_name(std::string_view name) {
  struct Wrap {
    std::string_view from;
    std::string_view to;
  };
  constexpr Wrap kWraps[] = {
      {"language_model.", ""},
      {"model.language_model.", "model."},
      {"model.text_model.", "model."},
      {"layers.", "model.layers."},
      {"embed_tokens.", "model.embed_tokens."},
      {"norm.", "model.norm."},
      {"embedding_norm.", "model.embedding_norm."},
      {"bert.", ""},
      {"roberta.", ""},
  };
  if (ends_with(name, ".gamma"))
    return canonical_name(cat(name.substr(0, name.size() - 5), "weight"));
  if (ends_with(name, ".beta")) return canonical_name(cat(name.substr(0, name.size() - 4), "bias"));
  for (const Wrap& wrap : kWraps) {
    if (starts_with(name, wrap.from)) return cat(wrap.to, name.substr(wrap.from.size()));
  }
  return std::string(name);
}

std::string with_number(std::string_view text, char mark, uint32_t number) {
  const size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::string(text);
  return cat(text.substr(0, at), number, text.substr(at + 1));
}

bool has(std::string_view text, char mark) { return text.find(mark) != std::string_view::npos; }

bool is_weights(SourceType type) {
  return type == SourceType::F32 || type == SourceType::F16 || type == SourceType::BF16 ||
         type == SourceType::F64 || type == SourceType::F8_E4M3;
}

}  // namespace

Conversion::Conversion(std::string model_folder, HfConfig model_config,
                       const Checkpoint& checkpoint, std::optional<DType> type)
    : folder(std::move(model_folder)),
      config(std::move(model_config)),
      type_(type),
      n_sources_(checkpoint.tensors().size()) {
  for (const SourceTensor& tensor : checkpoint.tensors()) {
    sources_.emplace(canonical_name(tensor.name), &tensor);
  }
}

void Conversion::set_architecture(std::string_view name) {
  architecture_ = name;
  keys.set_text("general.architecture", name);
  keys.set_text("general.type", "model");
}

std::string Conversion::key(std::string_view name) const { return cat(architecture_, ".", name); }

void Conversion::set_size(std::string_view name, uint32_t value) { keys.set(key(name), value); }
void Conversion::set_real(std::string_view name, double value) {
  keys.set(key(name), static_cast<float>(value));
}
void Conversion::set_flag(std::string_view name, bool value) { keys.set(key(name), value); }
void Conversion::set_text(std::string_view name, std::string_view value) {
  keys.set_text(key(name), value);
}
void Conversion::set_list(std::string_view name, std::vector<int32_t> values) {
  keys.set(key(name), std::move(values));
}
void Conversion::set_flags(std::string_view name, std::vector<bool> values) {
  keys.set(key(name), std::move(values));
}

Result<void> Conversion::copy_size(std::string_view name, Names from) {
  if (!config.has(from)) return {};
  HEARTH_TRY(const uint32_t value, config.size(from));
  set_size(name, value);
  return {};
}

Result<void> Conversion::copy_real(std::string_view name, Names from) {
  if (!config.has(from)) return {};
  HEARTH_TRY(const double value, config.real(from));
  set_real(name, value);
  return {};
}

Result<void> Conversion::copy_flag(std::string_view name, Names from) {
  if (!config.has(from)) return {};
  HEARTH_TRY(const bool value, config.flag_or(from, false));
  set_flag(name, value);
  return {};
}

const SourceTensor* Conversion::source(std::string_view name) const {
  const auto found = sources_.find(name);
  return found == sources_.end() ? nullptr : found->second;
}

Result<void> Conversion::add_tensors(std::span<const NameRule> rules) {
  HEARTH_TRY(const uint32_t layers, n_layers());
  for (const NameRule& rule : rules) {
    const uint32_t count = has(rule.from, '#') ? layers : 1;
    for (uint32_t layer = 0; layer < count; ++layer) {
      std::string from = with_number(rule.from, '#', layer);
      std::string to = with_number(rule.to, '#', layer);
      if (!ends_with(from, ".*")) {
        HEARTH_CHECK(add_rule(rule, std::move(from), std::move(to)));
        continue;
      }
      from.pop_back();
      to.pop_back();
      HEARTH_CHECK(add_rule(rule, cat(from, "weight"), cat(to, "weight")));
      NameRule bias = rule;
      bias.need = Need::optional;
      HEARTH_CHECK(add_rule(bias, cat(from, "bias"), cat(to, "bias")));
    }
  }
  return {};
}

Result<void> Conversion::add_rule(const NameRule& rule, std::string from, std::string to) {
  TensorPlan plan;
  plan.name = std::move(to);
  uint32_t experts = 1;
  if (has(from, '@')) {
    HEARTH_TRY(experts,
               config.size_or({"num_local_experts", "num_experts", "n_routed_experts"}, 0));
    if (experts == 0 && rule.need == Need::optional) return {};
    if (experts == 0 || experts > kMaxExperts) {
      return fail(ErrorCode::bad_file, "config.json: ", experts, " experts, from 1 to ",
                  kMaxExperts, " are possible");
    }
  }
  for (uint32_t expert = 0; expert < experts; ++expert) {
    const std::string name = with_number(from, '@', expert);
    const SourceTensor* tensor = source(name);
    if (tensor == nullptr) {
      if (rule.need == Need::optional && expert == 0) return {};
      return fail(ErrorCode::bad_file, "tensor '", printable(name),
                  "' is missing: the checkpoint is incomplete, or no ", architecture_,
                  " that hearth knows");
    }
    HEARTH_TRY(const Source taken, take(*tensor, name));
    plan.sources.push_back(taken);
    if (tensor->shape != plan.sources[0].values->shape) {
      return fail(ErrorCode::bad_file, "tensor '", printable(name),
                  "' has another shape than that of expert 0");
    }
  }
  const std::vector<uint64_t>& shape = plan.sources[0].values->shape;
  plan.dims.assign(shape.rbegin(), shape.rend());
  if (plan.dims.empty()) plan.dims.push_back(1);
  if (has(from, '@')) plan.dims.push_back(experts);
  if (plan.source_rows() > UINT32_MAX || plan.source_columns() > UINT32_MAX) {
    return fail(ErrorCode::too_large, "tensor '", printable(from), "' has more than ", UINT32_MAX,
                " rows or columns");
  }
  if (rule.edit != nullptr) HEARTH_CHECK(rule.edit(*this, plan));
  return finish_plan(std::move(plan));
}

Result<Source> Conversion::take(const SourceTensor& tensor, std::string_view canonical) {
  used_[std::string(canonical)] = true;
  Source source{&tensor, nullptr, 0, 0};
  if (!is_weights(tensor.type)) {
    return fail(ErrorCode::unsupported, "tensor '", printable(tensor.name), "' is stored as ",
                name_of(tensor.type), ", which hearth does not convert: get the model in BF16");
  }
  if (tensor.data.empty()) {
    return fail(ErrorCode::bad_file, "tensor '", printable(tensor.name), "' has no values");
  }
  if (tensor.type != SourceType::F8_E4M3) return source;
  for (const std::string_view end : {"_scale_inv", "_scale"}) {
    const std::string name = cat(canonical, end);
    source.scales = this->source(name);
    if (source.scales == nullptr) continue;
    used_[name] = true;
    break;
  }
  if (source.scales == nullptr || source.scales->data.empty() ||
      (source.scales->type != SourceType::F32 && source.scales->type != SourceType::BF16)) {
    return fail(ErrorCode::unsupported, "tensor '", printable(tensor.name),
                "' is stored in 8 bits without scales in F32 or BF16: get the model in BF16");
  }
  // A scale for the whole matrix, for each row, or for square blocks.
  const uint64_t rows = source.scales->rows();
  const uint64_t columns = source.scales->columns();
  source.block_rows = rows == 1 ? tensor.rows() : rows == tensor.rows() ? 1 : 128;
  source.block_columns = columns == 1 ? tensor.columns() : 128;
  if ((tensor.rows() + source.block_rows - 1) / source.block_rows != rows ||
      (tensor.columns() + source.block_columns - 1) / source.block_columns != columns) {
    return fail(ErrorCode::unsupported, "tensor '", printable(source.scales->name), "' has ", rows,
                " x ", columns, " scales, which are not of blocks of 128 x 128");
  }
  return source;
}

DType Conversion::type_of(const TensorPlan& plan) const {
  if (plan.sources.empty() || plan.dims.size() == 1) return DType::F32;
  if (!ends_with(plan.name, ".weight") || ends_with(plan.name, "_norm.weight")) return DType::F32;
  if (ends_with_any(plan.name, kAlwaysF32)) return DType::F32;
  const SourceType source = plan.sources[0].values->type;
  const DType own = source == SourceType::F16                                     ? DType::F16
                    : source == SourceType::BF16 || source == SourceType::F8_E4M3 ? DType::BF16
                                                                                  : DType::F32;
  const DType wanted = type_.value_or(own);
  return row_bytes(wanted, plan.dims[0]) ? wanted : DType::F16;
}

Result<void> Conversion::finish_plan(TensorPlan plan) {
  const uint64_t row = plan.turned == 0 ? plan.chosen_columns() : plan.turned;
  if (plan.dims[0] != row || plan.chosen_rows() * plan.chosen_columns() != plan.weights() ||
      (plan.turned != 0 && plan.chosen_rows() % plan.turned != 0)) {
    return fail(ErrorCode::bad_file, "tensor '", plan.name,
                "' would not have the shape that config.json asks for");
  }
  if (plan.dims.size() > 4) {
    return fail(ErrorCode::unsupported, "tensor '", plan.name, "' has ", plan.dims.size(),
                " dimensions, GGUF has at most 4");
  }
  plan.type = type_of(plan);
  tensors.push_back(std::move(plan));
  return {};
}

void Conversion::add_values(std::string_view name, std::vector<float> values) {
  TensorPlan plan;
  plan.name = name;
  plan.dims = {values.size()};
  plan.values = std::move(values);
  tensors.push_back(std::move(plan));
}

Result<void> Conversion::add_output() {
  constexpr std::string_view kName = "lm_head.weight";
  HEARTH_TRY(const bool tied, config.flag_or({"tie_word_embeddings"}, false));
  if (tied) {
    ignore(kName);
    return {};
  }
  constexpr NameRule kRules[] = {{"lm_head.*", "output.*", Need::optional}};
  return add_tensors(kRules);
}

Result<void> Conversion::check_all_used() {
  if (sources_.size() != n_sources_) {
    return fail(ErrorCode::unsupported, n_sources_ - sources_.size(),
                " tensors of the checkpoint mean the same as others: hearth does not know this "
                "variant");
  }
  size_t other = 0;
  for (const auto& [name, tensor] : sources_) {
    if (used_.count(name) != 0) continue;
    const bool ignored = begins_with_any(name, kOtherParts) || ends_with_any(name, kOtherEnds) ||
                         std::any_of(ignored_.begin(), ignored_.end(),
                                     [&](const auto& prefix) { return starts_with(name, prefix); });
    if (!ignored) {
      return fail(ErrorCode::unsupported, "tensor '", printable(tensor->name),
                  "' has no place in a model of the family ", architecture_,
                  ": hearth does not know this variant");
    }
    if (begins_with_any(name, kOtherParts)) ++other;
  }
  if (other != 0) {
    warnings.push_back(cat(other,
                           " tensors of parts that see, hear or guess ahead are left out: "
                           "the file is the model for text"));
  }
  return {};
}

Result<uint32_t> Conversion::n_layers() const {
  HEARTH_TRY(const uint32_t layers, config.size({"num_hidden_layers", "n_layers", "num_layers"}));
  if (layers == 0 || layers > kMaxLayers) {
    return fail(ErrorCode::bad_file, "config.json: 'num_hidden_layers' is ", layers,
                ", it must be from 1 to ", kMaxLayers);
  }
  return layers;
}

Result<uint32_t> Conversion::n_heads() const {
  HEARTH_TRY(const uint32_t heads, config.size({"num_attention_heads", "n_heads"}));
  if (heads == 0) return fail(ErrorCode::bad_file, "config.json: 'num_attention_heads' is 0");
  return heads;
}

Result<uint32_t> Conversion::n_kv_heads() const {
  HEARTH_TRY(const uint32_t heads, n_heads());
  HEARTH_TRY(const uint32_t kv_heads, config.size_or({"num_key_value_heads"}, heads));
  if (kv_heads == 0) return fail(ErrorCode::bad_file, "config.json: 'num_key_value_heads' is 0");
  return kv_heads;
}

Result<uint32_t> Conversion::head_dim() const {
  HEARTH_TRY(const uint32_t width, config.size({"hidden_size"}));
  HEARTH_TRY(const uint32_t heads, n_heads());
  HEARTH_TRY(const uint32_t dim, config.size_or({"head_dim"}, width / heads));
  if (dim == 0 || dim > kMaxHeadDim) {
    return fail(ErrorCode::bad_file, "config.json: heads of ", dim,
                " values are out of range: from 1 to ", kMaxHeadDim);
  }
  return dim;
}

}  // namespace hearth::convert
