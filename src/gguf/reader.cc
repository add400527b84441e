#include "gguf/reader.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <unordered_set>

namespace hearth::gguf {
namespace {

// The least bytes that one entry can take in a file: they bound the counts in the header, so a
// table is never reserved larger than the file itself justifies.
constexpr uint64_t kMinKeyValueBytes = 8 + 1 + 4 + 1;  // length, one letter, type, value
constexpr uint64_t kMinTensorInfoBytes =
    8 + 1 + 4 + 8 + 4 + 8;  // length, letter, dims, dim, type, offset

constexpr std::string_view kAlignmentKey = "general.alignment";

tl::unexpected<Error> bad(uint64_t offset, std::string_view field, std::string_view problem) {
  return fail(ErrorCode::bad_file, field, " at byte ", offset, " ", problem);
}

tl::unexpected<Error> truncated(uint64_t offset, std::string_view field, uint64_t file_bytes) {
  return bad(offset, field,
             cat("reaches past the end of the file (", file_bytes,
                 " bytes): the file is cut short or damaged, get it again"));
}

class Parser {
 public:
  explicit Parser(Bytes bytes) : bytes_(bytes), reader_(bytes) {}

  Result<File> run() {
    HEARTH_CHECK(read_header());
    for (uint64_t i = 0; i < n_key_values_; ++i) HEARTH_CHECK(read_key_value());
    HEARTH_CHECK(check_unique(keys_, "metadata key"));
    HEARTH_CHECK(read_alignment());
    for (uint64_t i = 0; i < n_tensors_; ++i) HEARTH_CHECK(read_tensor_info());
    HEARTH_CHECK(check_unique(names_, "tensor name"));
    HEARTH_CHECK(place_tensors());
    return std::move(file_);
  }

 private:
  struct Name {
    std::string_view text;
    uint64_t at;  // where it stands in the file
  };
  struct Offset {
    uint64_t value;
    uint64_t at;
  };

  template <class T>
  Result<T> read(std::string_view field) {
    const uint64_t at = reader_.at();
    const auto value = reader_.read<T>();
    if (!value) return truncated(at, field, bytes_.size());
    return *value;
  }

  Result<std::string_view> read_string(std::string_view field, uint64_t max_bytes) {
    const uint64_t at = reader_.at();
    HEARTH_TRY(const uint64_t length, read<uint64_t>(field));
    if (length > max_bytes) {
      return bad(at, field,
                 cat("has a length of ", length, " bytes, more than the limit of ", max_bytes));
    }
    const auto taken = reader_.take(length);
    if (!taken) {
      return bad(at, field,
                 cat("has a length of ", length, " bytes, but only ", reader_.remaining(),
                     " bytes of the file remain"));
    }
    return as_text(*taken);
  }

  Result<void> read_header() {
    HEARTH_TRY(const uint32_t magic, read<uint32_t>("magic number"));
    if (magic != kMagic) {
      return fail(ErrorCode::bad_file, "not a GGUF file: the magic number at byte 0 is '",
                  printable(as_text(bytes_.first(4))), "' instead of 'GGUF'");
    }
    HEARTH_TRY(file_.version, read<uint32_t>("version"));
    if (file_.version == 0x02000000 || file_.version == 0x03000000) {
      return fail(ErrorCode::unsupported,
                  "version at byte 4 is big endian: convert the file for a ",
                  "little-endian machine");
    }
    if (file_.version != 2 && file_.version != 3) {
      return fail(ErrorCode::unsupported, "version at byte 4 is ", file_.version,
                  ": hearth reads GGUF versions 2 and 3");
    }
    HEARTH_TRY(n_tensors_, read_entries("tensor count", kMinTensorInfoBytes));
    HEARTH_TRY(n_key_values_, read_entries("metadata count", kMinKeyValueBytes));
    file_.tensors.reserve(n_tensors_);
    return {};
  }

  Result<uint64_t> read_entries(std::string_view field, uint64_t min_bytes_each) {
    const uint64_t at = reader_.at();
    HEARTH_TRY(const uint64_t count, read_count(field, min_bytes_each));
    if (count > kMaxEntries) {
      return fail(ErrorCode::too_large, field, " at byte ", at, " is ", count, ", the limit is ",
                  kMaxEntries);
    }
    return count;
  }

