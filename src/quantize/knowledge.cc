#include "quantize/knowledge.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "tensor/reference.h"

namespace hearth::quantize {
namespace {

constexpr double kDamping = 0.01;
// A table of embeddings is read as well as multiplied with. Errors of what is read count alike,
// whatever the output's inputs are; one mean square of these weighs both about the same.
constexpr double kTiedIdentity = 1.0;

// The gains of a norm; none when the file has no such floats.
std::vector<float> gains_of(const gguf::File& file, std::string_view name, size_t columns) {
  const gguf::TensorInfo* norm = file.find(name);
  if (norm == nullptr || norm->weights() != columns) return {};
  std::vector<float> gains(columns);
  reference::dequantize(norm->type, norm->data.data(), columns, gains.data());
  return gains;
}

// llama-imatrix collects nothing of the output matrix. Its inputs are the stream behind the last
// feed-forward part, through the output norm; those of that part are the stream just before it,
// through a norm of its own.
void lend_to_output(ImportanceMatrix& importance, const gguf::File& file) {
  const gguf::TensorInfo* output = file.find("output.weight");
  if (output == nullptr) output = file.find("token_embd.weight");
  if (output == nullptr || importance.find(output->name) != nullptr) return;
  size_t last = 0;
  while (file.find(cat("blk.", last + 1, ".ffn_norm.weight")) != nullptr) ++last;
  const TensorImportance* lender = importance.find(cat("blk.", last, ".ffn_up.weight"));
  const size_t columns = output->dims[0];
  if (lender == nullptr || lender->columns != columns || lender->matrices() != 1) return;
  const std::vector<float> theirs = gains_of(file, cat("blk.", last, ".ffn_norm.weight"), columns);
  const std::vector<float> own = gains_of(file, "output_norm.weight", columns);
  if (theirs.empty() || own.empty()) return;
  TensorImportance lent = *lender;
  for (size_t i = 0; i < columns; ++i) {
    const float gain = theirs[i] != 0 ? own[i] / theirs[i] : 1.0f;
    lent.sums[i] *= gain * gain;
  }
  const bool finite =
      std::all_of(lent.sums.begin(), lent.sums.end(), [](float sum) { return std::isfinite(sum); });
  if (finite) importance.tensors[std::string(output->name)] = std::move(lent);
}

}  // namespace

Result<void> adapt(ImportanceMatrix& importance, const gguf::File& file) {
  bool any = false;
  for (const gguf::TensorInfo& tensor : file.tensors) {
    const auto found = importance.tensors.find(tensor.name);
    if (found == importance.tensors.end()) continue;
    any = true;
    HEARTH_CHECK(
        recut(found->second, tensor.name, tensor.dims[0], tensor.dims[2] * tensor.dims[3]));
  }
  if (!any) {
    return fail(ErrorCode::bad_file,
                "the importance matrix is of another model: none of its tensors has a name of this "
                "one's");
  }
  lend_to_output(importance, file);
  return {};
}

void Knowledge::learn_from(const ProductsText& text, std::vector<const gguf::TensorInfo*> tensors) {
  text_ = text;
  tensors_ = std::move(tensors);
}

Result<void> Knowledge::collect_round_of(size_t tensor) {
  if (tensor >= round_begin_ && tensor < round_end_) return {};
  prepared_from_ = nullptr;
  collector_.reset();
  round_begin_ = round_end_ = tensor;
  uint64_t bytes = 0;
  while (round_end_ < tensors_.size()) {
    bytes += ProductsCollector::bytes(tensors_[round_end_]->dims[0]);
    if (round_end_ > tensor && bytes > text_.memory) break;
    ++round_end_;
  }
  const size_t count = round_end_ - round_begin_;
  collector_ = std::make_unique<ProductsCollector>(*text_.session,
                                                   std::span(tensors_).subspan(tensor, count));
  for (size_t at = 0; at < text_.tokens.size(); at += text_.window) {
    HEARTH_CHECK(collector_->add(text_.tokens.subspan(at, text_.window)));
    if (text_.progress) text_.progress(at + text_.window, text_.tokens.size());
  }
  collector_->stop();
  return {};
}

Result<InputKnowledge> Knowledge::of(const gguf::TensorInfo& tensor) {
  InputKnowledge known;
  if (importance_ != nullptr) {
    known.importance = importance_->find(tensor.name);
    const size_t matrices = tensor.dims[2] * tensor.dims[3];
    if (known.importance != nullptr &&
        (known.importance->columns != tensor.dims[0] || known.importance->matrices() != matrices)) {
      return fail(ErrorCode::bad_usage, "the importance matrix has ", known.importance->columns,
                  " x ", known.importance->matrices(), " values for tensor '",
                  printable(tensor.name), "', which has rows of ", tensor.dims[0], " in ", matrices,
                  " matrices: it was made with another model");
    }
  }
  const auto place = std::find_if(tensors_.begin(), tensors_.end(),
                                  [&](const auto* each) { return each->name == tensor.name; });
  if (place == tensors_.end()) return known;
  HEARTH_CHECK(collect_round_of(static_cast<size_t>(place - tensors_.begin())));
  const ProductSums* sums = collector_->find(tensor);
  if (sums == nullptr) return known;
  if (sums != prepared_from_) {
    const bool table = tied_ && tensor.name == "token_embd.weight";
    auto prepared = prepare(*sums, kDamping, table ? kTiedIdentity : 0.0, pool_);
    if (!prepared) return fail_with_context(printable(tensor.name), prepared.error());
    prepared_ = *std::move(prepared);
    prepared_from_ = sums;
  }
  view_ = prepared_.view();
  known.products = &view_;
  return known;
}

}  // namespace hearth::quantize
