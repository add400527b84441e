#include "convert/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "base/rng.h"
#include "convert/test_files.h"

namespace hearth::convert {
namespace {

using testing::HasSubstr;

constexpr std::string_view kHeader = R"({"__metadata__":{"format":"pt"},)"
                                     R"("b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},)"
                                     R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},)"
                                     R"("c":{"dtype":"U8","shape":[],"data_offsets":[28,29]}})";

std::string good_file() { return safetensors_file(kHeader, std::string(29, '\x3C')); }

// On the heap and of just this size, so that a sanitizer sees a byte read too far.
Result<std::vector<SourceTensor>> parse(const std::string& file) {
  static std::unique_ptr<std::byte[]> copy;
  copy = std::make_unique<std::byte[]>(file.size());
  std::memcpy(copy.get(), file.data(), file.size());
  return parse_safetensors(Bytes(copy.get(), file.size()));
}

std::string error_of(const std::string& file) {
  const auto parsed = parse(file);
  return parsed ? "no error" : parsed.error().message;
}

std::string error_of_header(std::string_view header, size_t data = 0) {
  return error_of(safetensors_file(header, std::string(data, '\0')));
}

std::string error_of_tensor(std::string_view fields, size_t data) {
  return error_of_header(cat("{\"x\":{", fields, "}}"), data);
}

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirData) {
  const auto tensors = parse(good_file());
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
  ASSERT_EQ(tensors->size(), 3u);
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_EQ((*tensors)[0].type, SourceType::BF16);
  EXPECT_EQ((*tensors)[1].shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ((*tensors)[1].rows(), 2u);
  EXPECT_EQ((*tensors)[1].columns(), 3u);
  EXPECT_EQ((*tensors)[1].data.size(), 24u);
  EXPECT_EQ((*tensors)[2].columns(), 1u);
  EXPECT_EQ((*tensors)[2].rows(), 1u);
}

TEST(Safetensors, HasEveryTypeUnderItsName) {
  for (const auto type : {SourceType::boolean, SourceType::F8_E4M3, SourceType::F16,
                          SourceType::BF16, SourceType::F32, SourceType::F64, SourceType::U64}) {
    const std::string header = cat(R"({"x":{"dtype":")", name_of(type),
                                   R"(","shape":[3],"data_offsets":[0,)", 3 * size_of(type), "]}}");
    const auto tensors = parse(safetensors_file(header, std::string(3 * size_of(type), '\0')));
    ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
    EXPECT_EQ((*tensors)[0].type, type);
  }
}

TEST(Safetensors, HeadersMayEndWithSpaces) {
  EXPECT_EQ(error_of(safetensors_file(cat(kHeader, "   "), std::string(29, '\0'))), "no error");
}

TEST(Safetensors, TakesTensorsWithoutValues) {
  EXPECT_EQ(error_of_tensor(R"("dtype":"F32","shape":[0,7],"data_offsets":[0,0])", 0), "no error");
}

TEST(Safetensors, RefusesEveryTruncation) {
  const std::string file = good_file();
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_NE(error_of(file.substr(0, size)), "no error") << size;
  }
  EXPECT_THAT(error_of(file.substr(0, file.size() - 1)), HasSubstr("cut short"));
  EXPECT_THAT(error_of(file + "x"), HasSubstr("1 bytes at the end"));
}

