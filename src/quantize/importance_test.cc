#include "quantize/importance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "gguf/test_bytes.h"

namespace hearth::quantize {
namespace {

using gguf::Raw;
using gguf::RawFile;
using gguf::ValueType;
using testing::HasSubstr;

std::string written(const ImportanceMatrix& matrix) {
  std::string bytes;
  const auto done = write_importance(matrix, [&](Bytes piece) -> Result<void> {
    bytes += as_text(piece);
    return {};
  });
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return bytes;
}

std::string error_of(const std::string& bytes) {
  const auto matrix = read_importance(as_bytes(bytes));
  return matrix ? "no error" : matrix.error().message;
}

// A dense tensor, and one of three experts of which the second was never chosen.
ImportanceMatrix sample() {
  ImportanceMatrix matrix;
  matrix.tensors["blk.0.attn_q.weight"] = {4, {1, 2, 3, 0.5f}, {7}};
  matrix.tensors["blk.0.ffn_up_exps.weight"] = {2, {1, 2, 0, 0, 5, 6}, {3, 0, 4}};
  matrix.datasets = {"a.txt", "b.txt"};
  matrix.chunk_count = 9;
  matrix.chunk_size = 512;
  matrix.state = {"text", "model", "settings", 8};
  return matrix;
}

std::string floats(const std::vector<float>& values) {
  return std::string(as_text(std::as_bytes(std::span(values))));
}

// The parts of a file with one tensor, so that any of them can be wrong.
struct Parts {
  std::vector<float> sums{1, 2, 3, 4};
  std::vector<float> counts{5, 6};
  std::vector<uint64_t> sums_dims{2, 2};
  std::vector<uint64_t> counts_dims{1, 2};
  DType sums_type = DType::F32;
  std::string sums_name = "a.weight.in_sum2";
  std::string counts_name = "a.weight.counts";
  std::string type = "imatrix";
  std::optional<uint32_t> chunk_size = 512;

  [[nodiscard]] std::string bytes() const {
    RawFile file;
    file.key("general.type", ValueType::string, Raw().text(type));
    file.u32_key("imatrix.chunk_count", 3);
    if (chunk_size) file.u32_key("imatrix.chunk_size", *chunk_size);
    file.tensor(sums_name, sums_dims, sums_type, 0);
    file.tensor(counts_name, counts_dims, DType::F32, 32);
    file.data = floats(sums);
    file.data.resize(32);
    file.data += floats(counts);
    return file.bytes();
  }
};

TEST(ImportanceTest, ReadsWhatItWrites) {
  const ImportanceMatrix want = sample();
  const std::string bytes = written(want);
  const auto got = read_importance(as_bytes(bytes));
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->tensors.size(), want.tensors.size());
  for (const auto& [name, importance] : want.tensors) {
    const TensorImportance* found = got->find(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->columns, importance.columns);
    EXPECT_EQ(found->sums, importance.sums);
    EXPECT_EQ(found->counts, importance.counts);
  }
  EXPECT_EQ(got->find("blk.0.attn_k.weight"), nullptr);
  EXPECT_EQ(got->datasets, want.datasets);
  EXPECT_EQ(got->chunk_count, 9u);
  EXPECT_EQ(got->chunk_size, 512u);
  EXPECT_EQ(got->state.text, "text");
  EXPECT_EQ(got->state.model, "model");
  EXPECT_EQ(got->state.settings, "settings");
  EXPECT_EQ(got->state.windows_done, 8u);
  EXPECT_EQ(written(*got), bytes);
}

TEST(ImportanceTest, ExpertsThatNobodyChoseHaveOnes) {
  const ImportanceMatrix matrix = sample();
  const TensorImportance& experts = *matrix.find("blk.0.ffn_up_exps.weight");
  EXPECT_EQ(experts.mean_square(1), 2.0f / 3);
  EXPECT_EQ(experts.mean_square(2), 1.0f);
  EXPECT_EQ(experts.mean_square(3), 1.0f);
  EXPECT_EQ(experts.mean_square(4), 5.0f / 4);
}

TEST(ImportanceTest, FilesOfOthersHaveNoState) {
  const auto matrix = read_importance(as_bytes(Parts{}.bytes()));
  ASSERT_TRUE(matrix) << matrix.error().message;
  EXPECT_FALSE(matrix->state.present());
  EXPECT_EQ(matrix->find("a.weight")->columns, 2u);
  EXPECT_EQ(matrix->find("a.weight")->counts, (std::vector<float>{5, 6}));
}

TEST(ImportanceTest, NumbersThatCannotBeAreNamedByTensor) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float bad : {kNan, kInfinity, -kInfinity, -1.0f}) {
    Parts sums, counts;
    sums.sums[2] = bad;
    counts.counts[1] = bad;
    EXPECT_THAT(error_of(sums.bytes()), HasSubstr("sum of tensor 'a.weight' has")) << bad;
    EXPECT_THAT(error_of(counts.bytes()), HasSubstr("count of tensor 'a.weight' has")) << bad;
  }
}

