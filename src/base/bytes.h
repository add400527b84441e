// A bounded reader over bytes that somebody else wrote, and arithmetic that cannot wrap.
// Little endian throughout: hearth supports no big-endian machine.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace hearth {

static_assert(std::endian::native == std::endian::little, "file formats are read in place");

using Bytes = std::span<const std::byte>;

[[nodiscard]] inline std::optional<uint64_t> checked_add(uint64_t a, uint64_t b) {
  if (a > UINT64_MAX - b) return std::nullopt;
  return a + b;
}

[[nodiscard]] inline std::optional<uint64_t> checked_mul(uint64_t a, uint64_t b) {
  if (b != 0 && a > UINT64_MAX / b) return std::nullopt;
  return a * b;
}

// Rounds up to a multiple of `alignment` (a power of two); nullopt when that wraps.
[[nodiscard]] inline std::optional<uint64_t> checked_align(uint64_t value, uint64_t alignment) {
  const auto sum = checked_add(value, alignment - 1);
  if (!sum) return std::nullopt;
  return *sum & ~(alignment - 1);
}

// Reads a T from unaligned bytes; the caller has checked that sizeof(T) bytes are there.
template <class T>
[[nodiscard]] T load_unaligned(const void* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes, uint64_t at = 0) : bytes_(bytes), at_(at) {}

  [[nodiscard]] uint64_t at() const { return at_; }
  [[nodiscard]] uint64_t remaining() const { return at_ < bytes_.size() ? bytes_.size() - at_ : 0; }

  template <class T>
  [[nodiscard]] std::optional<T> read() {
    if (remaining() < sizeof(T)) return std::nullopt;
    const T value = load_unaligned<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return value;
  }

  [[nodiscard]] std::optional<Bytes> take(uint64_t count) {
    if (at_ > bytes_.size() || remaining() < count) return std::nullopt;
    const Bytes taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }

 private:
  Bytes bytes_;
  uint64_t at_;
};

[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace hearth
