#include "quantize/importance_collector.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace hearth::quantize {
namespace {

// Values of a column that a thread takes together: whole cache lines, and sums that stay in the
// first cache while tokens go by.
constexpr size_t kPiece = 256;

bool in_layer(std::string_view name) { return starts_with(name, "blk."); }

}  // namespace

ImportanceCollector::ImportanceCollector(engine::Session& session, bool outside_layers)
    : session_(session), outside_layers_(outside_layers) {
  for (const gguf::TensorInfo& tensor : session.model().file().gguf.tensors) {
    if (!in_layer(tensor.name) && !outside_layers) continue;
    const size_t matrices = tensor.dims[2] * tensor.dims[3];
    watched_.push_back({&tensor, tensor.data.size() / matrices, {}, {}});
  }
  std::sort(watched_.begin(), watched_.end(), [](const Watched& a, const Watched& b) {
    return std::less<>()(a.tensor->data.data(), b.tensor->data.data());
  });
  session.runtime()->forward().set_observer(
      [this](const model::Matrix& weight, const float* inputs, size_t columns) {
        observe(weight, inputs, columns);
      });
}

ImportanceCollector::~ImportanceCollector() { session_.runtime()->forward().set_observer({}); }

ImportanceCollector::Watched* ImportanceCollector::find(const std::byte* data) {
  const auto behind = std::upper_bound(watched_.begin(), watched_.end(), data,
                                       [](const std::byte* at, const Watched& watched) {
                                         return std::less<>()(at, watched.tensor->data.data());
                                       });
  if (behind == watched_.begin()) return nullptr;
  Watched& watched = *std::prev(behind);
  const Bytes bytes = watched.tensor->data;
  return std::less<>()(data, bytes.data() + bytes.size()) ? &watched : nullptr;
}

void ImportanceCollector::observe(const model::Matrix& weight, const float* inputs,
                                  size_t columns) {
  Watched* watched = find(weight.data);
  if (watched == nullptr || columns == 0) return;
  const auto offset = static_cast<size_t>(weight.data - watched->tensor->data.data());
  // A matrix that holds several projections (Q, K and V in one) is seen once for each.
  if (offset % watched->matrix_bytes != 0) return;
  const size_t matrix = offset / watched->matrix_bytes;
  const size_t width = weight.columns;
  if (watched->sums.empty()) {
    const size_t matrices = watched->tensor->data.size() / watched->matrix_bytes;
    watched->sums.assign(matrices * width, 0.0);
    watched->counts.assign(matrices, 0.0f);
  }
  watched->counts[matrix] += static_cast<float>(columns);
  double* sums = watched->sums.data() + matrix * width;
  session_.runtime()->pool().run((width + kPiece - 1) / kPiece, [&](size_t piece, size_t) {
    const size_t end = std::min(width, (piece + 1) * kPiece);
    for (size_t c = 0; c < columns; ++c) {
      const float* values = inputs + c * width;
      for (size_t i = piece * kPiece; i < end; ++i) {
        const auto value = static_cast<double>(values[i]);
        sums[i] += value * value;
      }
    }
  });
}

Result<void> ImportanceCollector::move_into(Watched& watched, ImportanceMatrix& into) {
  if (watched.sums.empty()) return {};
  const std::string_view name = watched.tensor->name;
  const size_t matrices = watched.counts.size();
  const size_t columns = watched.sums.size() / matrices;
  auto place = into.tensors.find(name);
  if (place == into.tensors.end()) {
    place = into.tensors
                .emplace(name, TensorImportance{columns, std::vector<float>(matrices * columns),
                                                std::vector<float>(matrices)})
                .first;
  }
  TensorImportance& sums = place->second;
  HEARTH_CHECK(recut(sums, name, columns, matrices));
  for (size_t i = 0; i < sums.sums.size(); ++i) {
    const auto sum = static_cast<float>(static_cast<double>(sums.sums[i]) + watched.sums[i]);
    if (!std::isfinite(sum)) {
      return fail(ErrorCode::bad_file, "the inputs of tensor '", printable(name),
                  "' are not numbers: the model's file is damaged or not supported, get it again");
    }
    sums.sums[i] = sum;
  }
  for (size_t i = 0; i < matrices; ++i) sums.counts[i] += watched.counts[i];
  forget(watched);
  return {};
}

void ImportanceCollector::forget(Watched& watched) {
  std::fill(watched.sums.begin(), watched.sums.end(), 0.0);
  std::fill(watched.counts.begin(), watched.counts.end(), 0.0f);
}

Result<void> ImportanceCollector::compute(const engine::TextWindow& window) {
  session_.rewind(0);
  if (!outside_layers_) return session_.advance(window.input);
  const auto pass_over = [](size_t, size_t, std::span<const float>) -> Result<void> { return {}; };
  return session_.advance_with_logits(window.input, pass_over);
}

Result<void> ImportanceCollector::add(const engine::TextWindow& window, ImportanceMatrix& into) {
  const Result<void> computed = compute(window);
  if (!computed) {
    for (Watched& watched : watched_) forget(watched);
    return computed;
  }
  for (Watched& watched : watched_) HEARTH_CHECK(move_into(watched, into));
  ++into.chunk_count;
  ++into.state.windows_done;
  return {};
}

}  // namespace hearth::quantize
