#include "convert/safetensors.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "convert/json.h"

namespace hearth::convert {
namespace {

struct TypeTraits {
  SourceType type;
  std::string_view name;
  uint64_t bytes;
};

constexpr TypeTraits kTypes[] = {
    {SourceType::boolean, "BOOL", 1},    {SourceType::U8, "U8", 1},
    {SourceType::I8, "I8", 1},           {SourceType::F8_E5M2, "F8_E5M2", 1},
    {SourceType::F8_E4M3, "F8_E4M3", 1}, {SourceType::I16, "I16", 2},
    {SourceType::U16, "U16", 2},         {SourceType::F16, "F16", 2},
    {SourceType::BF16, "BF16", 2},       {SourceType::I32, "I32", 4},
    {SourceType::U32, "U32", 4},         {SourceType::F32, "F32", 4},
    {SourceType::F64, "F64", 8},         {SourceType::I64, "I64", 8},
    {SourceType::U64, "U64", 8},
};

constexpr std::string_view kMetadata = "__metadata__";

// What the header says of one tensor, before it is compared with the file.
struct Entry {
  std::string name;
  std::optional<std::string> type;
  std::optional<std::vector<uint64_t>> shape;
  std::optional<std::vector<uint64_t>> offsets;
};

// Takes the header apart while it is parsed: nothing in it is deeper than the numbers of a shape.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a bool"); }
  bool number_float(number_float_t, const string_t&) override { return refuse("a fraction"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool binary(binary_t&) override { return refuse("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (list_ == nullptr) return refuse("a number");
    if (list_->size() >= kMaxSourceDims) {
      return fault(ErrorCode::too_large,
                   cat(what(), " has more than ", kMaxSourceDims, " numbers"));
    }
    list_->push_back(value);
    return true;
  }

  bool string(string_t& value) override {
    if (depth_ == 2 && in_metadata_) return true;
    if (depth_ != 2 || field_ != "dtype") return refuse("text");
    if (entry().type) return fault(ErrorCode::bad_file, cat(what(), " is there twice"));
    entry().type = std::move(value);
    return true;
  }

  bool start_object(size_t) override {
    if (depth_ >= 2) return refuse("an object");
    ++depth_;
    return true;
  }

  bool end_object() override {
    --depth_;
    in_metadata_ = false;
    return true;
  }

  bool start_array(size_t) override {
    if (depth_ != 2 || in_metadata_) return refuse("a list");
    auto* list = field_ == "shape"          ? &entry().shape
                 : field_ == "data_offsets" ? &entry().offsets
                                            : nullptr;
    if (list == nullptr || list_ != nullptr) return refuse("a list");
    if (*list) return fault(ErrorCode::bad_file, cat(what(), " is there twice"));
    list_ = &list->emplace();
    return true;
  }

  bool end_array() override {
    list_ = nullptr;
    return true;
  }

  bool key(string_t& name) override {
    if (depth_ == 2) {
      field_ = std::move(name);
      return true;
    }
    if (name == kMetadata) {
      in_metadata_ = true;
      return true;
    }
    if (name.empty() || name.size() > kMaxNameBytes) {
      return fault(ErrorCode::bad_file, cat("a tensor's name has ", name.size(), " bytes, 1 to ",
                                            kMaxNameBytes, " are allowed"));
    }
    if (!names_.insert(name).second) {
      return fault(ErrorCode::bad_file, cat("tensor '", printable(name), "' is there twice"));
    }
    if (entries_.size() >= kMaxSourceTensors) {
      return fault(ErrorCode::too_large, cat("more than ", kMaxSourceTensors, " tensors"));
    }
    entries_.emplace_back().name = name;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    return fault(ErrorCode::bad_file,
                 cat("the header is no JSON from its byte ", position == 0 ? 0 : position - 1,
                     " on: the file is damaged"));
  }

  Result<std::vector<Entry>> finish() {
    if (error_) return tl::unexpected<Error>(*std::move(error_));
    return std::move(entries_);
  }

 private:
  Entry& entry() { return entries_.back(); }

  std::string what() const {
    if (entries_.empty() || depth_ < 2) return "the header";
    return cat("tensor '", printable(entries_.back().name), "': '", printable(field_), "'");
  }
  bool refuse(std::string_view kind) {
    if (depth_ == 1 && !entries_.empty()) {
      return fault(ErrorCode::bad_file, cat("tensor '", printable(entries_.back().name), "' is ",
                                            kind, " instead of an object"));
    }
    return fault(ErrorCode::bad_file,
                 cat(what(), " holds ", kind, ", which does not belong there"));
  }
  bool fault(ErrorCode code, std::string message) {
    error_ = Error{code, std::move(message)};
    return false;
  }

  std::vector<Entry> entries_;
  std::unordered_set<std::string> names_;
  std::string field_;
  std::vector<uint64_t>* list_ = nullptr;  // the list that is being read
  size_t depth_ = 0;                       // of objects
  bool in_metadata_ = false;
  std::optional<Error> error_;
};

tl::unexpected<Error> bad(const Entry& entry, const std::string& what) {
  return fail(ErrorCode::bad_file, "tensor '", printable(entry.name), "' ", what);
}

// Bytes that shape and type ask for.
Result<uint64_t> bytes_of(const Entry& entry, const TypeTraits& type) {
  std::optional<uint64_t> bytes = type.bytes;
  for (const uint64_t dim : *entry.shape) {
    if (bytes) bytes = checked_mul(*bytes, dim);
  }
  if (!bytes) return bad(entry, "has a shape whose size is beyond any file");
  return *bytes;
}

Result<SourceTensor> check(Entry&& entry, Bytes data) {
  if (!entry.type || !entry.shape || !entry.offsets) {
    return bad(entry, cat("has no '",
                          !entry.type    ? "dtype"
                          : !entry.shape ? "shape"
                                         : "data_offsets",
                          "'"));
  }
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const TypeTraits& t) { return t.name == *entry.type; });
  if (type == std::end(kTypes)) {
    return fail(ErrorCode::unsupported, "tensor '", printable(entry.name), "' has the type '",
                printable(*entry.type, 40), "', which hearth does not know");
  }
  if (entry.offsets->size() != 2) {
    return bad(entry, cat("has ", entry.offsets->size(), " 'data_offsets' instead of 2"));
  }
  const uint64_t begin = (*entry.offsets)[0];
  const uint64_t end = (*entry.offsets)[1];
  if (begin > end) {
    return bad(entry, cat("ends at byte ", end, " of the data, before it begins at ", begin));
  }
  if (end > data.size()) {
    return bad(entry, cat("ends at byte ", end, " of the data, of which there are ", data.size(),
                          ": the file is cut short; download it again"));
  }
  HEARTH_TRY(const uint64_t bytes, bytes_of(entry, *type));
  if (bytes != end - begin) {
    return bad(entry, cat("has ", end - begin, " bytes, but its shape and type ask for ", bytes));
  }
  SourceTensor tensor;
  tensor.name = std::move(entry.name);
  tensor.type = type->type;
  tensor.shape = *std::move(entry.shape);
  tensor.data = data.subspan(begin, bytes);
  return tensor;
}

// Every byte of the data belongs to one tensor.
Result<void> check_layout(const std::vector<SourceTensor>& tensors, Bytes data) {
  const std::byte* at = data.data();
  const std::string* before = nullptr;
  for (const SourceTensor& tensor : tensors) {
    if (tensor.data.data() < at) {
      return fail(ErrorCode::bad_file, "tensors '", printable(*before), "' and '",
                  printable(tensor.name), "' share bytes");
    }
    if (tensor.data.data() > at) {
      return fail(ErrorCode::bad_file, tensor.data.data() - at, " bytes in front of tensor '",
                  printable(tensor.name), "' belong to no tensor: the file is damaged");
    }
    at += tensor.data.size();
    before = &tensor.name;
  }
  const auto left = static_cast<uint64_t>(data.data() + data.size() - at);
  if (left != 0) {
    return fail(ErrorCode::bad_file, left,
                " bytes at the end belong to no tensor: the file is damaged");
  }
  return {};
}

}  // namespace

std::string_view name_of(SourceType type) { return kTypes[static_cast<size_t>(type)].name; }
uint64_t size_of(SourceType type) { return kTypes[static_cast<size_t>(type)].bytes; }

uint64_t SourceTensor::rows() const {
  uint64_t rows = 1;
  for (size_t d = 0; d + 1 < shape.size(); ++d) rows *= shape[d];
  return rows;
}

Result<std::vector<SourceTensor>> parse_safetensors(Bytes file) {
  constexpr uint64_t kPrefix = sizeof(uint64_t);
  if (file.size() < kPrefix) {
    return fail(ErrorCode::bad_file, "the file has ", file.size(),
                " bytes, too few for a safetensors file");
  }
  const auto header_bytes = load_unaligned<uint64_t>(file.data());
  if (header_bytes > file.size() - kPrefix || header_bytes > kMaxHeaderBytes) {
    return fail(ErrorCode::bad_file, "the header is said to have ", header_bytes,
                " bytes: this is no safetensors file, or it is cut short");
  }
  const std::string_view header = as_text(file.subspan(kPrefix, header_bytes));
  if (!starts_with(header, "{")) {
    return fail(ErrorCode::bad_file,
                "the header does not begin with '{': this is no safetensors "
                "file");
  }
  HeaderReader reader;
  (void)Json::sax_parse(header, &reader);
  HEARTH_TRY(std::vector<Entry> entries, reader.finish());
  const Bytes data = file.subspan(kPrefix + header_bytes);
  std::vector<SourceTensor> tensors;
  tensors.reserve(entries.size());
  for (Entry& entry : entries) {
    HEARTH_TRY(SourceTensor tensor, check(std::move(entry), data));
    tensors.push_back(std::move(tensor));
  }
  // Tensors without values stand in front of what begins at the same byte.
  std::sort(tensors.begin(), tensors.end(), [](const SourceTensor& a, const SourceTensor& b) {
    return a.data.data() != b.data.data() ? a.data.data() < b.data.data()
                                          : a.data.size() < b.data.size();
  });
  HEARTH_CHECK(check_layout(tensors, data));
  return tensors;
}

}  // namespace hearth::convert
