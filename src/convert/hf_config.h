// config.json of a Hugging Face model: the numbers of its text part.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "convert/json.h"

namespace hearth::convert {

// Keys may have several names in the course of versions: the first that is there counts.
using Names = std::initializer_list<std::string_view>;

class HfConfig {
 public:
  HfConfig() = default;
  // Models that also see or hear keep the text part in `text_config`; what it lacks is taken from
  // the top.
  [[nodiscard]] static Result<HfConfig> create(Json tree);

  // The first of `architectures`: "LlamaForCausalLM".
  [[nodiscard]] const std::string& architecture() const { return architecture_; }
  // What the model's own code takes where the file leaves a key out: a JSON object.
  void set_defaults(std::string_view json);

  [[nodiscard]] const Json* find(Names names) const;
  [[nodiscard]] bool has(Names names) const { return find(names) != nullptr; }

  // Whole numbers from 0 to 2^31 - 1. A missing key is an error that names it, one of the wrong
  // kind always.
  [[nodiscard]] Result<uint32_t> size(Names names) const;
  [[nodiscard]] Result<uint32_t> size_or(Names names, uint32_t fallback) const;
  [[nodiscard]] Result<double> real(Names names) const;
  [[nodiscard]] Result<double> real_or(Names names, double fallback) const;
  [[nodiscard]] Result<bool> flag_or(Names names, bool fallback) const;
  [[nodiscard]] Result<std::string> text_or(Names names, std::string_view fallback) const;
  // Texts, as many as there are layers: which kind each layer is of. Empty when missing.
  [[nodiscard]] Result<std::vector<std::string>> layer_types() const;

  // rope_parameters, or rope_scaling as it was called before: that of layers which see all, or the
  // one for all layers. An empty object when there is none.
  [[nodiscard]] HfConfig rope() const;
  // That of layers which see a window, where these have their own.
  [[nodiscard]] HfConfig sliding_rope() const;

 private:
  [[nodiscard]] const Json* rope_tree() const;

  Json text_ = Json::object();
  Json top_ = Json::object();
  Json defaults_ = Json::object();
  std::string architecture_;
};

}  // namespace hearth::convert
