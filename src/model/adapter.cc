#include "model/adapter.h"

#include <bit>
#include <cmath>
#include <map>
#include <string_view>

#include "base/checksum.h"
#include "base/text.h"
#include "tensor/reference.h"

namespace hearth::model {
namespace {

constexpr std::string_view kA = ".lora_a", kB = ".lora_b", kNorm = "_norm.weight";
constexpr std::string_view kEmbedding = "token_embd.weight";

// Latent attention multiplies with these head by head and by no more than themselves.
bool taken_apart(const LayerWeights& layer, const Matrix& matrix) {
  const auto* latent = std::get_if<LatentAttentionWeights>(&layer.mixer);
  if (latent == nullptr) return false;
  for (const LinearSet* set : {&latent->k_b, &latent->v_b}) {
    const std::byte* first = set->first.weight.data;
    if (matrix.data >= first && matrix.data < first + set->count * set->stride) return true;
  }
  return false;
}

// Every matrix that adapters may change, as the model uses it: several may be parts of one tensor.
template <class Visit>
void for_each_adaptable(const Model& model, Visit visit) {
  for (const LayerWeights& layer : model.weights.layers) {
    for_each_matrix(layer, [&](const Matrix& matrix, size_t) {
      if (!taken_apart(layer, matrix)) visit(matrix);
    });
  }
  if (!model.weights.tied_output) visit(model.weights.output.weight);
}

bool within(const Matrix& matrix, const gguf::TensorInfo& tensor) {
  return matrix.data >= tensor.data.data() && matrix.data < tensor.data.data() + tensor.data.size();
}

Result<void> check_kind(const gguf::File& file, const Model& model) {
  HEARTH_TRY(const std::string_view type, file.metadata.text_or("general.type", "model"));
  HEARTH_TRY(const std::string_view kind, file.metadata.text_or("adapter.type", ""));
  if (type != "adapter" || kind != "lora") {
    return fail(ErrorCode::bad_file, "this is no LoRA adapter: 'general.type' is '",
                printable(type, 40), "' and 'adapter.type' is '", printable(kind, 40), "'");
  }
  HEARTH_TRY(const std::string_view architecture, file.metadata.text("general.architecture"));
  if (architecture != model.config.architecture) {
    return fail(ErrorCode::bad_file, "the adapter is for ", printable(architecture, 40),
                " models, this one is a ", model.config.architecture);
  }
  if (file.metadata.find("adapter.alora.invocation_tokens") != nullptr) {
    return fail(ErrorCode::unsupported,
                "the adapter wants to work from certain tokens on ("
                "'adapter.alora.invocation_tokens'), which hearth cannot do");
  }
  return {};
}

}  // namespace

// The two factors of what is added to one tensor of the model.
struct Adapter::Pair {
  std::string_view name;
  const gguf::TensorInfo* a = nullptr;
  const gguf::TensorInfo* b = nullptr;
  double alpha = 0;
};

Result<Adapter> Adapter::bind(const gguf::File& file, const Model& model, const gguf::File& base) {
  HEARTH_CHECK(check_kind(file, model));
  HEARTH_TRY(const double alpha, file.metadata.f64_or("adapter.lora.alpha", 0));
  if (!std::isfinite(alpha))
    return fail(ErrorCode::bad_file, "'adapter.lora.alpha' is no finite number");
  std::map<std::string_view, Pair> pairs;
  size_t norms = 0;
  for (const gguf::TensorInfo& tensor : file.tensors) {
    const bool is_a = ends_with(tensor.name, kA);
    if (is_a || ends_with(tensor.name, kB)) {
      Pair& pair = pairs[tensor.name.substr(0, tensor.name.size() - kA.size())];
      (is_a ? pair.a : pair.b) = &tensor;
    } else if (ends_with(tensor.name, kNorm)) {
      ++norms;
    } else {
      return fail(ErrorCode::bad_file, "tensor '", printable(tensor.name),
                  "' is no part of an adapter: names end in .lora_a or .lora_b");
    }
  }
  if (pairs.empty()) return fail(ErrorCode::bad_file, "the adapter holds no matrices");
  Adapter adapter;
  for (auto& [name, pair] : pairs) {
    pair.name = name;
    pair.alpha = alpha;
    HEARTH_CHECK(adapter.add(pair, model, base));
  }
  if (norms != 0) {
    adapter.warnings_.push_back(cat("the adapter also holds ", norms,
                                    " norms, which are left out: answers may be a little off"));
  }
  return adapter;
}

Result<Matrix> Adapter::floats(const gguf::TensorInfo& tensor) {
  const auto columns = static_cast<size_t>(tensor.dims[0]);
  const auto rows = static_cast<size_t>(tensor.rows());
  const DTypeTraits& type = traits(tensor.type);
  if (!type.computable) {
    return fail(ErrorCode::unsupported, "tensor '", printable(tensor.name), "' is stored as ",
                name_of(tensor.type), ", which this hearth cannot compute with");
  }
  bytes_ += tensor.data.size();
  if (type.block_weights == 1) {
    return Matrix{tensor.type, tensor.data.data(), columns, rows, *row_bytes(tensor.type, columns)};
  }
  auto values = std::make_unique<float[]>(columns * rows);
  reference::dequantize(tensor.type, tensor.data.data(), columns * rows, values.get());
  const auto* data = reinterpret_cast<const std::byte*>(values.get());
  converted_.push_back(std::move(values));
  return Matrix{DType::F32, data, columns, rows, columns * sizeof(float)};
}

Result<void> Adapter::add(const Pair& pair, const Model& model, const gguf::File& base) {
  const std::string name = printable(pair.name, 100);
  if (pair.a == nullptr || pair.b == nullptr) {
    return fail(ErrorCode::bad_file, "tensor '", name, pair.a == nullptr ? kA : kB,
                "' is missing: the adapter is incomplete");
  }
  const gguf::TensorInfo* tensor = base.find(pair.name);
  if (tensor == nullptr) {
    return fail(ErrorCode::bad_file, "the adapter changes '", name,
                "', which the model has not: it was made for another one");
  }
  const bool embedding = pair.name == kEmbedding;
  // Each row of an embedding is an input of its own.
  const uint64_t inputs = embedding ? pair.a->dims[1] : pair.a->dims[0];
  const uint64_t rank = embedding ? pair.a->dims[0] : pair.a->dims[1];
  const uint64_t outputs = pair.b->dims[1];
  const bool suits = embedding ? inputs == tensor->dims[1] && outputs == tensor->dims[0]
                               : inputs == tensor->dims[0] && outputs == tensor->dims[1];
  if (!suits || rank != pair.b->dims[0] || pair.a->dims[2] != tensor->dims[2] ||
      pair.b->dims[2] != tensor->dims[2] || tensor->dims[3] != 1 || pair.a->dims[3] != 1 ||
      pair.b->dims[3] != 1) {
    return fail(ErrorCode::bad_file, "the adapter's matrices for '", name,
                "' do not suit its shape: it was made for another model");
  }
  if (rank > kMaxRank) {
    return fail(ErrorCode::too_large, "the rank of '", name, "' is ", rank, ", the limit is ",
                kMaxRank);
  }
  HEARTH_TRY(const Matrix a, floats(*pair.a));
  HEARTH_TRY(const Matrix b, floats(*pair.b));
  const auto scale =
      static_cast<float>(pair.alpha == 0 ? 1 : pair.alpha / static_cast<double>(rank));
  size_t parts = 0;
  if (embedding) {
    embedding_ = {a, b, scale};
    ++parts;
  }
  for_each_adaptable(model, [&](const Matrix& matrix) {
    if (embedding || !within(matrix, *tensor)) return;
    const size_t row = static_cast<size_t>(matrix.data - tensor->data.data()) / matrix.row_bytes;
    const size_t expert = row / static_cast<size_t>(tensor->dims[1]);
    products_[matrix.data] = {a.slice(expert * rank, rank), b.slice(row, matrix.rows), scale};
    ++parts;
  });
  if (parts == 0) {
    return fail(ErrorCode::unsupported, "the adapter changes '", name,
                "', which hearth cannot adapt in ", model.config.architecture, " models");
  }
  const uint64_t parts_of_digest[] = {digest_, checksum(as_bytes(pair.name)),
                                      checksum(pair.a->data), checksum(pair.b->data),
                                      std::bit_cast<uint32_t>(scale)};
  digest_ = checksum(std::as_bytes(std::span(parts_of_digest)));
  ++matrices_;
  largest_rank_ = std::max(largest_rank_, static_cast<size_t>(rank));
  return {};
}

}  // namespace hearth::model
