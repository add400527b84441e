#include "quantize/input_products.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace hearth::quantize {
namespace {

// Tokens that are multiplied together.
constexpr size_t kTogether = 512;
constexpr size_t kRowsOfPiece = 32;

// out[columns][tokens] = in[tokens][columns].
void transpose(const float* in, size_t tokens, size_t columns, float* out) {
  for (size_t i = 0; i < columns; ++i) {
    for (size_t t = 0; t < tokens; ++t) out[i * tokens + t] = in[t * columns + i];
  }
}

double dot(const double* a, const double* b, size_t n) {
  double lanes[8] = {};
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (size_t l = 0; l < 8; ++l) lanes[l] += a[i + l] * b[i + l];
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// Turns the upper triangle of a [n][n] into U above the diagonal and D on it: a = (I+U) D (I+U)^T.
// False where a is not positive definite.
bool decompose(std::vector<double>& a, size_t n, ThreadPool& pool) {
  std::vector<double> scaled(n);  // row j of U times D
  for (size_t j = n; j-- > 0;) {
    double* row = a.data() + j * n;
    for (size_t k = j + 1; k < n; ++k) scaled[k] = row[k] * a[k * n + k];
    row[j] -= dot(row + j + 1, scaled.data() + j + 1, n - j - 1);
    if (!(row[j] > 0)) return false;
    constexpr size_t kPiece = 64;
    pool.run((j + kPiece - 1) / kPiece, [&](size_t piece, size_t) {
      const size_t end = std::min(j, (piece + 1) * kPiece);
      for (size_t i = piece * kPiece; i < end; ++i) {
        double* other = a.data() + i * n;
        other[j] = (other[j] - dot(other + j + 1, scaled.data() + j + 1, n - j - 1)) / row[j];
      }
    });
  }
  return true;
}

}  // namespace

ProductsCollector::ProductsCollector(engine::Session& session,
                                     std::span<const gguf::TensorInfo* const> tensors)
    : session_(session) {
  for (const gguf::TensorInfo* tensor : tensors) watched_.push_back({tensor, SIZE_MAX});
  session.runtime()->forward().set_observer(
      [this](const model::Matrix& weight, const float* inputs, size_t columns) {
        observe(weight, inputs, columns);
      });
}

ProductsCollector::~ProductsCollector() { stop(); }

void ProductsCollector::stop() {
  if (watching_) session_.runtime()->forward().set_observer({});
  watching_ = false;
}

void ProductsCollector::observe(const model::Matrix& weight, const float* inputs, size_t columns) {
  const auto watched = std::find_if(watched_.begin(), watched_.end(), [&](const Watched& each) {
    return each.tensor->data.data() == weight.data;
  });
  if (watched == watched_.end() || columns == 0) return;
  const size_t count = columns * weight.columns;
  const bool seen = last_ != SIZE_MAX && last_columns_ == columns &&
                    sums_[last_].columns == weight.columns &&
                    std::memcmp(sums_[last_].pending.data() + sums_[last_].pending.size() - count,
                                inputs, count * sizeof(float)) == 0;
  if (watched->sums == SIZE_MAX) {
    watched->sums = seen ? last_ : sums_.size();
    if (!seen) {
      sums_.emplace_back();
      sums_.back().columns = weight.columns;
      sums_.back().products = Buffer<float>(weight.columns * weight.columns);
    }
  }
  if (seen && watched->sums == last_) return;
  // What the last inputs are compared with stays until others come.
  if (last_ != SIZE_MAX && sums_[last_].pending.size() >= kTogether * sums_[last_].columns)
    flush(sums_[last_]);
  ProductSums& sums = sums_[watched->sums];
  sums.pending.insert(sums.pending.end(), inputs, inputs + count);
  last_ = watched->sums;
  last_columns_ = columns;
}

void ProductsCollector::flush(ProductSums& sums) {
  const size_t n = sums.columns;
  const size_t tokens = sums.pending.size() / n;
  if (tokens == 0) return;
  ThreadPool& pool = session_.runtime()->pool();
  const Kernels& kernels = session_.kernels();
  Buffer<float> across = Buffer<float>::untouched(tokens * n);
  transpose(sums.pending.data(), tokens, n, across.data());
  Buffer<float> results = Buffer<float>::untouched(pool.size() * n * kRowsOfPiece);
  pool.run((n + kRowsOfPiece - 1) / kRowsOfPiece, [&](size_t piece, size_t thread) {
    const size_t first = piece * kRowsOfPiece;
    DotArgs args;
    args.rows = reinterpret_cast<const std::byte*>(across.data() + first * tokens);
    args.row_bytes = tokens * sizeof(float);
    args.n_rows = std::min(kRowsOfPiece, n - first);
    args.x.n = tokens;
    args.x.columns = n;
    args.x.values = across.data();
    args.out = results.data() + thread * n * kRowsOfPiece;
    args.out_stride = args.n_rows;
    kernels.dot(DType::F32, args);
    for (size_t r = 0; r < args.n_rows; ++r) {
      float* row = sums.products.data() + (first + r) * n;
      for (size_t c = 0; c < n; ++c) row[c] += args.out[c * args.out_stride + r];
    }
  });
  sums.tokens += tokens;
  sums.pending.clear();
}

Result<void> ProductsCollector::add(std::span<const text::Token> tokens) {
  const auto pass_over = [](size_t, size_t, std::span<const float>) -> Result<void> { return {}; };
  session_.rewind(0);
  HEARTH_CHECK(session_.advance_with_logits(tokens, pass_over));
  for (ProductSums& sums : sums_) flush(sums);
  last_ = SIZE_MAX;
  return {};
}

const ProductSums* ProductsCollector::find(const gguf::TensorInfo& tensor) const {
  for (const Watched& watched : watched_) {
    if (watched.tensor->name == tensor.name && watched.sums != SIZE_MAX)
      return &sums_[watched.sums];
  }
  return nullptr;
}

Result<PreparedProducts> prepare(const ProductSums& sums, double damping, double identity,
                                 ThreadPool& pool) {
  const size_t n = sums.columns;
  std::vector<double> means(n * n);
  for (size_t i = 0; i < n * n; ++i) {
    means[i] = static_cast<double>(sums.products[i]) /
               static_cast<double>(std::max<size_t>(sums.tokens, 1));
  }
  double mean = 0;
  for (size_t i = 0; i < n; ++i) mean += means[i * n + i] / static_cast<double>(n);
  if (!std::isfinite(mean) || mean <= 0) {
    return fail(ErrorCode::bad_file, "the inputs of a matrix are ",
                mean == 0 ? "all zero" : "not numbers",
                ": the model's file is damaged or not supported");
  }
  // What floats have rounded away can make a matrix indefinite; more damping always helps.
  for (double more = 1; more < 1e6; more *= 10) {
    std::vector<double> a = means;
    for (size_t i = 0; i < n; ++i) a[i * n + i] += (identity + damping * more) * mean;
    PreparedProducts prepared{Buffer<float>::untouched(n * n), Buffer<float>(n * n),
                              Buffer<float>::untouched(n)};
    for (size_t i = 0; i < n * n; ++i) prepared.products[i] = static_cast<float>(a[i]);
    if (!decompose(a, n, pool)) continue;
    for (size_t i = 0; i < n; ++i) {
      prepared.remaining[i] = static_cast<float>(a[i * n + i]);
      for (size_t j = i + 1; j < n; ++j)
        prepared.feedback[i * n + j] = static_cast<float>(a[i * n + j]);
    }
    return prepared;
  }
  return fail(ErrorCode::bad_file, "the products of a matrix's inputs are not numbers");
}

}  // namespace hearth::quantize