  Result<uint64_t> read_count(std::string_view field, uint64_t min_bytes_each) {
    const uint64_t at = reader_.at();
    HEARTH_TRY(const uint64_t count, read<uint64_t>(field));
    if (count > reader_.remaining() / min_bytes_each) {
      return bad(at, field,
                 cat("is ", count, ", but the ", reader_.remaining(),
                     " bytes that follow cannot hold that many"));
    }
    return count;
  }

  Result<void> read_key_value() {
    const uint64_t at = reader_.at();
    HEARTH_TRY(const std::string_view key, read_string("metadata key", kMaxNameBytes));
    if (key.empty()) return bad(at, "metadata key", "is empty");
    keys_.push_back({key, at});
    if (key == kAlignmentKey) alignment_at_ = reader_.at();
    HEARTH_TRY(const Value value, read_value(key));
    file_.metadata.add(key, value);
    return {};
  }

  // By sorting, so that no choice of names makes it slow.
  static Result<void> check_unique(std::vector<Name>& names, std::string_view field) {
    std::sort(names.begin(), names.end(), [](const Name& a, const Name& b) {
      const int order = a.text.compare(b.text);
      return order != 0 ? order < 0 : a.at < b.at;
    });
    const auto same = [](const Name& a, const Name& b) { return a.text == b.text; };
    const auto first = std::adjacent_find(names.begin(), names.end(), same);
    if (first == names.end()) return {};
    return bad(std::next(first)->at, field, cat("'", printable(first->text), "' appears twice"));
  }

  Result<ValueType> read_value_type(std::string_view key) {
    const uint64_t at = reader_.at();
    HEARTH_TRY(const uint32_t type, read<uint32_t>("metadata value type"));
    if (type > static_cast<uint32_t>(ValueType::f64)) {
      return bad(at, cat("value type of metadata key '", printable(key), "'"),
                 cat("is ", type, ", which GGUF does not define (0 to 12)"));
    }
    return static_cast<ValueType>(type);
  }

  Result<Value> read_value(std::string_view key) {
    Value value;
    HEARTH_TRY(value.type, read_value_type(key));
    if (value.type == ValueType::string) {
      const std::string field = cat("metadata value '", printable(key), "'");
      HEARTH_TRY(value.text, read_string(field, bytes_.size()));
      return value;
    }
    if (value.type == ValueType::array) {
      HEARTH_TRY(value.array, read_array(key));
      return value;
    }
    const uint64_t at = reader_.at();
    const auto taken = reader_.take(fixed_size(value.type));
    if (!taken) return truncated(at, cat("metadata value '", printable(key), "'"), bytes_.size());
    std::memcpy(&value.bits, taken->data(), taken->size());
    return value;
  }

  Result<Array> read_array(std::string_view key) {
    Array array;
    const uint64_t type_at = reader_.at();
    HEARTH_TRY(array.element, read_value_type(key));
    const std::string field = cat("array of metadata key '", printable(key), "'");
    if (array.element == ValueType::array) {
      return bad(type_at, field, "is an array of arrays, which hearth does not read");
    }
    const bool strings = array.element == ValueType::string;
    HEARTH_TRY(array.count,
               read_count(cat("length of the ", field), strings ? 8 : fixed_size(array.element)));
    const uint64_t from = reader_.at();
    if (strings) {
      const std::string element = cat("string in the ", field);
      for (uint64_t i = 0; i < array.count; ++i) {
        HEARTH_TRY([[maybe_unused]] const std::string_view text,
                   read_string(element, bytes_.size()));
      }
      array.bytes = bytes_.subspan(from, reader_.at() - from);
    } else {
      array.bytes =
          *reader_.take(array.count * fixed_size(array.element));  // read_count has checked it
    }
    return array;
  }

  Result<void> read_alignment() {
    const Value* value = file_.metadata.find(kAlignmentKey);
    if (value == nullptr) return {};
    const std::string field = cat("metadata key '", kAlignmentKey, "'");
    const auto alignment = value->unsigned_integer();
    if (!alignment) {
      return bad(alignment_at_, field,
                 cat("should be an integer that is not negative but is ", name_of(value->type)));
    }
    file_.alignment = *alignment;
    const bool power_of_two =
        file_.alignment != 0 && (file_.alignment & (file_.alignment - 1)) == 0;
    if (!power_of_two || file_.alignment < 8 || file_.alignment > (1u << 24)) {
      return bad(alignment_at_, field,
                 cat("is ", file_.alignment, ", it must be a power of two from 8 to 16,777,216"));
    }
    return {};
  }

