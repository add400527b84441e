#include "gguf/value.h"

#include <bit>

namespace hearth::gguf {

uint64_t fixed_size(ValueType type) {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
      return 8;
    case ValueType::string:
    case ValueType::array:
      return 0;
  }
  return 0;
}

std::string_view name_of(ValueType type) {
  constexpr std::string_view kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                         "bool", "string", "array", "u64", "i64", "f64"};
  return kNames[static_cast<size_t>(type)];
}

namespace {

template <class T>
T from_bits(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

int64_t to_integer(ValueType type, uint64_t bits) {
  switch (type) {
    case ValueType::i8:
      return from_bits<int8_t>(bits);
    case ValueType::i16:
      return from_bits<int16_t>(bits);
    case ValueType::i32:
      return from_bits<int32_t>(bits);
    default:
      return from_bits<int64_t>(bits);  // unsigned types are held zero-extended
  }
}

double to_number(ValueType type, uint64_t bits) {
  switch (type) {
    case ValueType::f32:
      return static_cast<double>(from_bits<float>(bits));
    case ValueType::f64:
      return from_bits<double>(bits);
    case ValueType::u64:
      return static_cast<double>(bits);
    default:
      return static_cast<double>(to_integer(type, bits));
  }
}

bool integer_type(ValueType type) {
  return type != ValueType::f32 && type != ValueType::f64 && type != ValueType::boolean &&
         fixed_size(type) != 0;
}

bool float_type(ValueType type) { return type == ValueType::f32 || type == ValueType::f64; }

bool same_kind(ValueType a, ValueType b) {
  return a == b || (integer_type(a) && integer_type(b)) || (float_type(a) && float_type(b));
}

uint64_t bits_at(const Array& array, uint64_t i) {
  const uint64_t size = fixed_size(array.element);
  uint64_t bits = 0;
  std::memcpy(&bits, array.bytes.data() + i * size, size);
  return bits;
}

tl::unexpected<Error> wrong_type(std::string_view key, std::string_view wanted,
                                 const Value& value) {
  return fail(ErrorCode::bad_file, "metadata key '", key, "' should be ", wanted, " but is ",
              name_of(value.type));
}

tl::unexpected<Error> missing(std::string_view key) {
  return fail(ErrorCode::bad_file, "metadata key '", key,
              "' is missing: the file is incomplete or was made for another program");
}

}  // namespace

double Array::number(uint64_t i) const { return to_number(element, bits_at(*this, i)); }
int64_t Array::integer(uint64_t i) const { return to_integer(element, bits_at(*this, i)); }

std::string_view Array::next_string(uint64_t& at) const {
  const auto length = load_unaligned<uint64_t>(bytes.data() + at);
  at += sizeof length;
  const std::string_view text = as_text(bytes.subspan(at, length));
  at += length;
  return text;
}

bool Value::is_integer() const { return integer_type(type); }
bool Value::is_number() const { return integer_type(type) || float_type(type); }
double Value::number() const { return to_number(type, bits); }

std::optional<uint64_t> Value::unsigned_integer() const {
  if (!is_integer()) return std::nullopt;
  if (type == ValueType::u64) return bits;
  const int64_t value = to_integer(type, bits);
  if (value < 0) return std::nullopt;
  return static_cast<uint64_t>(value);
}

const Value* Metadata::find(std::string_view key) const {
  for (const auto& [name, value] : entries_) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<uint64_t> Metadata::u64_or(std::string_view key, uint64_t fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  const auto number = value->unsigned_integer();
  if (!number) return wrong_type(key, "an integer that is not negative", *value);
  return *number;
}

Result<double> Metadata::f64_or(std::string_view key, double fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number()) return wrong_type(key, "a number", *value);
  return value->number();
}

Result<bool> Metadata::bool_or(std::string_view key, bool fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (value->type != ValueType::boolean) return wrong_type(key, "a bool", *value);
  return value->bits != 0;
}

Result<std::string_view> Metadata::text_or(std::string_view key, std::string_view fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (value->type != ValueType::string) return wrong_type(key, "a string", *value);
  return value->text;
}

Result<uint64_t> Metadata::u64(std::string_view key) const {
  if (find(key) == nullptr) return missing(key);
  return u64_or(key, 0);
}

Result<std::string_view> Metadata::text(std::string_view key) const {
  if (find(key) == nullptr) return missing(key);
  return text_or(key, "");
}

Result<const Array*> Metadata::array(std::string_view key, ValueType element) const {
  const Value* value = find(key);
  if (value == nullptr) return nullptr;
  if (value->type != ValueType::array || !same_kind(value->array.element, element)) {
    const bool array = value->type == ValueType::array;
    return fail(ErrorCode::bad_file, "metadata key '", key, "' should be an array of ",
                name_of(element), " but is ", array ? "an array of " : "",
                name_of(array ? value->array.element : value->type));
  }
  return &value->array;
}

}  // namespace hearth::gguf
