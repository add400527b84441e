#include "quantize/importance.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "gguf/reader.h"
#include "gguf/writer.h"

namespace hearth::quantize {
namespace {

constexpr std::string_view kSumsEnding = ".in_sum2";
constexpr std::string_view kCountsEnding = ".counts";
constexpr std::string_view kDatasetsKey = "imatrix.datasets";
constexpr std::string_view kChunkCountKey = "imatrix.chunk_count";
constexpr std::string_view kChunkSizeKey = "imatrix.chunk_size";
// Ours; other programs pass over them.
constexpr std::string_view kTextKey = "hearth.imatrix.text";
constexpr std::string_view kModelKey = "hearth.imatrix.model";
constexpr std::string_view kSettingsKey = "hearth.imatrix.settings";
constexpr std::string_view kWindowsKey = "hearth.imatrix.windows_done";

Result<void> check_numbers(std::string_view name, std::string_view what,
                           std::span<const float> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && values[i] >= 0) continue;
    return fail(ErrorCode::bad_file, "the ", what, " of tensor '", printable(name), "' has ",
                static_cast<double>(values[i]), " at ", i,
                ", which no sum of squares can be: the file is damaged or was made with a model "
                "whose results are not numbers");
  }
  return {};
}

Result<void> check_numbers(std::string_view name, const TensorImportance& importance) {
  HEARTH_CHECK(check_numbers(name, "sum", importance.sums));
  return check_numbers(name, "count", importance.counts);
}

std::vector<float> floats_of(Bytes data) {
  std::vector<float> values(data.size() / sizeof(float));
  std::memcpy(values.data(), data.data(), data.size());
  return values;
}

Result<uint32_t> number_of(const gguf::Metadata& metadata, std::string_view key) {
  HEARTH_TRY(const uint64_t value, metadata.u64(key));
  if (value > INT32_MAX) {
    return fail(ErrorCode::bad_file, "metadata key '", key, "' is ", value, ", the limit is ",
                INT32_MAX);
  }
  return static_cast<uint32_t>(value);
}

Result<void> read_metadata(const gguf::Metadata& metadata, ImportanceMatrix& matrix) {
  HEARTH_TRY(const std::string_view type, metadata.text_or("general.type", "imatrix"));
  if (type != "imatrix") {
    return fail(ErrorCode::bad_file, "this is a file of the type '", printable(type, 40),
                "' ('general.type'), no importance matrix");
  }
  HEARTH_TRY(matrix.chunk_count, number_of(metadata, kChunkCountKey));
  HEARTH_TRY(matrix.chunk_size, number_of(metadata, kChunkSizeKey));
  if (matrix.chunk_size == 0) {
    return fail(ErrorCode::bad_file, "metadata key '", kChunkSizeKey, "' is 0");
  }
  HEARTH_TRY(const gguf::Array* datasets, metadata.array(kDatasetsKey, gguf::ValueType::string));
  uint64_t at = 0;
  for (uint64_t i = 0; datasets != nullptr && i < datasets->count; ++i)
    matrix.datasets.emplace_back(datasets->next_string(at));
  if (metadata.find(kTextKey) == nullptr) return {};
  HEARTH_TRY(matrix.state.text, metadata.text(kTextKey));
  HEARTH_TRY(matrix.state.model, metadata.text(kModelKey));
  HEARTH_TRY(matrix.state.settings, metadata.text(kSettingsKey));
  HEARTH_TRY(matrix.state.windows_done, number_of(metadata, kWindowsKey));
  return {};
}

Result<void> check_floats(const gguf::TensorInfo& tensor) {
  if (tensor.type == DType::F32) return {};
  return fail(ErrorCode::bad_file, "tensor '", printable(tensor.name), "' is stored as ",
              name_of(tensor.type), ", but sums and counts must be F32");
}

Result<TensorImportance> join(std::string_view name, const gguf::TensorInfo& sums,
                              const gguf::TensorInfo& counts) {
  HEARTH_CHECK(check_floats(sums));
  HEARTH_CHECK(check_floats(counts));
  if (counts.weights() != sums.rows()) {
    return fail(ErrorCode::bad_file, "tensor '", printable(name), "' has ", sums.rows(),
                " rows of sums, but ", counts.weights(), " counts");
  }
  TensorImportance importance{sums.dims[0], floats_of(sums.data), floats_of(counts.data)};
  HEARTH_CHECK(check_numbers(name, importance));
  return importance;
}

