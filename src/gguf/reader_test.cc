#include "gguf/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gguf/test_bytes.h"

namespace hearth::gguf {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kMax = UINT64_MAX;
constexpr uint64_t kKeysAt = RawFile::kKeysAt;
constexpr uint64_t kTypeOfK = kKeysAt + 8 + 1;  // where the type of a first key "k" stands

// Every error about the structure names the field and the byte where it stands.
void expect_bad(const std::string& bytes, std::string_view field, uint64_t at,
                ErrorCode code = ErrorCode::bad_file) {
  const auto parsed = parse(as_bytes(bytes));
  ASSERT_FALSE(parsed) << "parsed, but " << field << " is wrong";
  const std::string& message = parsed.error().message;
  EXPECT_THAT(message, HasSubstr(std::string(field)));
  EXPECT_THAT(message + " ", HasSubstr(cat("at byte ", at, " ")));
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  EXPECT_EQ(parsed.error().code, code) << message;
}

void expect_bad(const RawFile& file, std::string_view field, uint64_t at,
                ErrorCode code = ErrorCode::bad_file) {
  expect_bad(file.bytes(), field, at, code);
}

void expect_good(const RawFile& file) {
  const std::string bytes = file.bytes();
  const auto parsed = parse(as_bytes(bytes));
  EXPECT_TRUE(parsed) << parsed.error().message;
}

// One key, one tensor of 64 weights: 256 bytes of data.
RawFile small_file() {
  RawFile file;
  file.u32_key("k", 7);
  file.tensor("t", {16, 4}, DType::F32, 0);
  file.data.assign(256, '\1');
  return file;
}

TEST(GgufReader, ReadsASmallFile) {
  const std::string bytes = small_file().bytes();
  const auto file = parse(as_bytes(bytes));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->version, 3u);
  EXPECT_EQ(file->alignment, 32u);
  EXPECT_EQ(file->data_offset, bytes.size() - 256);
  ASSERT_EQ(file->tensors.size(), 1u);
  const TensorInfo* tensor = file->find("t");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->n_dims, 2u);
  EXPECT_EQ(tensor->dims, (std::array<uint64_t, 4>{16, 4, 1, 1}));
  EXPECT_EQ(tensor->rows(), 4u);
  EXPECT_EQ(tensor->weights(), 64u);
  EXPECT_EQ(tensor->data.size(), 256u);
  EXPECT_EQ(reinterpret_cast<const char*>(tensor->data.data()), bytes.data() + file->data_offset);
  EXPECT_EQ(file->find("T"), nullptr);
  EXPECT_EQ(file->metadata.u64("k").value(), 7u);
}

TEST(GgufReader, AFileOfNothingIsAFile) { expect_good(RawFile{}); }

TEST(GgufReader, EveryTruncationIsAnError) {
  RawFile file = small_file();
  file.key("s", ValueType::string, Raw().text("text"));
  file.key("a", ValueType::array, raw_array(ValueType::u16, 3, "aabbcc"));
  file.key("b", ValueType::array, raw_array(ValueType::string, 1, Raw().text("xyz").bytes()));
  const std::string bytes = file.bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    // A block of exactly this size, so that reading one byte more is seen by a sanitizer.
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto parsed = parse(as_bytes({cut.data(), cut.size()}));
    ASSERT_FALSE(parsed) << size;
    EXPECT_THAT(parsed.error().message, HasSubstr(" at byte ")) << size;
    EXPECT_THAT(parsed.error().message, HasSubstr("bytes")) << size;
  }
}

TEST(GgufReader, Magic) {
  RawFile file = small_file();
  file.magic = "GGML";
  expect_bad(file, "magic number", 0);
  file.magic = "\x1B[2J";
  const std::string bytes = file.bytes();
  EXPECT_THAT(parse(as_bytes(bytes)).error().message, HasSubstr("'\\x1b[2J'"));
  expect_bad(std::string("GGU"), "magic number", 0);
  expect_bad(std::string(), "magic number", 0);
}

TEST(GgufReader, Versions) {
  RawFile file = small_file();
  for (const uint32_t good : {2u, 3u}) {
    file.version = good;
    expect_good(file);
  }
  for (const uint32_t bad : {0u, 1u, 4u, UINT32_MAX, 0x01000000u, 0x02000000u, 0x03000000u}) {
    file.version = bad;
    expect_bad(file, "version", 4, ErrorCode::unsupported);
  }
  for (const uint32_t swapped : {0x02000000u, 0x03000000u}) {
    file.version = swapped;
    const std::string bytes = file.bytes();
    EXPECT_THAT(parse(as_bytes(bytes)).error().message, HasSubstr("big endian"));
  }
}

