#include "quantize/knowledge.h"

#include <algorithm>

#include "base/text.h"

namespace hearth::quantize {
namespace {

constexpr double kDamping = 0.01;
// A table of embeddings is read as well as multiplied with. Errors of what is read count alike,
// whatever the output's inputs are; one mean square of these weighs both about the same.
constexpr double kTiedIdentity = 1.0;

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
  if (any) return {};
  return fail(ErrorCode::bad_file,
              "the importance matrix is of another model: none of its tensors has a name of this "
              "one's");
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
