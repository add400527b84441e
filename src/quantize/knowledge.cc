#include "quantize/knowledge.h"

#include "base/text.h"

namespace hearth::quantize {
namespace {

constexpr double kDamping = 0.01;
// A table of embeddings is read as well as multiplied with. Errors of what is read count alike,
// whatever the output's inputs are; one mean square of these weighs both about the same.
constexpr double kTiedIdentity = 1.0;

}  // namespace

void Knowledge::set_products(const ProductsCollector* products) {
  collector_ = products;
  prepared_from_ = nullptr;
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
  const ProductSums* sums = collector_ != nullptr ? collector_->find(tensor) : nullptr;
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