  Result<void> read_tensor_info() {
    TensorInfo tensor;
    const uint64_t at = reader_.at();
    HEARTH_TRY(tensor.name, read_string("tensor name", kMaxNameBytes));
    names_.push_back({tensor.name, at});
    const std::string who = cat("tensor '", printable(tensor.name), "'");
    const uint64_t dims_at = reader_.at();
    HEARTH_TRY(tensor.n_dims, read<uint32_t>(cat("number of dimensions of ", who)));
    if (tensor.n_dims == 0 || tensor.n_dims > kMaxDims) {
      return bad(dims_at, cat("number of dimensions of ", who),
                 cat("is ", tensor.n_dims, ", it must be 1 to 4"));
    }
    for (uint32_t d = 0; d < tensor.n_dims; ++d) {
      const uint64_t dim_at = reader_.at();
      HEARTH_TRY(tensor.dims[d], read<uint64_t>(cat("dimension of ", who)));
      if (tensor.dims[d] == 0) return bad(dim_at, cat("dimension ", d, " of ", who), "is 0");
    }
    const uint64_t type_at = reader_.at();
    HEARTH_TRY(const uint32_t type, read<uint32_t>(cat("type of ", who)));
    const DTypeTraits* known = find_dtype(type);
    if (known == nullptr) {
      return fail(ErrorCode::unsupported, "type of ", who, " at byte ", type_at, " is ", type,
                  ", a format that this hearth does not know: a newer hearth may, or get another "
                  "quantization");
    }
    tensor.type = known->type;
    if (!data_size(tensor)) {
      return bad(dims_at, cat("shape of ", who),
                 cat("is ", shape_text(tensor), ", which is no whole number of ",
                     name_of(tensor.type), " blocks or larger than any file"));
    }
    const uint64_t offset_at = reader_.at();
    HEARTH_TRY(const uint64_t offset, read<uint64_t>(cat("offset of ", who)));
    offsets_.push_back({offset, offset_at});
    file_.tensors.push_back(tensor);
    return {};
  }

  // Where each tensor's data lies, once the header's end is known.
  Result<void> place_tensors() {
    const auto data_offset = checked_align(reader_.at(), file_.alignment);
    if (!data_offset) return bad(reader_.at(), "start of the tensor data", "is out of range");
    file_.data_offset = *data_offset;
    uint64_t total = 0;  // cannot wrap: at most kMaxEntries times the size of the file
    for (size_t i = 0; i < file_.tensors.size(); ++i) {
      HEARTH_CHECK(place(file_.tensors[i], offsets_[i]));
      total += file_.tensors[i].data.size();
    }
    // A small file could otherwise stand for any amount of weights, all at the same place.
    if (total > bytes_.size()) {
      return bad(file_.data_offset, "tensor data",
                 cat("adds up to ", total, " bytes, more than the file has (", bytes_.size(),
                     "): tensors lie on top of each other"));
    }
    return {};
  }

  Result<void> place(TensorInfo& tensor, const Offset& offset) {
    const std::string who = cat("tensor '", printable(tensor.name), "'");
    const uint64_t size = *data_size(tensor);  // read_tensor_info has checked it
    if (offset.value % file_.alignment != 0) {
      return bad(offset.at, cat("offset of ", who),
                 cat("is ", offset.value, ", not a multiple of the alignment ", file_.alignment));
    }
    const auto begin = checked_add(file_.data_offset, offset.value);
    const auto end = begin ? checked_add(*begin, size) : std::nullopt;
    if (!end || *end > bytes_.size()) {
      return bad(offset.at, cat("offset of ", who),
                 cat("is ", offset.value, " and its size ", size,
                     " bytes, which reaches past the end of the file (", bytes_.size(),
                     " bytes): the file is cut short or damaged, get it again"));
    }
    tensor.data = bytes_.subspan(*begin, size);
    return {};
  }

