#include "convert/hf_config.h"

#include <cmath>

namespace hearth::convert {
namespace {

std::string_view first(Names names) { return *names.begin(); }

tl::unexpected<Error> missing(Names names) {
  return fail(ErrorCode::bad_file, "config.json has no '", first(names), "'");
}

tl::unexpected<Error> wrong(Names names, std::string_view wanted) {
  return fail(ErrorCode::bad_file, "config.json: '", first(names), "' is not ", wanted);
}

}  // namespace

Result<HfConfig> HfConfig::create(Json tree) {
  if (!tree.is_object()) return fail(ErrorCode::bad_file, "config.json is no JSON object");
  HfConfig config;
  config.top_ = std::move(tree);
  for (const std::string_view part : {"text_config", "llm_config", "language_config"}) {
    const Json* text = member(config.top_, part);
    if (text == nullptr || !text->is_object()) continue;
    config.text_ = *text;
    break;
  }
  for (const Json* each : {&config.top_, &config.text_}) {
    const Json* names = member(*each, "architectures");
    if (names == nullptr || !names->is_array() || names->empty()) continue;
    if (!names->front().is_string()) return wrong({"architectures"}, "a list of texts");
    config.architecture_ = names->front().get<std::string>();
    break;
  }
  if (config.architecture_.empty()) return missing({"architectures"});
  return config;
}

void HfConfig::set_defaults(std::string_view json) {
  defaults_ = Json::parse(json, nullptr, false);
}

const Json* HfConfig::find(Names names) const {
  for (const Json* tree : {&text_, &top_, &defaults_}) {
    for (const std::string_view name : names) {
      if (const Json* value = member(*tree, name)) return value;
    }
  }
  return nullptr;
}

Result<uint32_t> HfConfig::size(Names names) const {
  if (!has(names)) return missing(names);
  return size_or(names, 0);
}

Result<uint32_t> HfConfig::size_or(Names names, uint32_t fallback) const {
  const Json* value = find(names);
  if (value == nullptr) return fallback;
  // Some files write whole numbers as fractions: 10000.0.
  if (!value->is_number() || !(value->get<double>() >= 0) || value->get<double>() > INT32_MAX ||
      value->get<double>() != std::floor(value->get<double>())) {
    return wrong(names, cat("a whole number from 0 to ", INT32_MAX));
  }
  return static_cast<uint32_t>(value->get<double>());
}

Result<double> HfConfig::real(Names names) const {
  if (!has(names)) return missing(names);
  return real_or(names, 0);
}

Result<double> HfConfig::real_or(Names names, double fallback) const {
  const Json* value = find(names);
  if (value == nullptr) return fallback;
  if (!value->is_number() || !std::isfinite(value->get<double>())) return wrong(names, "a number");
  return value->get<double>();
}

Result<bool> HfConfig::flag_or(Names names, bool fallback) const {
  const Json* value = find(names);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) return wrong(names, "true or false");
  return value->get<bool>();
}

Result<std::string> HfConfig::text_or(Names names, std::string_view fallback) const {
  const Json* value = find(names);
  if (value == nullptr) return std::string(fallback);
  if (!value->is_string()) return wrong(names, "text");
  return value->get<std::string>();
}

Result<std::vector<std::string>> HfConfig::layer_types() const {
  std::vector<std::string> types;
  const Json* list = find({"layer_types"});
  if (list == nullptr) return types;
  HEARTH_TRY(const uint32_t n_layers, size({"num_hidden_layers"}));
  if (!list->is_array() || list->size() != n_layers) {
    return wrong({"layer_types"}, cat("a list of ", n_layers, " texts, one for each layer"));
  }
  for (const Json& type : *list) {
    if (!type.is_string()) return wrong({"layer_types"}, "a list of texts");
    types.push_back(type.get<std::string>());
  }
  return types;
}

const Json* HfConfig::rope_tree() const {
  const Json* tree = find({"rope_parameters"});
  return tree != nullptr ? tree : find({"rope_scaling"});
}

HfConfig HfConfig::rope() const {
  HfConfig rope;
  const Json* tree = rope_tree();
  if (tree == nullptr || !tree->is_object()) return rope;
  const Json* full = member(*tree, "full_attention");
  rope.text_ = full != nullptr ? *full : *tree;
  return rope;
}

HfConfig HfConfig::sliding_rope() const {
  HfConfig rope;
  const Json* tree = rope_tree();
  if (tree == nullptr) return rope;
  if (const Json* sliding = member(*tree, "sliding_attention")) rope.text_ = *sliding;
  return rope;
}

}  // namespace hearth::convert