TEST(GgufReader, CountsOfTheHeader) {
  for (const uint64_t count : {uint64_t{3}, uint64_t{1} << 31, uint64_t{1} << 63, kMax}) {
    RawFile file;  // too short for even three tensors or keys
    file.n_tensors = count;
    expect_bad(file, "tensor count", 8);
    file.n_tensors = 0;
    file.n_keys = count;
    expect_bad(file, "metadata count", 16);
  }
  RawFile more = small_file();
  more.n_keys = 2;
  EXPECT_FALSE(parse(as_bytes(more.bytes())));  // takes a tensor for a key
  RawFile fewer = small_file();
  fewer.n_keys = 0;
  EXPECT_FALSE(parse(as_bytes(fewer.bytes())));
}

TEST(GgufReader, LimitOfEntries) {
  RawFile file;
  file.data.assign(40 * (kMaxEntries + 1), '\0');
  file.n_tensors = kMaxEntries + 1;
  expect_bad(file, "tensor count", 8, ErrorCode::too_large);
  file.n_tensors = 0;
  file.n_keys = kMaxEntries + 1;
  expect_bad(file, "metadata count", 16, ErrorCode::too_large);
}

TEST(GgufReader, AsManyEntriesAsAllowed) {
  RawFile file;
  for (uint64_t i = 0; i < kMaxEntries; ++i) {
    file.key(cat("key ", i), ValueType::u8, Raw().u8(1));
    file.tensor(cat("tensor ", i), {1}, DType::I8, i * 32);
  }
  file.data.assign(kMaxEntries * 32, '\0');
  expect_good(file);
}

TEST(GgufReader, Keys) {
  RawFile empty;
  empty.u32_key("", 1).u32_key("long enough for the counts", 1);
  expect_bad(empty, "metadata key", kKeysAt);
  for (const uint64_t length : {kMaxNameBytes + 1, uint64_t{1} << 32, uint64_t{1} << 63, kMax}) {
    RawFile file;
    file.keys.u64(length).raw(std::string(kMaxNameBytes + 100, 'k'));
    file.n_keys = 1;
    expect_bad(file, "metadata key", kKeysAt);
  }
  RawFile past_end;
  past_end.keys.u64(1000).raw("only this much of a key");
  past_end.n_keys = 1;
  expect_bad(past_end, "metadata key", kKeysAt);
  RawFile longest;
  longest.u32_key(std::string(kMaxNameBytes, 'k'), 1);
  expect_good(longest);
}

TEST(GgufReader, KeysAppearOnce) {
  RawFile file;
  file.u32_key("b", 1).u32_key("a", 1);
  const uint64_t again = file.tensors_at();
  file.u32_key("b", 2).u32_key("c", 1).u32_key("b", 3);
  expect_bad(file, "metadata key", again);
  EXPECT_THAT(parse(as_bytes(file.bytes())).error().message, HasSubstr("'b' appears twice"));
}

TEST(GgufReader, NamesInMessagesAreEscaped) {
  RawFile file;
  file.u32_key("x\n\x1B[31m", 1).u32_key("x\n\x1B[31m", 1);
  const std::string bytes = file.bytes();
  EXPECT_THAT(parse(as_bytes(bytes)).error().message, HasSubstr("'x\\x0a\\x1b[31m'"));
}

TEST(GgufReader, ValueTypes) {
  for (const uint32_t type : {13u, 255u, 1u << 31, UINT32_MAX}) {
    RawFile file;
    file.key("k", type, Raw().u64(0));
    expect_bad(file, "value type of metadata key 'k'", kTypeOfK);
  }
}

TEST(GgufReader, FixedValuesPastTheEnd) {
  for (uint32_t type = 0; type <= 12; ++type) {
    const uint64_t size = fixed_size(static_cast<ValueType>(type));
    if (size < 2) continue;
    RawFile file;
    file.key("k", type, Raw(std::string(size - 1, '\0')));
    expect_bad(file, "metadata value 'k'", kTypeOfK + 4);
    file = {};
    file.key("k", type, Raw(std::string(size, '\0')));
    expect_good(file);
  }
}

TEST(GgufReader, StringValues) {
  for (const uint64_t length :
       {uint64_t{5}, uint64_t{1} << 32, uint64_t{1} << 63, kMax - 7, kMax}) {
    RawFile file;
    file.key("k", ValueType::string, Raw().u64(length).raw("four"));
    expect_bad(file, "metadata value 'k'", kTypeOfK + 4);
  }
}