TEST(ImportanceTest, PartsThatDoNotFitAreErrors) {
  Parts parts;
  parts.counts_name = "b.weight.counts";
  EXPECT_THAT(error_of(parts.bytes()), HasSubstr("'a.weight' has sums, but no counts"));
  parts = {};
  parts.sums_name = "a.weight.in_sum3";
  EXPECT_THAT(error_of(parts.bytes()), HasSubstr("'a.weight' has counts, but no sums"));
  parts = {};
  parts.counts_name = "a.weight.count";
  parts.sums_name = "a.weight.sums";
  EXPECT_THAT(error_of(parts.bytes()), HasSubstr("holds no tensors"));
  parts = {};
  parts.counts_dims = {1, 1};
  EXPECT_THAT(error_of(parts.bytes()), HasSubstr("2 rows of sums, but 1 counts"));
  parts = {};
  parts.sums_dims = {1, 4};
  EXPECT_THAT(error_of(parts.bytes()), HasSubstr("4 rows of sums, but 2 counts"));
  parts = {};
  parts.sums_type = DType::F16;
  EXPECT_THAT(error_of(parts.bytes()), HasSubstr("must be F32"));
  parts = {};
  parts.type = "model";
  EXPECT_THAT(error_of(parts.bytes()), HasSubstr("of the type 'model'"));
  parts = {};
  parts.chunk_size.reset();
  EXPECT_THAT(error_of(parts.bytes()), HasSubstr("imatrix.chunk_size"));
  parts = {};
  parts.chunk_size = 0;
  EXPECT_THAT(error_of(parts.bytes()), HasSubstr("imatrix.chunk_size"));
  parts = {};
  parts.chunk_size = UINT32_MAX;
  EXPECT_THAT(error_of(parts.bytes()), HasSubstr("imatrix.chunk_size"));
}

// The file of the old format with the given tensors: name, calls, values.
std::string legacy(const std::vector<float>& values, int32_t calls, bool with_end = true) {
  Raw raw;
  raw.put<int32_t>(1).put<int32_t>(8).raw("a.weight").put(calls);
  raw.put(static_cast<int32_t>(values.size())).raw(floats(values));
  if (with_end) raw.put<int32_t>(12).put<int32_t>(5).raw("a.txt");
  return raw.bytes();
}

TEST(LegacyImportanceTest, SumsAreMeansTimesCalls) {
  const auto matrix = read_importance(as_bytes(legacy({4, 8, 12}, 4)));
  ASSERT_TRUE(matrix) << matrix.error().message;
  const TensorImportance& importance = *matrix->find("a.weight");
  EXPECT_EQ(importance.columns, 3u);
  EXPECT_EQ(importance.mean_square(0), 1.0f);
  EXPECT_EQ(importance.mean_square(2), 3.0f);
  EXPECT_EQ(matrix->chunk_count, 12u);
  EXPECT_EQ(matrix->chunk_size, 0u);
  EXPECT_EQ(matrix->datasets, std::vector<std::string>{"a.txt"});
}

TEST(LegacyImportanceTest, WithoutCallsSumsAreMeans) {
  const auto matrix = read_importance(as_bytes(legacy({4, 8}, 0, false)));
  ASSERT_TRUE(matrix) << matrix.error().message;
  EXPECT_EQ(matrix->find("a.weight")->mean_square(1), 8.0f);
  EXPECT_TRUE(matrix->datasets.empty());
}

TEST(LegacyImportanceTest, WhatIsNoFileOfEitherFormatSaysSo) {
  EXPECT_THAT(error_of("GGUF"), HasSubstr("version"));
  EXPECT_THAT(error_of("Once upon a time there was"), HasSubstr("no importance matrix"));
  EXPECT_THAT(error_of(legacy({1, -2}, 4)), HasSubstr("sum of tensor 'a.weight'"));
  EXPECT_THAT(error_of(legacy({}, 4)), HasSubstr("number of values is 0"));
  Raw twice;
  twice.put<int32_t>(2);
  for (int i = 0; i < 2; ++i)
    twice.put<int32_t>(1).raw("a").put<int32_t>(1).put<int32_t>(1).put(1.0f);
  EXPECT_THAT(error_of(twice.bytes()), HasSubstr("'a' appears twice"));
}

// Wherever a file is cut, it is an error, and with any byte changed it is read or refused. (Behind
// the data of the last tensor there may be padding that nobody misses.)
TEST(HostileImportanceTest, CutAndChangedFiles) {
  for (const std::string& whole : {written(sample()), Parts{}.bytes(), legacy({1, 2, 3}, 2)}) {
    for (size_t n = 0; n < whole.size(); ++n) {
      // A copy of its own size, so that a sanitizer sees every byte beyond it.
      const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
      const auto read = read_importance(as_bytes({cut.data(), cut.size()}));
      // What stands behind the tensors of the old format may be missing.
      const bool enough =
          starts_with(whole, "GGUF") ? n + 32 > whole.size() : n == whole.size() - 13;
      EXPECT_TRUE(enough || !read) << n;
    }
    for (size_t i = 0; i < whole.size(); ++i) {
      for (const int value : {0, 1, 0x7F, 0x80, 0xFF}) {
        std::string changed = whole;
        changed[i] = static_cast<char>(value);
        const auto read = read_importance(as_bytes(changed));
        EXPECT_TRUE(read || !read.error().message.empty()) << i;
      }
    }
  }
}