  static std::optional<uint64_t> data_size(const TensorInfo& tensor) {
    auto rows = checked_mul(tensor.dims[1], tensor.dims[2]);
    if (rows) rows = checked_mul(*rows, tensor.dims[3]);
    const auto row = row_bytes(tensor.type, tensor.dims[0]);
    if (!rows || !row || !checked_mul(*rows, tensor.dims[0])) return std::nullopt;
    return checked_mul(*rows, *row);
  }

  static std::string shape_text(const TensorInfo& tensor) {
    std::string text;
    for (uint32_t d = 0; d < tensor.n_dims; ++d) text += cat(d == 0 ? "" : " x ", tensor.dims[d]);
    return text;
  }

  Bytes bytes_;
  ByteReader reader_;
  File file_;
  uint64_t n_tensors_ = 0;
  uint64_t n_key_values_ = 0;
  std::vector<Offset> offsets_;
  std::vector<Name> keys_;
  std::vector<Name> names_;
  uint64_t alignment_at_ = 0;  // where the value of kAlignmentKey stands
};

}  // namespace

const TensorInfo* File::find(std::string_view name) const {
  for (const TensorInfo& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

Result<File> parse(Bytes bytes) { return Parser(bytes).run(); }

Result<uint64_t> split_count(const File& file) {
  HEARTH_TRY(const uint64_t count, file.metadata.u64_or("split.count", 1));
  constexpr uint64_t kMaxParts = 1000;
  if (count > kMaxParts) {
    return fail(ErrorCode::too_large, "metadata key 'split.count' is ", count, ", the limit is ",
                kMaxParts);
  }
  return count == 0 ? 1 : count;
}

Result<std::string> split_path(std::string_view first_path, uint64_t index, uint64_t count) {
  char ending[40];
  const auto format = [&](uint64_t number) {
    const int n = std::snprintf(ending, sizeof ending, "-%05llu-of-%05llu.gguf",
                                static_cast<unsigned long long>(number),
                                static_cast<unsigned long long>(count));
    return std::string_view(ending, static_cast<size_t>(n));
  };
  const std::string_view first_ending = format(1);
  if (!ends_with(first_path, first_ending)) {
    return fail(ErrorCode::bad_file, "is part of a model split into ", count,
                " files: give the first one, whose name ends in '", first_ending, "'");
  }
  const std::string_view stem = first_path.substr(0, first_path.size() - first_ending.size());
  return cat(stem, format(index + 1));
}

namespace {

// A part may leave out what it is; what it says must be true.
Result<void> check_part(const File& part, uint64_t index, uint64_t count) {
  HEARTH_TRY(const uint64_t number, part.metadata.u64_or("split.no", index));
  if (number != index) {
    return fail(ErrorCode::bad_file, "part ", index + 1, " of the split model has a 'split.no' of ",
                number, ", it should be ", index);
  }
  HEARTH_TRY(const uint64_t of, part.metadata.u64_or("split.count", count));
  if (of != count) {
    return fail(ErrorCode::bad_file, "part ", index + 1,
                " of the split model has a 'split.count' of ", of, ", it should be ", count);
  }
  return {};
}

}  // namespace

Result<File> join(std::vector<File> parts) {
  if (parts.empty()) return fail(ErrorCode::internal, "no parts to join");
  if (parts.size() > 1) {
    for (size_t i = 0; i < parts.size(); ++i) HEARTH_CHECK(check_part(parts[i], i, parts.size()));
  }
  File whole = std::move(parts.front());
  std::unordered_set<std::string_view> names;
  for (const TensorInfo& tensor : whole.tensors) names.insert(tensor.name);
  for (size_t i = 1; i < parts.size(); ++i) {
    for (const TensorInfo& tensor : parts[i].tensors) {
      if (!names.insert(tensor.name).second) {
        return fail(ErrorCode::bad_file, "tensor '", printable(tensor.name),
                    "' is in two parts of the split model");
      }
      whole.tensors.push_back(tensor);
    }
  }
  HEARTH_TRY(const uint64_t expected,
             whole.metadata.u64_or("split.tensors.count", whole.tensors.size()));
  if (expected != whole.tensors.size()) {
    return fail(ErrorCode::bad_file, "the parts of the split model hold ", whole.tensors.size(),
                " tensors, but 'split.tensors.count' says ", expected);
  }
  return whole;
}

}  // namespace hearth::gguf