TEST(GgufReader, ArrayElementTypes) {
  RawFile unknown;
  unknown.key("k", ValueType::array, Raw().u32(13).u64(0));
  expect_bad(unknown, "metadata key 'k'", kTypeOfK + 4);
  RawFile nested;
  nested.key("k", ValueType::array,
             raw_array(ValueType::array, 1, raw_array(ValueType::u8, 1, "x").bytes()));
  expect_bad(nested, "array of metadata key 'k'", kTypeOfK + 4);
  EXPECT_THAT(parse(as_bytes(nested.bytes())).error().message, HasSubstr("array of arrays"));
}

TEST(GgufReader, ArrayCounts) {
  for (uint32_t type = 0; type <= 12; ++type) {
    const auto element = static_cast<ValueType>(type);
    if (element == ValueType::array) continue;
    const bool strings = element == ValueType::string;
    const uint64_t size = strings ? 8 : fixed_size(element);  // an empty string takes 8
    const std::string three(size * 3, '\0');
    RawFile good;
    good.key("k", ValueType::array, raw_array(element, 3, three));
    expect_good(good);
    // Also counts whose product with the size wraps to something small.
    for (const uint64_t count :
         {uint64_t{4}, kMax / size, kMax / size + 1, kMax / size + 2, uint64_t{1} << 63, kMax}) {
      if (count <= 3) continue;  // that quotient was 2^64 itself
      RawFile file;
      file.key("k", ValueType::array, raw_array(element, count, three));
      expect_bad(file, "length of the array of metadata key 'k'", kTypeOfK + 8);
    }
  }
}

TEST(GgufReader, StringsInArrays) {
  for (const uint64_t length : {uint64_t{100}, uint64_t{1} << 63, kMax - 7, kMax}) {
    RawFile file;
    const std::string strings = Raw().text("good").u64(length).raw("bad").bytes();
    file.key("k", ValueType::array, raw_array(ValueType::string, 2, strings));
    expect_bad(file, "string in the array of metadata key 'k'", kTypeOfK + 16 + 12);
  }
}

TEST(GgufReader, GoodAlignments) {
  for (const uint64_t alignment : {8ull, 16ull, 64ull, 1ull << 16, 1ull << 24}) {
    RawFile file;
    file.key("general.alignment", ValueType::u64, Raw().u64(alignment));
    file.tensor("a", {1}, DType::F32, 0).tensor("b", {1}, DType::F32, alignment);
    file.alignment = alignment;
    file.data.assign(alignment + 4, 'x');
    const std::string bytes = file.bytes();
    const auto parsed = parse(as_bytes(bytes));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->data_offset % alignment, 0u);
    EXPECT_EQ(parsed->tensors[1].data.data() - parsed->tensors[0].data.data(),
              static_cast<std::ptrdiff_t>(alignment));
  }
}

TEST(GgufReader, BadAlignments) {
  const uint64_t at = kKeysAt + 8 + std::string_view("general.alignment").size();
  for (const uint64_t alignment : {uint64_t{0}, uint64_t{1}, uint64_t{4}, uint64_t{12},
                                   uint64_t{31}, uint64_t{1} << 25, uint64_t{1} << 63, kMax}) {
    RawFile file;
    file.key("general.alignment", ValueType::u64, Raw().u64(alignment));
    expect_bad(file, "'general.alignment'", at);
  }
  RawFile negative;
  negative.key("general.alignment", ValueType::i32, Raw().put<int32_t>(-32));
  expect_bad(negative, "'general.alignment'", at);
  RawFile text;
  text.key("general.alignment", ValueType::string, Raw().text("32"));
  expect_bad(text, "'general.alignment'", at);
}

// ---- tensors ----

TEST(GgufReader, TensorNames) {
  RawFile file;
  file.tensors.u64(kMaxNameBytes + 1).raw(std::string(kMaxNameBytes + 100, 'n'));
  file.n_tensors = 1;
  expect_bad(file, "tensor name", kKeysAt);
  RawFile twice = small_file();
  twice.tensor("u", {1}, DType::I8, 0);
  const uint64_t again = kKeysAt + twice.keys.size() + twice.tensors.size();
  twice.tensor("t", {1}, DType::I8, 0);
  expect_bad(twice, "tensor name", again);
}

TEST(GgufReader, NumberOfDimensions) {
  for (const uint32_t n : {0u, 5u, 1u << 31, UINT32_MAX}) {
    RawFile file;
    file.tensors.text("t").u32(n).raw(std::string(64, '\1'));
    file.n_tensors = 1;
    expect_bad(file, "number of dimensions of tensor 't'", kKeysAt + 9);
  }
  RawFile four;
  four.tensor("t", {2, 3, 4, 5}, DType::I8, 0);
  four.data.assign(120, 'x');
  expect_good(four);
}