TEST(HostileImportanceTest, SizesThatNoFileHolds) {
  for (const uint64_t huge : {uint64_t{1} << 31, uint64_t{1} << 61, UINT64_MAX}) {
    Parts parts;
    parts.sums_dims = {huge, 2};
    EXPECT_NE(error_of(parts.bytes()), "no error");
    parts.sums_dims = {2, huge};
    EXPECT_NE(error_of(parts.bytes()), "no error");
    parts = {};
    parts.counts_dims = {huge, 1};
    EXPECT_NE(error_of(parts.bytes()), "no error");
  }
  for (const int32_t huge : {INT32_MAX, INT32_MIN, -1}) {
    EXPECT_NE(error_of(Raw().put(huge).raw(std::string(64, '\0')).bytes()), "no error");
    EXPECT_NE(error_of(Raw().put<int32_t>(1).put(huge).raw(std::string(64, 'a')).bytes()),
              "no error");
    Raw values;
    values.put<int32_t>(1).put<int32_t>(1).raw("a").put<int32_t>(1).put(huge);
    EXPECT_NE(error_of(values.raw(std::string(64, '\0')).bytes()), "no error");
  }
}

TEST(MergeTest, AddsSumsCountsAndTexts) {
  ImportanceMatrix all = sample();
  ImportanceMatrix other = sample();
  other.tensors["blk.1.attn_q.weight"] = {1, {3}, {2}};
  other.chunk_size = 256;
  other.chunk_count = 4;
  ASSERT_TRUE(merge(all, other));
  EXPECT_EQ(all.find("blk.0.attn_q.weight")->sums, (std::vector<float>{2, 4, 6, 1}));
  EXPECT_EQ(all.find("blk.0.attn_q.weight")->counts, std::vector<float>{14});
  EXPECT_EQ(all.find("blk.0.ffn_up_exps.weight")->counts, (std::vector<float>{6, 0, 8}));
  EXPECT_EQ(all.find("blk.1.attn_q.weight")->sums, std::vector<float>{3});
  EXPECT_EQ(all.datasets.size(), 4u);
  EXPECT_EQ(all.chunk_count, 9u + 2);  // of 512 tokens
}

TEST(MergeTest, OldFilesCountInChunks) {
  ImportanceMatrix all;
  all.chunk_size = 512;
  ASSERT_TRUE(merge(all, *read_importance(as_bytes(legacy({4, 8, 12}, 4)))));
  EXPECT_EQ(all.find("a.weight")->counts, std::vector<float>{4 * 512});
  EXPECT_EQ(all.find("a.weight")->mean_square(1), 2.0f);
  EXPECT_EQ(all.chunk_count, 12u);
}

TEST(MergeTest, OneCountStandsForAllMatrices) {
  ImportanceMatrix dense;
  dense.chunk_size = 512;
  dense.tensors["blk.0.ffn_up_exps.weight"] = {6, {1, 1, 1, 1, 1, 1}, {10}};
  ImportanceMatrix experts = sample();
  ASSERT_TRUE(merge(experts, dense));
  EXPECT_EQ(experts.find("blk.0.ffn_up_exps.weight")->counts, (std::vector<float>{13, 10, 14}));
  ASSERT_TRUE(merge(dense, sample()));
  EXPECT_EQ(dense.find("blk.0.ffn_up_exps.weight")->counts, (std::vector<float>{13, 10, 14}));
  EXPECT_EQ(dense.find("blk.0.ffn_up_exps.weight")->columns, 2u);
}

TEST(MergeTest, OtherShapesAreOtherModels) {
  ImportanceMatrix all = sample();
  ImportanceMatrix other;
  other.chunk_size = 512;
  other.tensors["blk.0.attn_q.weight"] = {5, {1, 2, 3, 4, 5}, {1}};
  const auto merged = merge(all, other);
  ASSERT_FALSE(merged);
  EXPECT_THAT(merged.error().message, HasSubstr("'blk.0.attn_q.weight'"));
}

TEST(RecutTest, AsTheModelHasThem) {
  TensorImportance flat{6, {1, 2, 3, 4, 5, 6}, {2}};
  ASSERT_TRUE(recut(flat, "x", 2, 3));
  EXPECT_EQ(flat.columns, 2u);
  EXPECT_EQ(flat.counts, (std::vector<float>{2, 2, 2}));
  EXPECT_TRUE(recut(flat, "x", 2, 3));
  EXPECT_FALSE(recut(flat, "x", 3, 2));
  EXPECT_FALSE(recut(flat, "x", 2, 4));
}

}  // namespace
}  // namespace hearth::quantize
