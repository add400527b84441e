#include "quantize/collection.h"

#include <algorithm>

#include "os/file.h"
#include "os/mapped_file.h"

namespace hearth::quantize {
namespace {

class Fnv1a {
 public:
  void add(Bytes bytes) {
    for (const std::byte byte : bytes) {
      state_ ^= static_cast<uint64_t>(byte);
      state_ *= 0x100000001B3u;
    }
  }
  [[nodiscard]] std::string text() const {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[state_ >> shift & 15];
    return text;
  }

 private:
  uint64_t state_ = 0xCBF29CE484222325u;
};

}  // namespace

std::string digest(Bytes bytes) {
  Fnv1a hash;
  hash.add(bytes);
  return hash.text();
}

std::string digest(const gguf::File& model) {
  constexpr size_t kBeginning = 4096;  // bytes of each tensor
  Fnv1a hash;
  for (const gguf::TensorInfo& tensor : model.tensors) {
    const std::string shape = cat(tensor.name, " ", name_of(tensor.type), " ", tensor.dims[0], " ",
                                  tensor.dims[1], " ", tensor.dims[2], " ", tensor.dims[3], "\n");
    hash.add(as_bytes(shape));
    hash.add(tensor.data.first(std::min(kBeginning, tensor.data.size())));
  }
  return hash.text();
}

Result<void> check_same_run(const CollectionState& file, const CollectionState& run) {
  constexpr std::string_view kAdvice =
      ": give another output with -o, or take this one in with --in-file";
  if (!file.present()) {
    return fail(ErrorCode::bad_usage, "was not left by a run of hearth that could go on", kAdvice);
  }
  if (file.text != run.text) {
    return fail(ErrorCode::bad_usage, "was collected on another text", kAdvice);
  }
  if (file.model != run.model) {
    return fail(ErrorCode::bad_usage, "was collected with another model", kAdvice);
  }
  if (file.settings != run.settings) {
    return fail(ErrorCode::bad_usage, "was collected with other settings (",
                printable(file.settings), ") than these (", run.settings, ")", kAdvice);
  }
  return {};
}

Result<ImportanceMatrix> load_importance(const std::string& path) {
  HEARTH_TRY(const os::MappedFile file, os::MappedFile::open(path));
  Result<ImportanceMatrix> matrix = read_importance(file.bytes());
  if (!matrix) return fail_with_context(printable(path, 400), matrix.error());
  return matrix;
}

Result<void> save_importance(const ImportanceMatrix& matrix, const std::string& path) {
  HEARTH_TRY(os::FileWriter file, os::FileWriter::create(path));
  HEARTH_CHECK(write_importance(matrix, [&](Bytes bytes) { return file.write(bytes); }));
  return file.commit();
}

}  // namespace hearth::quantize