Result<ImportanceMatrix> read_gguf(Bytes bytes) {
  HEARTH_TRY(const gguf::File file, gguf::parse(bytes));
  ImportanceMatrix matrix;
  HEARTH_CHECK(read_metadata(file.metadata, matrix));
  std::map<std::string_view, const gguf::TensorInfo*> counts;
  for (const gguf::TensorInfo& tensor : file.tensors) {
    if (ends_with(tensor.name, kCountsEnding))
      counts[tensor.name.substr(0, tensor.name.size() - kCountsEnding.size())] = &tensor;
  }
  for (const gguf::TensorInfo& tensor : file.tensors) {
    if (!ends_with(tensor.name, kSumsEnding)) continue;
    const auto name = tensor.name.substr(0, tensor.name.size() - kSumsEnding.size());
    const auto found = counts.find(name);
    if (found == counts.end()) {
      return fail(ErrorCode::bad_file, "tensor '", printable(name), "' has sums, but no counts");
    }
    HEARTH_TRY(TensorImportance importance, join(name, tensor, *found->second));
    matrix.tensors.emplace(name, std::move(importance));
    counts.erase(found);
  }
  if (!counts.empty()) {
    return fail(ErrorCode::bad_file, "tensor '", printable(counts.begin()->first),
                "' has counts, but no sums");
  }
  if (matrix.tensors.empty()) {
    return fail(ErrorCode::bad_file, "this importance matrix holds no tensors");
  }
  return matrix;
}

// The format before 2025, without a mark of its own: int32 count of entries; of each the length of
// its name, the name, calls, count of values, values (means times calls). Behind them, where there
// is more, the number of chunks, and the length and name of the text.
class LegacyReader {
 public:
  explicit LegacyReader(Bytes bytes) : reader_(bytes) {}

  Result<ImportanceMatrix> run() {
    HEARTH_TRY(const uint32_t entries, count("number of entries"));
    if (entries == 0) return broken("number of entries is 0");
    for (uint32_t i = 0; i < entries; ++i) HEARTH_CHECK(read_entry());
    if (reader_.remaining() == 0) return std::move(matrix_);
    HEARTH_TRY(matrix_.chunk_count, count("number of chunks"));
    HEARTH_TRY(const std::string_view dataset, text("name of the text"));
    if (!dataset.empty()) matrix_.datasets.emplace_back(dataset);
    return std::move(matrix_);
  }

 private:
  template <class... Pieces>
  [[nodiscard]] tl::unexpected<Error> broken(const Pieces&... pieces) const {
    return fail(ErrorCode::bad_file,
                "no importance matrix: it does not begin with 'GGUF', and "
                "read as the old format the ",
                pieces..., " (byte ", reader_.at(), ")");
  }

  Result<uint32_t> count(std::string_view what) {
    const auto value = reader_.read<int32_t>();
    if (!value) return broken(what, " reaches past the end of the file");
    if (*value < 0) return broken(what, " is ", *value);
    return static_cast<uint32_t>(*value);
  }

  Result<std::string_view> text(std::string_view what) {
    HEARTH_TRY(const uint32_t length, count(cat("length of the ", what)));
    const auto taken = reader_.take(length);
    if (!taken) return broken(what, " reaches past the end of the file");
    return as_text(*taken).substr(0, as_text(*taken).find('\0'));
  }

  Result<void> read_entry() {
    HEARTH_TRY(const std::string_view name, text("name of a tensor"));
    const auto calls = reader_.read<int32_t>();
    if (!calls) return broken("number of calls reaches past the end of the file");
    HEARTH_TRY(const uint32_t values, count("number of values"));
    if (values == 0) return broken("number of values is 0");
    const auto data = reader_.take(uint64_t{values} * sizeof(float));
    if (!data) return broken("values of '", printable(name), "' reach past the end of the file");
    TensorImportance importance{values, floats_of(*data), {1}};
    if (*calls > 0) importance.counts[0] = static_cast<float>(*calls);
    HEARTH_CHECK(check_numbers(name, importance));
    if (!matrix_.tensors.emplace(name, std::move(importance)).second) {
      return fail(ErrorCode::bad_file, "tensor '", printable(name), "' appears twice");
    }
    return {};
  }

