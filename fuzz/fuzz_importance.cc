// An importance matrix from a stranger, in either format.
#include <cmath>
#include <cstring>
#include <memory>

#include "fuzz.h"
#include "quantize/importance.h"

namespace hearth::fuzz {
namespace {

void use(const quantize::ImportanceMatrix& matrix) {
  for (const auto& [name, importance] : matrix.tensors) {
    require(importance.matrices() != 0 &&
                importance.sums.size() == importance.matrices() * importance.columns,
            "there is a sum for every column of every matrix");
    for (size_t i = 0; i < importance.sums.size(); ++i)
      require(importance.mean_square(i) >= 0, "mean squares are not negative");
  }
}

void write_and_read(const quantize::ImportanceMatrix& matrix) {
  std::string bytes;
  const auto written = quantize::write_importance(matrix, [&](Bytes piece) -> Result<void> {
    bytes += as_text(piece);
    return {};
  });
  if (!written) return require_message(written.error());
  if (matrix.chunk_size == 0) return;  // of the old format: no chunk of a new one is so small
  const auto again = quantize::read_importance(as_bytes(bytes));
  if (!again) return require_message(again.error());  // names may be too long or appear twice
  require(again->tensors.size() == matrix.tensors.size(), "what is written is read");
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  // One byte past the end is a finding.
  const auto copy = std::make_unique<std::byte[]>(size);
  if (size != 0) std::memcpy(copy.get(), data, size);
  auto matrix = quantize::read_importance({copy.get(), size});
  if (!matrix) {
    fuzz::require_message(matrix.error());
    return 0;
  }
  fuzz::use(*matrix);
  fuzz::write_and_read(*matrix);
  quantize::ImportanceMatrix all;
  all.chunk_size = 512;
  for (int i = 0; i < 2; ++i) {
    if (const auto merged = quantize::merge(all, *matrix); !merged)
      fuzz::require_message(merged.error());
  }
  for (auto& [name, importance] : all.tensors) {
    if (const auto cut = quantize::recut(importance, name, 2, 2); !cut)
      fuzz::require_message(cut.error());
  }
  return 0;
}