TEST(Safetensors, NamesWhatIsWrongWithTheHeader) {
  EXPECT_THAT(error_of(std::string(8, '\xFF') + "{}"), HasSubstr("header is said to have"));
  EXPECT_THAT(error_of_header("[]"), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(error_of_header("{"), HasSubstr("no JSON from its byte"));
  EXPECT_THAT(error_of_header("{} {}"), HasSubstr("no JSON"));
  EXPECT_THAT(error_of_header("{\"x\":5}"), HasSubstr("tensor 'x'"));
  EXPECT_THAT(error_of_header("{\"\":{}}"), HasSubstr("0 bytes"));
  EXPECT_THAT(error_of_header("{\"x\":{},\"x\":{}}"), HasSubstr("'x' is there twice"));
  EXPECT_THAT(error_of_header("{\"x\":{\"y\":{}}}"), HasSubstr("'y' holds an object"));
  EXPECT_THAT(error_of_header("{\"__metadata__\":{\"a\":[1]}}"), HasSubstr("a list"));
  EXPECT_THAT(error_of_header("{\"x\xFF\":{}}"), HasSubstr("no JSON"));
  EXPECT_THAT(error_of_header(cat("{\"", std::string(2000, 'n'), "\":{}}")), HasSubstr("2000"));
}

TEST(Safetensors, IsNotAfraidOfDepth) {
  EXPECT_NE(error_of_header(std::string(1 << 20, '[')), "no error");
  EXPECT_NE(error_of_header(cat("{\"x\":", std::string(1 << 20, '['))), "no error");
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":";
  EXPECT_NE(error_of_header(deep), "no error");
}

TEST(Safetensors, NamesWhatIsWrongWithATensor) {
  EXPECT_THAT(error_of_tensor(R"("shape":[1],"data_offsets":[0,4])", 4), HasSubstr("no 'dtype'"));
  EXPECT_THAT(error_of_tensor(R"("dtype":"F32","data_offsets":[0,4])", 4), HasSubstr("'shape'"));
  EXPECT_THAT(error_of_tensor(R"("dtype":"F32","shape":[1])", 4), HasSubstr("'data_offsets'"));
  EXPECT_THAT(error_of_tensor(R"("dtype":"F33","shape":[1],"data_offsets":[0,4])", 4),
              HasSubstr("'F33'"));
  EXPECT_THAT(error_of_tensor(R"("dtype":5,"shape":[1],"data_offsets":[0,4])", 4),
              HasSubstr("'dtype' holds a number"));
  EXPECT_THAT(error_of_tensor(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])", 4),
              HasSubstr("negative"));
  EXPECT_THAT(error_of_tensor(R"("dtype":"F32","shape":[1.5],"data_offsets":[0,4])", 4),
              HasSubstr("fraction"));
  EXPECT_THAT(error_of_tensor(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])", 4),
              HasSubstr("a list"));
  EXPECT_THAT(error_of_tensor(R"("dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4])", 4),
              HasSubstr("twice"));
  EXPECT_THAT(
      error_of_tensor(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4])", 4),
      HasSubstr("more than 8"));
}

TEST(Safetensors, NamesOffsetsThatDoNotFit) {
  const auto with = [](std::string_view shape, std::string_view offsets) {
    return error_of_tensor(
        cat(R"("dtype":"F32","shape":[)", shape, R"(],"data_offsets":[)", offsets, "]"), 8);
  };
  EXPECT_EQ(with("2", "0,8"), "no error");
  EXPECT_THAT(with("2", "8,0"), HasSubstr("before it begins"));
  EXPECT_THAT(with("2", "4,12"), HasSubstr("cut short"));
  EXPECT_THAT(with("3", "0,8"), HasSubstr("ask for 12"));
  EXPECT_THAT(with("1", "0,8"), HasSubstr("ask for 4"));
  EXPECT_THAT(with("2", "0"), HasSubstr("1 'data_offsets'"));
  EXPECT_THAT(with("2", "0,8,8"), HasSubstr("3 'data_offsets'"));
  EXPECT_THAT(with("1", "4,8"), HasSubstr("4 bytes in front of tensor 'x'"));
  EXPECT_THAT(with("4611686018427387905", "0,4"), HasSubstr("beyond any file"));
  EXPECT_THAT(with("4294967296,4294967296,4294967296", "0,0"), HasSubstr("beyond any file"));
  EXPECT_THAT(with("2", "0,18446744073709551615"), HasSubstr("cut short"));
  EXPECT_THAT(with("2", "0,18446744073709551616"), HasSubstr("fraction"));
}

TEST(Safetensors, RefusesTensorsThatShareBytes) {
  EXPECT_THAT(error_of_header(R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                              R"("y":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                              6),
              HasSubstr("'x' and 'y' share bytes"));
}

// Whatever a byte becomes, there is a good list or one line of text.
TEST(Safetensors, SurvivesEveryChangedByte) {
  const std::string file = good_file();
  Rng rng(1);
  for (size_t at = 0; at < 8 + kHeader.size(); ++at) {
    for (int i = 0; i < 24; ++i) {
      std::string changed = file;
      changed[at] = static_cast<char>(rng.below(256));
      const auto tensors = parse(changed);
      if (!tensors) {
        EXPECT_EQ(printable(tensors.error().message, 4000), tensors.error().message);
        continue;
      }
      uint64_t bytes = 0;
      for (const SourceTensor& tensor : *tensors) {
        bytes += tensor.data.size();
        EXPECT_EQ(tensor.rows() * tensor.columns() * size_of(tensor.type), tensor.data.size());
      }
      EXPECT_EQ(bytes, 29u);
    }
  }
}

}  // namespace
}  // namespace hearth::convert
