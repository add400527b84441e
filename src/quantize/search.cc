#include "quantize/search.h"

#include <algorithm>

#include "quantize/recipe.h"

namespace hearth::quantize {
namespace {

std::vector<std::vector<FormatOption>> options_of(const std::vector<TensorDamage>& damages) {
  std::vector<std::vector<FormatOption>> options;
  for (const TensorDamage& damage : damages) options.push_back(damage.options);
  return options;
}

class PlanSearch {
 public:
  PlanSearch(const gguf::File& file, DamageMeter& meter, const SearchOptions& options)
      : file_(file), meter_(meter), options_(options) {
    plan_.notes = options.notes;
    for (const gguf::TensorInfo& tensor : file.tensors) plan_.types.push_back(tensor.type);
  }

  [[nodiscard]] Result<SearchResult> run() {
    HEARTH_CHECK(check_budget(file_, options_.budget));
    HEARTH_CHECK(measure());
    HEARTH_TRY(const SearchResult first, choose());
    SearchResult best = first;
    for (size_t pass = 0; best.measured && pass < options_.passes; ++pass) {
      HEARTH_CHECK(measure_in_place(best));
      HEARTH_TRY(const SearchResult next, choose());
      if (*next.measured >= *best.measured) break;
      best = next;
    }
    return best;
  }

 private:
  void tell(std::string_view what, size_t done, size_t all) const {
    if (options_.progress) options_.progress(what, done, all);
  }

  [[nodiscard]] Result<void> measure() {
    std::vector<size_t> tensors;
    for (size_t t = 0; t < file_.tensors.size(); ++t) {
      if (quantizable(file_.tensors[t])) tensors.push_back(t);
    }
    for (const size_t t : tensors) {
      tell("measuring", damages_.size(), tensors.size());
      HEARTH_TRY(TensorDamage damage, meter_.measure(t, search_types(file_.tensors[t])));
      damages_.push_back(std::move(damage));
    }
    return {};
  }

  [[nodiscard]] Result<SearchResult> choose() {
    // What the file takes beside the tensors that may change.
    Plan plan = plan_;
    HEARTH_TRY(uint64_t fixed, file_bytes(file_, plan));
    for (const TensorDamage& damage : damages_)
      fixed -= padded(file_.tensors[damage.tensor].data.size());
    std::vector<std::vector<FormatOption>> options = options_of(damages_);
    for (auto& of_tensor : options) {
      for (FormatOption& option : of_tensor) option.bytes = padded(option.bytes);
    }
    const auto choice =
        options_.budget > fixed ? allocate(options, options_.budget - fixed) : std::nullopt;
    if (!choice) return fail(ErrorCode::internal, "no plan fits a budget that was checked");
    SearchResult result;
    std::vector<size_t> tensors;
    std::vector<DType> types;
    for (size_t i = 0; i < damages_.size(); ++i) {
      const DType type = damages_[i].types[(*choice)[i]];
      result.predicted += damages_[i].options[(*choice)[i]].damage;
      plan.types[damages_[i].tensor] = type;
      tensors.push_back(damages_[i].tensor);
      types.push_back(type);
    }
    result.plan = std::move(plan);
    result.plan.file_type = file_type_of(result.plan);
    if (meter_.bytes_for_all() > options_.memory) return result;
    HEARTH_TRY(result.measured, meter_.divergence(tensors, types));
    return result;
  }

  // The format of most of the bytes: what programs show when they show one.
  [[nodiscard]] uint32_t file_type_of(const Plan& plan) const {
    std::map<DType, uint64_t> bytes;
    for (const TensorDamage& damage : damages_)
      bytes[plan.types[damage.tensor]] += file_.tensors[damage.tensor].weights();
    const auto most =
        std::max_element(bytes.begin(), bytes.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == bytes.end() ? 0 : file_type_for(most->first);
  }

  // What each tensor's format costs while all others have theirs.
  [[nodiscard]] Result<void> measure_in_place(const SearchResult& now) {
    for (size_t i = 0; i < damages_.size(); ++i) {
      tell("measuring again", i, damages_.size());
      std::vector<size_t> tensors;
      std::vector<DType> types;
      for (size_t j = 0; j < damages_.size(); ++j) {
        if (j == i) continue;
        tensors.push_back(damages_[j].tensor);
        types.push_back(now.plan.types[damages_[j].tensor]);
      }
      HEARTH_TRY(const double without, meter_.divergence(tensors, types));
      TensorDamage& damage = damages_[i];
      const size_t at = damage.index_of(now.plan.types[damage.tensor]);
      const double before = damage.options[at].damage;
      const double saved = std::max(*now.measured - without, 0.05 * before);
      if (before <= 0) continue;
      for (FormatOption& option : damage.options) option.damage *= saved / before;
    }
    return {};
  }

  static uint64_t padded(uint64_t bytes) {
    return (bytes + gguf::kDefaultAlignment - 1) / gguf::kDefaultAlignment *
           gguf::kDefaultAlignment;
  }

  const gguf::File& file_;
  DamageMeter& meter_;
  const SearchOptions& options_;
  Plan plan_;
  std::vector<TensorDamage> damages_;  // of the tensors that may change
};

}  // namespace

std::vector<DType> search_types(const gguf::TensorInfo& tensor) {
  constexpr DType kWhole[] = {DType::IQ2_XXS, DType::IQ2_XS, DType::IQ2_S, DType::Q2_K,
                              DType::IQ3_XXS, DType::IQ3_S,  DType::Q3_K,  DType::IQ4_XS,
                              DType::Q4_K,    DType::Q5_K,   DType::Q6_K,  DType::Q8_0};
  constexpr DType kSmall[] = {DType::Q4_0, DType::IQ4_NL, DType::Q4_1,
                              DType::Q5_0, DType::Q5_1,   DType::Q8_0};
  std::vector<DType> types;
  const bool whole = tensor.dims[0] % 256 == 0;
  for (const DType type : whole ? std::span<const DType>(kWhole) : std::span<const DType>(kSmall)) {
    if (encodable(type) && row_bytes(type, tensor.dims[0])) types.push_back(type);
  }
  if (types.empty()) types.push_back(DType::F16);
  return types;
}

Result<void> check_budget(const gguf::File& file, uint64_t budget) {
  Plan plan;
  for (const gguf::TensorInfo& tensor : file.tensors) {
    plan.types.push_back(tensor.type);
    if (!quantizable(tensor)) continue;
    const std::vector<DType> types = search_types(tensor);
    plan.types.back() = *std::min_element(types.begin(), types.end(), [&](DType a, DType b) {
      return *row_bytes(a, tensor.dims[0]) < *row_bytes(b, tensor.dims[0]);
    });
  }
  HEARTH_TRY(const uint64_t least, file_bytes(file, plan));
  if (least <= budget) return {};
  return fail(ErrorCode::bad_usage, "the smallest file of this model has ", least,
              " bytes, more than the ", budget, " that are asked for");
}

Result<SearchResult> search_plan(const gguf::File& file, DamageMeter& meter,
                                 const SearchOptions& options) {
  return PlanSearch(file, meter, options).run();
}

}  // namespace hearth::quantize
