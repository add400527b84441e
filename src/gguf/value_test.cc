#include "gguf/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "gguf/test_bytes.h"

namespace hearth::gguf {
namespace {

using testing::HasSubstr;

constexpr ValueType kAllTypes[] = {
    ValueType::u8,  ValueType::i8,  ValueType::u16,     ValueType::i16,    ValueType::u32,
    ValueType::i32, ValueType::f32, ValueType::boolean, ValueType::string, ValueType::array,
    ValueType::u64, ValueType::i64, ValueType::f64,
};

// One key of every type, parsed: what the getters see of a real file.
class EveryType : public testing::Test {
 protected:
  void SetUp() override {
    RawFile raw;
    raw.key("u8", ValueType::u8, Raw().put<uint8_t>(200));
    raw.key("i8", ValueType::i8, Raw().put<int8_t>(-100));
    raw.key("u16", ValueType::u16, Raw().put<uint16_t>(60'000));
    raw.key("i16", ValueType::i16, Raw().put<int16_t>(-30'000));
    raw.key("u32", ValueType::u32, Raw().put<uint32_t>(4'000'000'000));
    raw.key("i32", ValueType::i32, Raw().put<int32_t>(-2'000'000'000));
    raw.key("u64", ValueType::u64, Raw().put<uint64_t>(UINT64_MAX));
    raw.key("i64", ValueType::i64, Raw().put<int64_t>(INT64_MIN));
    raw.key("f32", ValueType::f32, Raw().put<float>(1.5f));
    raw.key("f64", ValueType::f64, Raw().put<double>(-0.1));
    raw.key("bool", ValueType::boolean, Raw().u8(1));
    raw.key("string", ValueType::string, Raw().text("text"));
    raw.key("array", ValueType::array, raw_array(ValueType::u8, 2, "ab"));
    raw.key("positive i8", ValueType::i8, Raw().put<int8_t>(100));
    raw.key("positive i64", ValueType::i64, Raw().put<int64_t>(INT64_MAX));
    bytes_ = raw.bytes();
    auto parsed = parse(as_bytes(bytes_));
    ASSERT_TRUE(parsed) << parsed.error().message;
    metadata_ = parsed->metadata;
  }

  std::string bytes_;
  Metadata metadata_;
};

TEST_F(EveryType, Integers) {
  EXPECT_EQ(metadata_.u64("u8").value(), 200u);
  EXPECT_EQ(metadata_.u64("u16").value(), 60'000u);
  EXPECT_EQ(metadata_.u64("u32").value(), 4'000'000'000u);
  EXPECT_EQ(metadata_.u64("u64").value(), UINT64_MAX);
  EXPECT_EQ(metadata_.u64("positive i8").value(), 100u);
  EXPECT_EQ(metadata_.u64("positive i64").value(), static_cast<uint64_t>(INT64_MAX));
  for (const char* key : {"i8", "i16", "i32", "i64", "f32", "f64", "bool", "string", "array"}) {
    const auto value = metadata_.u64(key);
    ASSERT_FALSE(value) << key;
    EXPECT_THAT(value.error().message, HasSubstr(cat("'", key, "'")));
    EXPECT_FALSE(metadata_.u64_or(key, 3)) << key;  // a wrong type is no missing key
  }
  EXPECT_EQ(metadata_.u64_or("none", 3).value(), 3u);
  EXPECT_THAT(metadata_.u64("none").error().message, HasSubstr("'none' is missing"));
}

TEST_F(EveryType, Numbers) {
  const std::pair<const char*, double> kCases[] = {
      {"u8", 200},   {"i8", -100},    {"u16", 60'000},  {"i16", -30'000}, {"u32", 4e9},
      {"i32", -2e9}, {"u64", 0x1p64}, {"i64", -0x1p63}, {"f32", 1.5},     {"f64", -0.1},
  };
  for (const auto& [key, number] : kCases) {
    EXPECT_EQ(metadata_.f64_or(key, 0).value(), number) << key;
    EXPECT_TRUE(metadata_.find(key)->is_number());
    EXPECT_EQ(metadata_.find(key)->is_integer(), key[0] != 'f') << key;
  }
  for (const char* key : {"bool", "string", "array"}) {
    EXPECT_FALSE(metadata_.f64_or(key, 0)) << key;
    EXPECT_FALSE(metadata_.find(key)->is_number()) << key;
  }
  EXPECT_EQ(metadata_.f64_or("none", 0.5).value(), 0.5);
}

TEST_F(EveryType, BoolsAndTexts) {
  EXPECT_TRUE(metadata_.bool_or("bool", false).value());
  EXPECT_TRUE(metadata_.bool_or("none", true).value());
  EXPECT_EQ(metadata_.text("string").value(), "text");
  EXPECT_EQ(metadata_.text_or("none", "else").value(), "else");
  EXPECT_THAT(metadata_.text("none").error().message, HasSubstr("'none' is missing"));
  for (const auto& [key, value] : metadata_.entries()) {
    EXPECT_EQ(metadata_.bool_or(key, false).has_value(), key == "bool") << key;
    EXPECT_EQ(metadata_.text(key).has_value(), key == "string") << key;
    EXPECT_EQ(metadata_.text_or(key, "").has_value(), key == "string") << key;
  }
}

// The format says 0 or 1; what a careless writer left there counts as true (docs/formats/gguf.md).
TEST(GgufValue, EveryByteIsABool) {
  for (int byte = 0; byte < 256; ++byte) {
    RawFile raw;
    raw.key("b", ValueType::boolean, Raw().u8(static_cast<uint8_t>(byte)));
    const std::string bytes = raw.bytes();
    EXPECT_EQ(parse(as_bytes(bytes))->metadata.bool_or("b", byte == 0).value(), byte != 0) << byte;
  }
}

TEST(GgufValue, FloatsKeepTheirBits) {
  for (const double number : {0.0, -0.0, 1e-320, std::numeric_limits<double>::infinity()}) {
    Value value;
    value.type = ValueType::f64;
    value.bits = std::bit_cast<uint64_t>(number);
    EXPECT_EQ(std::bit_cast<uint64_t>(value.number()), value.bits);
  }
  Value nan;
  nan.type = ValueType::f32;
  nan.bits = 0x7FC00000;
  EXPECT_TRUE(std::isnan(nan.number()));
}

TEST(GgufValue, TypesHaveNamesAndSizes) {
  const uint64_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  const char* names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                         "bool", "string", "array", "u64", "i64", "f64"};
  for (size_t i = 0; i < std::size(kAllTypes); ++i) {
    EXPECT_EQ(static_cast<size_t>(kAllTypes[i]), i);
    EXPECT_EQ(fixed_size(kAllTypes[i]), sizes[i]);
    EXPECT_EQ(name_of(kAllTypes[i]), names[i]);
  }
}

TEST(GgufValue, ArraysMatchByKindOfNumber) {
  constexpr auto kInteger = [](ValueType t) {
    return t != ValueType::f32 && t != ValueType::f64 && t != ValueType::boolean &&
           t != ValueType::string;
  };
  constexpr auto kFloat = [](ValueType t) { return t == ValueType::f32 || t == ValueType::f64; };
  for (const ValueType stored : kAllTypes) {
    if (stored == ValueType::array) continue;
    RawFile raw;
    raw.key("a", ValueType::array, raw_array(stored, 1, std::string(8, '\0')));
    raw.keys = Raw(raw.keys.bytes().substr(0, raw.keys.size() - 8));
    raw.keys.raw(std::string(stored == ValueType::string ? 8 : fixed_size(stored), '\0'));
    const std::string bytes = raw.bytes();
    const auto parsed = parse(as_bytes(bytes));
    ASSERT_TRUE(parsed) << parsed.error().message;
    for (const ValueType asked : kAllTypes) {
      if (asked == ValueType::array) continue;
      const auto array = parsed->metadata.array("a", asked);
      const bool same = stored == asked || (kInteger(stored) && kInteger(asked)) ||
                        (kFloat(stored) && kFloat(asked));
      ASSERT_EQ(array.has_value(), same) << name_of(stored) << " as " << name_of(asked);
      if (same) {
        EXPECT_EQ((*array)->count, 1u);
      } else {
        EXPECT_THAT(array.error().message, HasSubstr(cat("an array of ", name_of(asked))));
        EXPECT_THAT(array.error().message, HasSubstr(cat("is an array of ", name_of(stored))));
      }
    }
  }
}

TEST(GgufValue, MissingAndScalarArrays) {
  RawFile raw;
  raw.u32_key("n", 1);
  const std::string bytes = raw.bytes();
  const auto parsed = parse(as_bytes(bytes));
  EXPECT_EQ(parsed->metadata.array("none", ValueType::u8).value(), nullptr);
  const auto array = parsed->metadata.array("n", ValueType::f32);
  ASSERT_FALSE(array);
  EXPECT_THAT(array.error().message, HasSubstr("'n' should be an array of f32 but is u32"));
}

template <class T>
void expect_array(ValueType type, const std::vector<T>& numbers) {
  Raw elements;
  for (const T number : numbers) elements.put(number);
  RawFile raw;
  raw.key("odd", ValueType::u8, Raw().u8(0));  // so that the array is not aligned
  raw.key("a", ValueType::array, raw_array(type, numbers.size(), elements.bytes()));
  const std::string bytes = raw.bytes();
  const auto parsed = parse(as_bytes(bytes));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Array* array = parsed->metadata.array("a", type).value();
  ASSERT_EQ(array->count, numbers.size());
  EXPECT_EQ(array->bytes.size(), numbers.size() * sizeof(T));
  for (size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(array->number(i), static_cast<double>(numbers[i]));
    if (std::is_integral_v<T>) {
      EXPECT_EQ(array->integer(i), static_cast<int64_t>(numbers[i]));
    }
  }
}

TEST(GgufValue, ElementsOfEveryType) {
  expect_array<uint8_t>(ValueType::u8, {0, 127, 128, 255});
  expect_array<int8_t>(ValueType::i8, {0, 127, -128, -1});
  expect_array<uint16_t>(ValueType::u16, {0, 32'768, 65'535});
  expect_array<int16_t>(ValueType::i16, {0, 32'767, -32'768, -1});
  expect_array<uint32_t>(ValueType::u32, {0, 1u << 31, UINT32_MAX});
  expect_array<int32_t>(ValueType::i32, {0, INT32_MAX, INT32_MIN, -1});
  expect_array<uint64_t>(ValueType::u64, {0, 1ull << 32, 1ull << 63, UINT64_MAX});
  expect_array<int64_t>(ValueType::i64, {0, INT64_MAX, INT64_MIN, -1});
  expect_array<float>(ValueType::f32, {0.0f, -1.5f, 1e38f});
  expect_array<double>(ValueType::f64, {0.0, -1.5, 1e300});
  expect_array<uint8_t>(ValueType::boolean, {0, 1});
}

TEST(GgufValue, StringsAreWalkedInOrder) {
  const std::string_view texts[] = {"", "a", std::string_view("n\0l", 3), "\xFF\xFE", "last"};
  Raw elements;
  for (const std::string_view text : texts) elements.text(text);
  RawFile raw;
  raw.key("a", ValueType::array, raw_array(ValueType::string, 5, elements.bytes()));
  const std::string bytes = raw.bytes();
  const auto parsed = parse(as_bytes(bytes));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Array* array = parsed->metadata.array("a", ValueType::string).value();
  uint64_t at = 0;
  for (const std::string_view text : texts) EXPECT_EQ(array->next_string(at), text);
  EXPECT_EQ(at, array->bytes.size());
}

}  // namespace
}  // namespace hearth::gguf
