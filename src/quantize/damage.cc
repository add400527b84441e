#include "quantize/damage.h"

#include <algorithm>
#include <cmath>

#include "os/system.h"
#include "quantize/plan.h"
#include "tensor/reference.h"

namespace hearth::quantize {
namespace {

// Formats that are measured; one that rounds much, one that rounds little.
constexpr DType kProbes[] = {DType::Q2_K, DType::Q4_K};
// Rows of a tensor that are looked at to know how a format rounds: so many runs of kFeedbackRows.
constexpr size_t kSampledRuns = 32;

// errors^T G errors of n rows, added up.
double weighted_squares(const Kernels& kernels, const InputProducts& products, const float* errors,
                        size_t n, std::vector<float>& results) {
  const size_t columns = products.columns;
  results.resize(n * columns);
  DotArgs args;
  args.rows = reinterpret_cast<const std::byte*>(products.products);
  args.row_bytes = columns * sizeof(float);
  args.n_rows = columns;
  args.x.n = columns;
  args.x.columns = n;
  args.x.values = errors;
  args.out = results.data();
  args.out_stride = columns;
  kernels.dot(DType::F32, args);
  double sum = 0;
  for (size_t i = 0; i < n * columns; ++i)
    sum += static_cast<double>(errors[i]) * static_cast<double>(results[i]);
  return sum;
}

double weighted_squares(const TensorImportance* importance, size_t matrix, const float* errors,
                        size_t columns) {
  double sum = 0;
  for (size_t i = 0; i < columns; ++i) {
    const double error = static_cast<double>(errors[i]);
    const float weight =
        importance != nullptr ? importance->mean_square(matrix * columns + i) : 1.0f;
    sum += error * error * static_cast<double>(weight);
  }
  return sum;
}

}  // namespace

size_t TensorDamage::index_of(DType type) const {
  return static_cast<size_t>(std::find(types.begin(), types.end(), type) - types.begin());
}

DamageMeter::DamageMeter(const engine::LoadedModel& model, engine::Session& original,
                         const ReferenceDistributions& reference, Knowledge& knowledge)
    : model_(model),
      original_(original),
      reference_(reference),
      knowledge_(knowledge),
      encoder_(original.runtime()->pool()) {}

uint64_t DamageMeter::bytes_for_all() const {
  uint64_t bytes = 0;
  for (const gguf::TensorInfo& tensor : model_.file().gguf.tensors) {
    if (quantizable(tensor)) bytes += tensor.weights() * sizeof(float);
  }
  return bytes;
}

Result<double> DamageMeter::error_of(const gguf::TensorInfo& tensor, DType type,
                                     const InputKnowledge& known) {
  const size_t columns = tensor.dims[0];
  const size_t runs = (tensor.rows() + kFeedbackRows - 1) / kFeedbackRows;
  const size_t sampled = std::min(runs, kSampledRuns);
  const size_t row = *row_bytes(type, columns);
  const size_t row_in = tensor.data.size() / tensor.rows();
  std::vector<std::byte> blocks(kFeedbackRows * row);
  std::vector<float> errors(kFeedbackRows * columns), rounded(columns), results;
  double sum = 0;
  for (size_t s = 0; s < sampled; ++s) {
    const size_t first = s * runs / sampled * kFeedbackRows;
    const size_t count = std::min(kFeedbackRows, tensor.rows() - first);
    HEARTH_CHECK(encoder_.encode(tensor, type, known, first, count, blocks.data()));
    for (size_t r = 0; r < count; ++r) {
      float* error = errors.data() + r * columns;
      reference::dequantize(tensor.type, tensor.data.data() + (first + r) * row_in, columns, error);
      reference::dequantize(type, blocks.data() + r * row, columns, rounded.data());
      for (size_t i = 0; i < columns; ++i) error[i] -= rounded[i];
      if (known.products == nullptr)
        sum += weighted_squares(known.importance, (first + r) / tensor.dims[1], error, columns);
    }
    if (known.products != nullptr)
      sum += weighted_squares(original_.kernels(), *known.products, errors.data(), count, results);
  }
  return sum * static_cast<double>(runs) / static_cast<double>(sampled);
}

Result<const DamageMeter::Expanded*> DamageMeter::expanded(size_t tensor, DType type) {
  for (const auto& each : kept_) {
    if (each->tensor == tensor && each->type == type) return each.get();
  }
  const gguf::TensorInfo& info = model_.file().gguf.tensors[tensor];
  HEARTH_TRY(const InputKnowledge known, knowledge_.of(info));
  auto made = std::make_unique<Expanded>();
  made->tensor = tensor;
  made->type = type;
  const size_t columns = info.dims[0];
  const size_t row = *row_bytes(type, columns);
  std::vector<std::byte> blocks(row * info.rows());
  HEARTH_CHECK(encoder_.encode(info, type, known, 0, info.rows(), blocks.data()));
  made->values.resize(info.weights());
  for (size_t r = 0; r < info.rows(); ++r) {
    reference::dequantize(type, blocks.data() + r * row, columns,
                          made->values.data() + r * columns);
  }
  for (auto& each : kept_) {
    if (each->tensor == tensor) {
      each = std::move(made);
      return each.get();
    }
  }
  kept_.push_back(std::move(made));
  return kept_.back().get();
}

Result<double> DamageMeter::divergence(std::span<const size_t> tensors,
                                       std::span<const DType> types) {
  if (os::interrupted()) return fail(ErrorCode::interrupted, "interrupted");
  std::vector<gguf::TensorInfo> changed;
  for (size_t i = 0; i < tensors.size(); ++i) {
    HEARTH_TRY(const Expanded* expansion, expanded(tensors[i], types[i]));
    gguf::TensorInfo info = model_.file().gguf.tensors[tensors[i]];
    info.type = DType::F32;
    info.data = std::as_bytes(std::span(expansion->values));
    changed.push_back(info);
  }
  HEARTH_TRY(const auto model, original_.model().with_tensors(changed));
  HEARTH_TRY(const auto session, engine::Session::open(*model, original_.runtime()->options()));
  HEARTH_TRY(const Divergence divergence, reference_.compare(*session));
  return divergence.kl.value;
}

Result<TensorDamage> DamageMeter::measure(size_t tensor, std::span<const DType> types) {
  const gguf::TensorInfo& info = model_.file().gguf.tensors[tensor];
  TensorDamage damage;
  damage.tensor = tensor;
  // Nats for a unit of error, at two errors.
  std::vector<std::pair<double, double>> slopes;
  for (const DType probe : kProbes) {
    const DType type = fitting(probe, info);
    HEARTH_TRY(const InputKnowledge known, knowledge_.of(info));
    HEARTH_TRY(const double error, error_of(info, type, known));
    const size_t one[] = {tensor};
    const DType as[] = {type};
    HEARTH_TRY(const double nats, divergence(one, as));
    forget();
    if (error > 0) slopes.emplace_back(std::log(error), std::max(nats, 1e-12) / error);
  }
  for (const DType type : types) {
    HEARTH_TRY(const InputKnowledge known, knowledge_.of(info));
    HEARTH_TRY(const double error, error_of(info, type, known));
    double slope = slopes.empty() ? 0 : slopes.front().second;
    if (slopes.size() == 2 && error > 0 && slopes[0].first > slopes[1].first) {
      const double place =
          (slopes[0].first - std::log(error)) / (slopes[0].first - slopes[1].first);
      const double share = std::clamp(place, 0.0, 1.0);
      slope =
          std::exp((1 - share) * std::log(slopes[0].second) + share * std::log(slopes[1].second));
    }
    damage.types.push_back(type);
    damage.errors.push_back(error);
    damage.options.push_back({*row_bytes(type, info.dims[0]) * info.rows(), slope * error});
  }
  return damage;
}

}  // namespace hearth::quantize
