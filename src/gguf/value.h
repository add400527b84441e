// Metadata values of a GGUF file. Text and arrays are views into the mapped file: they live as
// long as its bytes and cost no memory of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace hearth::gguf {

enum class ValueType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

// Bytes of one value of a fixed-size type; 0 for string and array.
[[nodiscard]] uint64_t fixed_size(ValueType type);
[[nodiscard]] std::string_view name_of(ValueType type);

// The elements of an array, checked when the file was parsed. Element i of a fixed-size type stands
// at bytes[i * fixed_size]; strings are walked in order with next_string.
struct Array {
  ValueType element = ValueType::u8;
  uint64_t count = 0;
  Bytes bytes;

  // Element i of a numeric array, converted; i must be below count.
  [[nodiscard]] double number(uint64_t i) const;
  [[nodiscard]] int64_t integer(uint64_t i) const;

  // The string at byte position `at` of a string array; moves `at` to the next one. Start at 0,
  // call at most `count` times.
  [[nodiscard]] std::string_view next_string(uint64_t& at) const;
};

struct Value {
  ValueType type = ValueType::u8;
  uint64_t bits = 0;      // the raw little-endian bits of a fixed-size value
  std::string_view text;  // when type is string
  Array array;            // when type is array

  [[nodiscard]] bool is_integer() const;
  [[nodiscard]] bool is_number() const;  // integer or float
  [[nodiscard]] double number() const;   // any number, as a double
  [[nodiscard]] std::optional<uint64_t> unsigned_integer()
      const;  // nullopt when negative or not an integer
};

// Key to value, in file order. The getters name the key in their errors.
class Metadata {
 public:
  void add(std::string_view key, const Value& value) { entries_.emplace_back(key, value); }
  [[nodiscard]] const std::vector<std::pair<std::string_view, Value>>& entries() const {
    return entries_;
  }

  [[nodiscard]] const Value* find(std::string_view key) const;

  // A missing key gives the fallback; a key of the wrong type is an error.
  [[nodiscard]] Result<uint64_t> u64_or(std::string_view key, uint64_t fallback) const;
  [[nodiscard]] Result<double> f64_or(std::string_view key, double fallback) const;
  [[nodiscard]] Result<bool> bool_or(std::string_view key, bool fallback) const;
  [[nodiscard]] Result<std::string_view> text_or(std::string_view key,
                                                 std::string_view fallback) const;

  // A missing key is an error that names it.
  [[nodiscard]] Result<uint64_t> u64(std::string_view key) const;
  [[nodiscard]] Result<std::string_view> text(std::string_view key) const;

  // nullptr when the key is missing; an error when it is no array of that element type (any integer
  // width matches i32, any float f32).
  [[nodiscard]] Result<const Array*> array(std::string_view key, ValueType element) const;

 private:
  std::vector<std::pair<std::string_view, Value>> entries_;
};

}  // namespace hearth::gguf
