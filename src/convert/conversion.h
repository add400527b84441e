// A conversion in the making: the configuration and the weights of a Hugging Face folder on one
// side, the keys and tensors of a GGUF file on the other. The files of families (family_*.cc) fill
// it, mostly from tables of names.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "convert/checkpoint.h"
#include "convert/hf_config.h"
#include "convert/keys.h"
#include "convert/tensor_plan.h"

namespace hearth::convert {

class Conversion;

// Chooses and reorders what is in a plan, by the numbers of the configuration.
using Edit = Result<void> (*)(const Conversion& conversion, TensorPlan& plan);

enum class Need : uint8_t { required, optional };

// How a tensor is called on both sides. "#" is the number of a layer, "@" that of an expert, whose
// tensors become one; a rule that ends in ".*" is one for ".weight" and one for an optional
// ".bias".
struct NameRule {
  std::string_view from;
  std::string_view to;
  Need need = Need::required;
  Edit edit = nullptr;
};

class Conversion {
 public:
  // `type` is what matrices are written as; none keeps that of each source. The checkpoint must
  // outlive the conversion.
  Conversion(std::string model_folder, HfConfig model_config, const Checkpoint& checkpoint,
             std::optional<DType> type);

  std::string folder;
  HfConfig config;
  Keys keys;
  std::vector<TensorPlan> tensors;
  std::vector<std::string> warnings;

  // The name of the family in GGUF, which its keys begin with.
  void set_architecture(std::string_view name);
  [[nodiscard]] const std::string& architecture() const { return architecture_; }

  // Keys of the family.
  void set_size(std::string_view name, uint32_t value);
  void set_real(std::string_view name, double value);
  void set_flag(std::string_view name, bool value);
  void set_text(std::string_view name, std::string_view value);
  void set_list(std::string_view name, std::vector<int32_t> values);
  void set_flags(std::string_view name, std::vector<bool> values);
  // The same from config.json, where it has one of the names.
  [[nodiscard]] Result<void> copy_size(std::string_view name, Names from);
  [[nodiscard]] Result<void> copy_real(std::string_view name, Names from);
  [[nodiscard]] Result<void> copy_flag(std::string_view name, Names from);

  // What all families have: layers, sizes, heads, epsilon, context, rope.
  [[nodiscard]] Result<void> add_common_keys();
  [[nodiscard]] Result<uint32_t> n_layers() const;
  [[nodiscard]] Result<uint32_t> n_heads() const;
  [[nodiscard]] Result<uint32_t> n_kv_heads() const;
  [[nodiscard]] Result<uint32_t> head_dim() const;
  // How much of each head rope turns: `usual` where the configuration does not say it.
  [[nodiscard]] Result<double> turned_part(double usual) const;

  // nullptr when the checkpoint has none; names as models without other senses have them.
  [[nodiscard]] const SourceTensor* source(std::string_view name) const;
  // Plans what the rules say.
  [[nodiscard]] Result<void> add_tensors(std::span<const NameRule> rules);
  // A tensor that follows from the configuration.
  void add_values(std::string_view name, std::vector<float> values);
  // The divisors of llama3's rope, where the configuration has it.
  [[nodiscard]] Result<void> add_rope_divisors();
  // Which layers see a window, where the configuration says it.
  [[nodiscard]] Result<void> add_sliding_layers();
  // How the vectors of a text become one, where modules.json says it.
  [[nodiscard]] Result<void> add_pooling();
  // FROM_blocks and FROM_scales, where they are: of the rows of each matrix every `step`-th from
  // `first` on.
  [[nodiscard]] Result<void> add_mxfp4(const std::string& from, const std::string& to,
                                       uint64_t first, uint64_t step);
  // The output matrix, unless it is the embedding.
  [[nodiscard]] Result<void> add_output();
  // Leaves out tensors whose name begins so.
  void ignore(std::string_view prefix) { ignored_.emplace_back(prefix); }

  // Every tensor of the checkpoint has its place.
  [[nodiscard]] Result<void> check_all_used();

 private:
  [[nodiscard]] std::string key(std::string_view name) const;
  [[nodiscard]] Result<void> add_rule(const NameRule& rule, std::string from, std::string to);
  [[nodiscard]] Result<Source> take(const SourceTensor& tensor, std::string_view canonical);
  [[nodiscard]] Result<void> finish_plan(TensorPlan plan);
  [[nodiscard]] DType type_of(const TensorPlan& plan) const;
  [[nodiscard]] Result<void> add_rope_keys();

  std::string architecture_;
  std::optional<DType> type_;
  size_t n_sources_ = 0;  // in the checkpoint
  std::map<std::string, const SourceTensor*, std::less<>> sources_;
  std::map<std::string, bool, std::less<>> used_;
  std::vector<std::string> ignored_;
};

// Positions in front that no text has: RoBERTa counts from behind the number of its filler.
[[nodiscard]] Result<uint32_t> positions_skipped(const HfConfig& config);

// Edits that several families share.

// Rows of query and key heads as rope of neighbouring pairs wants them.
[[nodiscard]] Result<void> turn_queries(const Conversion& conversion, TensorPlan& plan);
[[nodiscard]] Result<void> turn_keys(const Conversion& conversion, TensorPlan& plan);
[[nodiscard]] Result<void> add_one(const Conversion& conversion, TensorPlan& plan);
// The upper and the lower half of the rows of each matrix.
[[nodiscard]] Result<void> first_half(const Conversion& conversion, TensorPlan& plan);
[[nodiscard]] Result<void> second_half(const Conversion& conversion, TensorPlan& plan);
// Dimensions of length 1 go, as in the kernels of convolutions.
[[nodiscard]] Result<void> squeeze(const Conversion& conversion, TensorPlan& plan);

}  // namespace hearth::convert
