#include "gguf/writer.h"

#include <array>
#include <optional>

#include "gguf/reader.h"

namespace hearth::gguf {
namespace {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, std::string_view text) {
  put<uint64_t>(out, text.size());
  out.append(text);
}

// Far beyond any file, and far enough from 2^64 for offsets not to wrap.
constexpr uint64_t kMaxTensorBytes = uint64_t{1} << 48;

uint64_t padding_after(uint64_t bytes) {
  return (kDefaultAlignment - bytes % kDefaultAlignment) % kDefaultAlignment;
}

}  // namespace

void Writer::add_key(std::string_view key, ValueType type) {
  put_text(metadata_, key);
  put(metadata_, static_cast<uint32_t>(type));
  ++n_metadata_;
}

void Writer::add_text(std::string_view key, std::string_view value) {
  add_key(key, ValueType::string);
  put_text(metadata_, value);
}

void Writer::add_u32(std::string_view key, uint32_t value) {
  add_key(key, ValueType::u32);
  put(metadata_, value);
}

void Writer::add_f32(std::string_view key, float value) {
  add_key(key, ValueType::f32);
  put(metadata_, value);
}

void Writer::add_bool(std::string_view key, bool value) {
  add_key(key, ValueType::boolean);
  put<uint8_t>(metadata_, value ? 1 : 0);
}

void Writer::add_array(std::string_view key, ValueType element, uint64_t count) {
  add_key(key, ValueType::array);
  put(metadata_, static_cast<uint32_t>(element));
  put(metadata_, count);
}

void Writer::add_texts(std::string_view key, const std::vector<std::string>& values) {
  add_array(key, ValueType::string, values.size());
  for (const std::string& value : values) put_text(metadata_, value);
}

void Writer::add_f32s(std::string_view key, const std::vector<float>& values) {
  add_array(key, ValueType::f32, values.size());
  for (const float value : values) put(metadata_, value);
}

void Writer::add_i32s(std::string_view key, const std::vector<int32_t>& values) {
  add_array(key, ValueType::i32, values.size());
  for (const int32_t value : values) put(metadata_, value);
}

void Writer::add_u8s(std::string_view key, const std::vector<uint8_t>& values) {
  add_array(key, ValueType::u8, values.size());
  for (const uint8_t value : values) put(metadata_, value);
}

void Writer::add_bools(std::string_view key, const std::vector<bool>& values) {
  add_array(key, ValueType::boolean, values.size());
  for (const bool value : values) put<uint8_t>(metadata_, value ? 1 : 0);
}

void Writer::add_value(std::string_view key, const Value& value) {
  if (value.type == ValueType::string) return add_text(key, value.text);
  if (value.type == ValueType::array) {
    add_array(key, value.array.element, value.array.count);
    metadata_.append(as_text(value.array.bytes));
    return;
  }
  add_key(key, value.type);
  metadata_.append(reinterpret_cast<const char*>(&value.bits), fixed_size(value.type));
}

Result<void> Writer::add_tensor(std::string_view name, DType type, std::vector<uint64_t> dims) {
  if (dims.empty() || dims.size() > kMaxDims) {
    return fail(ErrorCode::internal, "tensor '", name, "' has ", dims.size(), " dimensions");
  }
  const auto row = row_bytes(type, dims[0]);
  if (!row) {
    return fail(ErrorCode::unsupported, "tensor '", name, "' has rows of ", dims[0],
                " weights, which are no whole blocks of ", name_of(type));
  }
  std::optional<uint64_t> checked = *row;
  for (size_t d = 1; d < dims.size() && checked; ++d) checked = checked_mul(*checked, dims[d]);
  if (!checked || *checked == 0 || *checked > kMaxTensorBytes) {
    return fail(ErrorCode::internal, "tensor '", name, "' is empty or too large for any file");
  }
  const uint64_t size = *checked;
  put_text(infos_, name);
  put(infos_, static_cast<uint32_t>(dims.size()));
  for (const uint64_t dim : dims) put(infos_, dim);
  put(infos_, static_cast<uint32_t>(type));
  put(infos_, next_offset_);
  sizes_.push_back(size);
  next_offset_ += size + padding_after(size);
  return {};
}

std::string Writer::header() const {
  std::string header;
  put(header, kMagic);
  put<uint32_t>(header, 3);
  put<uint64_t>(header, sizes_.size());
  put(header, n_metadata_);
  header += metadata_;
  header += infos_;
  header.append(padding_after(header.size()), '\0');
  return header;
}

Result<void> Writer::write_header(const Sink& sink) const {
  const std::string bytes = header();
  return sink(as_bytes(bytes));
}

Result<void> Writer::write_piece(const Sink& sink, Bytes piece) {
  if (current_ >= sizes_.size() || piece.size() > sizes_[current_] - written_) {
    return fail(ErrorCode::internal, "more tensor data than was announced");
  }
  HEARTH_CHECK(sink(piece));
  written_ += piece.size();
  if (written_ < sizes_[current_]) return {};
  written_ = 0;
  constexpr std::array<std::byte, kDefaultAlignment> kZeros{};
  return sink(Bytes(kZeros).first(padding_after(sizes_[current_++])));
}

}  // namespace hearth::gguf
