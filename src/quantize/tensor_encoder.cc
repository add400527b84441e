#include "quantize/tensor_encoder.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/buffer.h"

#include "tensor/reference.h"

namespace hearth::quantize {
namespace {

Result<void> name_the_culprit(const gguf::TensorInfo& tensor, size_t weight, float value) {
  return fail(ErrorCode::bad_file, "tensor '", printable(tensor.name), "' has ",
              std::isnan(value) ? "what is no number (NaN)" : "an infinite weight", " in row ",
              weight / tensor.dims[0], ", column ", weight % tensor.dims[0],
              ": the file is damaged, or its training went wrong");
}

}  // namespace

bool takes_feedback(DType type) {
  const GroupFormat* format = group_format(type);
  return type != DType::Q8_0 && format != nullptr && format->kind != GroupKind::floats;
}

void TensorEncoder::encode_rows(const Piece& piece, size_t columns, size_t rows_of_matrix,
                                DType type, const InputKnowledge& known, std::byte* out) const {
  RowEncoder encoder(type, columns, fitter_);
  const size_t bytes = *row_bytes(type, columns);
  std::vector<float> importance(known.importance != nullptr ? columns : 0);
  size_t importance_of = SIZE_MAX;
  for (size_t r = 0; r < piece.n_rows; ++r) {
    const size_t matrix = (piece.first_row + r) / rows_of_matrix;
    for (size_t i = 0; matrix != importance_of && i < importance.size(); ++i)
      importance[i] = known.importance->mean_square(matrix * columns + i);
    if (matrix != importance_of) encoder.set_importance(importance);
    importance_of = matrix;
    encoder.encode(piece.rows + r * columns, out + r * bytes);
  }
}

void TensorEncoder::encode_with_feedback(const Piece& piece, DType type,
                                         const InputProducts& products, std::byte* out) const {
  const GroupFormat& format = *group_format(type);
  const size_t blocks = products.columns / static_cast<size_t>(format.block());
  const size_t block_bytes = traits(type).block_bytes;
  std::vector<BlockParts> parts(piece.n_rows * blocks);
  Buffer<float> scratch = Buffer<float>::untouched(feedback_scratch(products.columns));
  FeedbackArgs args;
  args.rows = piece.rows;
  args.n_rows = piece.n_rows;
  args.inputs = products;
  args.scratch = scratch.data();
  args.out = parts.data();
  fitter_.round_with_feedback(format, fitter_, args);
  for (size_t i = 0; i < parts.size(); ++i) pack_parts(format, parts[i], out + i * block_bytes);
}

Result<void> TensorEncoder::encode(const gguf::TensorInfo& tensor, DType type,
                                   const InputKnowledge& known, size_t first_row, size_t n_rows,
                                   std::byte* out) {
  const size_t columns = tensor.dims[0];
  const size_t bytes_in = tensor.data.size() / tensor.rows();
  const size_t bytes_out = *row_bytes(type, columns);
  const bool feedback = known.products != nullptr && takes_feedback(type);
  std::atomic<size_t> culprit{SIZE_MAX};
  pool_.run((n_rows + kFeedbackRows - 1) / kFeedbackRows, [&](size_t chunk, size_t) {
    Piece piece{nullptr, 0, first_row + chunk * kFeedbackRows};
    piece.n_rows = std::min(kFeedbackRows, first_row + n_rows - piece.first_row);
    std::vector<float> rows(piece.n_rows * columns);
    for (size_t r = 0; r < piece.n_rows; ++r) {
      reference::dequantize(tensor.type, tensor.data.data() + (piece.first_row + r) * bytes_in,
                            columns, rows.data() + r * columns);
    }
    piece.rows = rows.data();
    const auto bad =
        std::find_if(rows.begin(), rows.end(), [](float w) { return !std::isfinite(w); });
    if (bad != rows.end()) {
      const size_t at = piece.first_row * columns + static_cast<size_t>(bad - rows.begin());
      size_t before = culprit.load();
      while (at < before && !culprit.compare_exchange_weak(before, at)) {
      }
      return;
    }
    std::byte* place = out + chunk * kFeedbackRows * bytes_out;
    if (feedback)
      encode_with_feedback(piece, type, *known.products, place);
    else
      encode_rows(piece, columns, tensor.dims[1], type, known, place);
  });
  if (culprit == SIZE_MAX) return {};
  float row_with_culprit = 0;
  std::vector<float> row(columns);
  reference::dequantize(tensor.type, tensor.data.data() + culprit / columns * bytes_in, columns,
                        row.data());
  row_with_culprit = row[culprit % columns];
  return name_the_culprit(tensor, culprit, row_with_culprit);
}

}  // namespace hearth::quantize
