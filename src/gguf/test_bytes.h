// Raw GGUF bytes for tests, put down field by field so that any of them can be wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "gguf/reader.h"
#include "gguf/value.h"

namespace hearth::gguf {

// Bytes in the order they are appended.
class Raw {
 public:
  Raw() = default;
  explicit Raw(std::string bytes) : bytes_(std::move(bytes)) {}

  template <class T>
  Raw& put(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Raw& u8(uint8_t value) { return put(value); }
  Raw& u32(uint32_t value) { return put(value); }
  Raw& u64(uint64_t value) { return put(value); }
  Raw& type(ValueType value) { return put(static_cast<uint32_t>(value)); }
  Raw& text(std::string_view value) { return u64(value.size()).raw(value); }
  Raw& raw(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  [[nodiscard]] uint64_t size() const { return bytes_.size(); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// An array's value: element type, count, elements.
inline Raw raw_array(ValueType element, uint64_t count, std::string_view elements) {
  return Raw().type(element).u64(count).raw(elements);
}

// A file in its parts. Counts are right unless they are set.
struct RawFile {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::optional<uint64_t> n_tensors;
  std::optional<uint64_t> n_keys;
  Raw keys;
  Raw tensors;
  uint64_t alignment = kDefaultAlignment;  // of the padding in front of the data
  std::string data;
  uint64_t real_keys = 0;
  uint64_t real_tensors = 0;

  static constexpr uint64_t kKeysAt = 24;
  [[nodiscard]] uint64_t tensors_at() const { return kKeysAt + keys.size(); }

  RawFile& key(std::string_view name, ValueType type, const Raw& value) {
    return key(name, static_cast<uint32_t>(type), value);
  }
  RawFile& key(std::string_view name, uint32_t type, const Raw& value) {
    keys.text(name).u32(type).raw(value.bytes());
    ++real_keys;
    return *this;
  }
  RawFile& u32_key(std::string_view name, uint32_t value) {
    return key(name, ValueType::u32, Raw().u32(value));
  }
  RawFile& tensor(std::string_view name, const std::vector<uint64_t>& dims, DType type,
                  uint64_t offset) {
    return tensor(name, dims, static_cast<uint32_t>(type), offset);
  }
  RawFile& tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
                  uint64_t offset) {
    tensors.text(name).u32(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) tensors.u64(dim);
    tensors.u32(type).u64(offset);
    ++real_tensors;
    return *this;
  }

  [[nodiscard]] std::string bytes() const {
    Raw out;
    out.raw(magic).u32(version);
    out.u64(n_tensors.value_or(real_tensors)).u64(n_keys.value_or(real_keys));
    out.raw(keys.bytes()).raw(tensors.bytes());
    std::string all = out.bytes();
    if (!data.empty()) all.append((alignment - all.size() % alignment) % alignment, '\0');
    return all + data;
  }
};

}  // namespace hearth::gguf
