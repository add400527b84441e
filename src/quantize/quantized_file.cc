#include "quantize/quantized_file.h"

#include <algorithm>

#include "os/file.h"
#include "os/system.h"

namespace hearth::quantize {
namespace {

// Weights that are encoded before they are written: enough for all threads, little memory.
constexpr uint64_t kWeightsTogether = uint64_t{1} << 22;

class TensorWriter {
 public:
  TensorWriter(gguf::Writer& writer, os::FileWriter& out, Knowledge& knowledge, ThreadPool& pool,
               const WriteProgress& progress)
      : writer_(writer), out_(out), knowledge_(knowledge), encoder_(pool), progress_(progress) {}

  [[nodiscard]] Result<void> write(const gguf::TensorInfo& tensor, DType type) {
    if (type == tensor.type) return put(tensor.data, tensor.weights());
    HEARTH_TRY(const InputKnowledge known, knowledge_.of(tensor));
    const uint64_t row = *row_bytes(type, tensor.dims[0]);
    const uint64_t wanted = std::max<uint64_t>(1, kWeightsTogether / tensor.dims[0]);
    const uint64_t together = (wanted + kFeedbackRows - 1) / kFeedbackRows * kFeedbackRows;
    std::vector<std::byte> bytes;
    for (uint64_t first = 0; first < tensor.rows(); first += together) {
      if (os::interrupted()) return fail(ErrorCode::interrupted, "interrupted");
      const uint64_t count = std::min(together, tensor.rows() - first);
      bytes.resize(count * row);
      HEARTH_CHECK(encoder_.encode(tensor, type, known, first, count, bytes.data()));
      HEARTH_CHECK(put(bytes, count * tensor.dims[0]));
    }
    return {};
  }

 private:
  [[nodiscard]] Result<void> put(Bytes bytes, uint64_t weights) {
    HEARTH_CHECK(writer_.write_piece([&](Bytes piece) { return out_.write(piece); }, bytes));
    done_ += weights;
    if (progress_) progress_(done_);
    return {};
  }

  gguf::Writer& writer_;
  os::FileWriter& out_;
  Knowledge& knowledge_;
  TensorEncoder encoder_;
  const WriteProgress& progress_;
  uint64_t done_ = 0;
};

}  // namespace

Result<void> write_quantized(const gguf::File& file, const Plan& plan, Knowledge& knowledge,
                             ThreadPool& pool, const WriteProgress& progress,
                             const std::string& path) {
  HEARTH_CHECK(check_encodable(file, plan));
  HEARTH_TRY(gguf::Writer writer, announce(file, plan));
  HEARTH_TRY(os::FileWriter out, os::FileWriter::create(path));
  HEARTH_CHECK(writer.write_header([&](Bytes bytes) { return out.write(bytes); }));
  TensorWriter tensors(writer, out, knowledge, pool, progress);
  for (size_t t = 0; t < file.tensors.size(); ++t)
    HEARTH_CHECK(tensors.write(file.tensors[t], plan.types[t]));
  return out.commit();
}

}  // namespace hearth::quantize