  ByteReader reader_;
  ImportanceMatrix matrix_;
};

// Cuts sums into as many matrices as there are, of which an old file knows one count.
bool cut(TensorImportance& importance, size_t matrices) {
  if (importance.matrices() == matrices) return true;
  if (importance.matrices() != 1 || importance.sums.size() % matrices != 0) return false;
  importance.counts.resize(matrices, importance.counts[0]);
  importance.columns = importance.sums.size() / matrices;
  return true;
}

}  // namespace

const TensorImportance* ImportanceMatrix::find(std::string_view name) const {
  const auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : &found->second;
}

Result<ImportanceMatrix> read_importance(Bytes bytes) {
  if (as_text(bytes.first(std::min<size_t>(4, bytes.size()))) == "GGUF") return read_gguf(bytes);
  return LegacyReader(bytes).run();
}

Result<void> write_importance(const ImportanceMatrix& matrix, const Sink& sink) {
  gguf::Writer writer;
  writer.add_text("general.type", "imatrix");
  writer.add_texts(kDatasetsKey, matrix.datasets);
  writer.add_u32(kChunkCountKey, matrix.chunk_count);
  writer.add_u32(kChunkSizeKey, matrix.chunk_size);
  if (matrix.state.present()) {
    writer.add_text(kTextKey, matrix.state.text);
    writer.add_text(kModelKey, matrix.state.model);
    writer.add_text(kSettingsKey, matrix.state.settings);
    writer.add_u32(kWindowsKey, matrix.state.windows_done);
  }
  for (const auto& [name, importance] : matrix.tensors) {
    const uint64_t matrices = importance.matrices();
    HEARTH_CHECK(
        writer.add_tensor(cat(name, kSumsEnding), DType::F32, {importance.columns, matrices}));
    HEARTH_CHECK(writer.add_tensor(cat(name, kCountsEnding), DType::F32, {1, matrices}));
  }
  HEARTH_CHECK(writer.write_header(sink));
  for (const auto& [name, importance] : matrix.tensors) {
    HEARTH_CHECK(writer.write_piece(sink, std::as_bytes(std::span(importance.sums))));
    HEARTH_CHECK(writer.write_piece(sink, std::as_bytes(std::span(importance.counts))));
  }
  return {};
}

Result<void> merge(ImportanceMatrix& into, const ImportanceMatrix& other) {
  const float factor = other.chunk_size == 0 ? static_cast<float>(into.chunk_size) : 1.0f;
  for (const auto& [name, theirs] : other.tensors) {
    TensorImportance added = theirs;
    for (float& sum : added.sums) sum *= factor;
    for (float& count : added.counts) count *= factor;
    const auto [place, is_new] = into.tensors.emplace(name, added);
    if (is_new) continue;
    TensorImportance& ours = place->second;
    const size_t matrices = std::max(ours.matrices(), added.matrices());
    if (ours.sums.size() != added.sums.size() || !cut(ours, matrices) || !cut(added, matrices)) {
      return fail(ErrorCode::bad_file, "the matrices are of different models: tensor '",
                  printable(name), "' has ", ours.matrices(), " x ", ours.columns,
                  " sums in one and ", theirs.matrices(), " x ", theirs.columns, " in the other");
    }
    for (size_t i = 0; i < ours.sums.size(); ++i) ours.sums[i] += added.sums[i];
    for (size_t i = 0; i < matrices; ++i) ours.counts[i] += added.counts[i];
  }
  into.datasets.insert(into.datasets.end(), other.datasets.begin(), other.datasets.end());
  const uint64_t tokens = uint64_t{other.chunk_count} * other.chunk_size;
  into.chunk_count += other.chunk_size == 0 || into.chunk_size == 0
                          ? other.chunk_count
                          : static_cast<uint32_t>(tokens / into.chunk_size);
  return {};
}

Result<void> recut(TensorImportance& importance, std::string_view name, size_t columns,
                   size_t matrices) {
  if (importance.sums.size() == columns * matrices && cut(importance, matrices)) return {};
  return fail(ErrorCode::bad_file, "the importance matrix is of another model: for tensor '",
              printable(name), "' it has ", importance.matrices(), " x ", importance.columns,
              " sums, but the model needs ", matrices, " x ", columns);
}

}  // namespace hearth::quantize