TEST(GgufReader, Dimensions) {
  for (size_t zero = 0; zero < 4; ++zero) {
    std::vector<uint64_t> dims{1, 1, 1, 1};
    dims[zero] = 0;
    RawFile file;
    file.tensor("t", dims, DType::I8, 0);
    file.data = "x";
    expect_bad(file, cat("dimension ", zero, " of tensor 't'"), kKeysAt + 13 + 8 * zero);
  }
}

TEST(GgufReader, ShapesThatWrapAround) {
  const std::vector<uint64_t> shapes[] = {
      {kMax},
      {kMax, kMax, kMax, kMax},
      {uint64_t{1} << 32, uint64_t{1} << 32},     // 2^64 weights: wraps to none
      {1, uint64_t{1} << 32, uint64_t{1} << 32},  // the rows wrap
      {1, uint64_t{1} << 16, uint64_t{1} << 24, 1u << 24},
      {32, (uint64_t{1} << 59) + 1},  // wraps to 32 weights
      {2, uint64_t{1} << 62},         // 2^63 weights, 2^65 bytes
      {uint64_t{1} << 62, 1},         // a row of 2^64 bytes
  };
  for (const auto& dims : shapes) {
    RawFile file;
    file.tensor("t", dims, DType::F32, 0);
    file.data.assign(128, 'x');
    expect_bad(file, "shape of tensor 't'", kKeysAt + 9);
  }
}

// 2^64 weights in a format of less than a byte for each: their bytes can be counted, they cannot.
TEST(GgufReader, WeightsThatWrapAround) {
  RawFile file;
  file.tensor("t", {uint64_t{1} << 32, uint64_t{1} << 32}, DType::Q2_K, 0);
  file.data.assign(128, 'x');
  expect_bad(file, "shape of tensor 't'", kKeysAt + 9);
}

TEST(GgufReader, LargeShapesWithoutWrappingReachPastTheEnd) {
  for (const uint64_t weights : {65ull, 1ull << 31, 1ull << 32, 1ull << 61}) {
    RawFile file;
    file.tensor("t", {weights}, DType::F32, 0);
    file.data.assign(256, 'x');
    expect_bad(file, "offset of tensor 't'", kKeysAt + 9 + 4 + 8 + 4);
  }
}

TEST(GgufReader, TensorTypes) {
  for (const uint32_t type : {4u, 5u, 31u, 38u, 43u, 1u << 31, UINT32_MAX}) {
    RawFile file;
    file.tensor("t", {256}, type, 0);
    file.data.assign(4096, 'x');
    expect_bad(file, "type of tensor 't'", kKeysAt + 9 + 4 + 8, ErrorCode::unsupported);
  }
}

TEST(GgufReader, RowsAreWholeBlocks) {
  for (const auto& [type, block] : {std::pair{DType::Q8_0, 32u}, std::pair{DType::Q6_K, 256u}}) {
    for (const uint64_t row : {uint64_t{1}, uint64_t{block} - 1, uint64_t{block} + 1, kMax}) {
      RawFile file;
      file.tensor("t", {row, block}, type, 0);  // the product is whole blocks, the rows are not
      file.data.assign(1 << 16, 'x');
      expect_bad(file, "shape of tensor 't'", kKeysAt + 9);
    }
  }
}

TEST(GgufReader, Offsets) {
  const uint64_t at = kKeysAt + 9 + 4 + 8 + 4;
  for (const uint64_t offset : {uint64_t{1}, uint64_t{31}, uint64_t{33}, kMax, uint64_t{64},
                                uint64_t{1} << 32, uint64_t{1} << 63, kMax - 31, kMax - 63}) {
    RawFile file;
    file.tensor("t", {32}, DType::I8, offset);
    file.data.assign(64, 'x');
    expect_bad(file, "offset of tensor 't'", at);
  }
}

TEST(GgufReader, TheLastByteCounts) {
  RawFile file;
  file.tensor("t", {33}, DType::I8, 32);
  file.data.assign(65, 'x');
  expect_good(file);
  file.data.pop_back();
  expect_bad(file, "offset of tensor 't'", kKeysAt + 9 + 4 + 8 + 4);
}

TEST(GgufReader, TensorsMayNotAddUpToMoreThanTheFile) {
  RawFile file;
  file.data.assign(4096, 'x');
  file.tensor("a", {4096}, DType::I8, 0);
  expect_good(file);
  file.tensor("b", {4096}, DType::I8, 0);
  const uint64_t data_at = (file.tensors_at() + file.tensors.size() + 31) / 32 * 32;
  expect_bad(file, "tensor data", data_at);
}

}  // namespace
}  // namespace hearth::gguf
