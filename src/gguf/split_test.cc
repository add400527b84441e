// Models that are cut into several files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gguf/reader.h"
#include "gguf/test_bytes.h"

namespace hearth::gguf {
namespace {

using testing::HasSubstr;

struct Part {
  uint32_t number = 0;
  uint32_t count = 1;
  uint32_t tensors_in_all = 0;
  std::vector<std::string> names;
};

// Parsed parts with the bytes they refer to.
class Split {
 public:
  explicit Split(const std::vector<Part>& parts) {
    for (const Part& part : parts) {
      RawFile raw;
      raw.u32_key("split.no", part.number).u32_key("split.count", part.count);
      raw.u32_key("split.tensors.count", part.tensors_in_all);
      raw.u32_key("only.in.the.first", part.number);
      for (size_t i = 0; i < part.names.size(); ++i) {
        raw.tensor(part.names[i], {4}, DType::I8, i * 32);
      }
      raw.data.assign(part.names.size() * 32, static_cast<char>('a' + part.number));
      add(raw);
    }
  }
  Split() = default;

  void add(const RawFile& raw) {
    bytes_.push_back(std::make_unique<std::string>(raw.bytes()));
    auto parsed = parse(as_bytes(*bytes_.back()));
    EXPECT_TRUE(parsed) << parsed.error().message;
    files.push_back(*std::move(parsed));
  }

  std::vector<File> files;

 private:
  std::vector<std::unique_ptr<std::string>> bytes_;
};

void expect_refused(std::vector<File> files, std::string_view why) {
  const auto whole = join(std::move(files));
  ASSERT_FALSE(whole) << why;
  EXPECT_EQ(whole.error().code, ErrorCode::bad_file);
  EXPECT_THAT(whole.error().message, HasSubstr(std::string(why)));
}

TEST(GgufSplit, JoinsAllParts) {
  Split split({{0, 3, 3, {"a"}}, {1, 3, 3, {"b"}}, {2, 3, 3, {"c"}}});
  EXPECT_EQ(split_count(split.files[0]).value(), 3u);
  const auto whole = join(std::move(split.files));
  ASSERT_TRUE(whole) << whole.error().message;
  ASSERT_EQ(whole->tensors.size(), 3u);
  EXPECT_EQ(as_text(whole->find("a")->data), "aaaa");
  EXPECT_EQ(as_text(whole->find("c")->data), "cccc");
  EXPECT_EQ(whole->metadata.u64("only.in.the.first").value(), 0u);
}

TEST(GgufSplit, MissingPart) {
  Split split({{0, 3, 3, {"a"}}, {2, 3, 3, {"c"}}});
  expect_refused(std::move(split.files), "split.count");
  Split short_count({{0, 2, 3, {"a"}}, {1, 2, 3, {"b"}}});
  expect_refused(std::move(short_count.files), "'split.tensors.count' says 3");
}

TEST(GgufSplit, WrongOrder) {
  Split split({{0, 3, 3, {"a"}}, {2, 3, 3, {"c"}}, {1, 3, 3, {"b"}}});
  expect_refused(std::move(split.files), "part 2 of the split model has a 'split.no' of 2");
  Split swapped({{1, 2, 2, {"b"}}, {0, 2, 2, {"a"}}});
  expect_refused(std::move(swapped.files), "part 1 of the split model has a 'split.no' of 1");
}

TEST(GgufSplit, WrongCounts) {
  Split split({{0, 2, 2, {"a"}}, {1, 4, 2, {"b"}}});
  expect_refused(std::move(split.files), "part 2 of the split model has a 'split.count' of 4");
  Split more({{0, 2, 1, {"a"}}, {1, 2, 1, {"b"}}});
  expect_refused(std::move(more.files), "hold 2 tensors");
}

TEST(GgufSplit, ATensorInTwoParts) {
  Split split({{0, 2, 2, {"a", "b"}}, {1, 2, 2, {"b"}}});
  expect_refused(std::move(split.files), "tensor 'b' is in two parts");
}

TEST(GgufSplit, KeysMayBeMissing) {
  Split split;
  RawFile first;
  first.tensor("a", {1}, DType::I8, 0).data = "x";
  split.add(first);
  RawFile second;
  second.tensor("b", {1}, DType::I8, 0).data = "y";
  split.add(second);
  EXPECT_EQ(split_count(split.files[0]).value(), 1u);
  EXPECT_TRUE(join(std::move(split.files)));
  EXPECT_FALSE(join({}));
}

TEST(GgufSplit, Counts) {
  for (const uint32_t count : {0u, 1u}) {
    const Split split({{0, count, 0, {}}});
    EXPECT_EQ(split_count(split.files[0]).value(), 1u);
  }
  const Split most({{0, 1000, 0, {}}});
  EXPECT_EQ(split_count(most.files[0]).value(), 1000u);
  for (const uint32_t count : {1001u, UINT32_MAX}) {
    const Split split({{0, count, 0, {}}});
    const auto refused = split_count(split.files[0]);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("'split.count'"));
  }
  Split text;
  RawFile raw;
  raw.key("split.count", ValueType::string, Raw().text("2"));
  text.add(raw);
  EXPECT_FALSE(split_count(text.files[0]));
}

TEST(GgufSplit, KeysOfTheWrongTypeAreErrors) {
  for (const char* key : {"split.no", "split.count", "split.tensors.count"}) {
    Split split({{0, 2, 2, {"a"}}});
    RawFile raw;
    raw.tensor("b", {1}, DType::I8, 0).data = "x";
    raw.key(key, ValueType::string, Raw().text("1"));
    split.add(raw);
    // The count of tensors is taken from the first part only.
    EXPECT_EQ(join(std::move(split.files)).has_value(),
              std::string_view(key) == "split.tensors.count")
        << key;
  }
}

TEST(GgufSplit, Paths) {
  EXPECT_EQ(split_path("m-00001-of-00003.gguf", 1, 3).value(), "m-00002-of-00003.gguf");
  EXPECT_EQ(split_path("a/b-00001-of-01000.gguf", 999, 1000).value(), "a/b-01000-of-01000.gguf");
  EXPECT_EQ(split_path("-00001-of-00002.gguf", 0, 2).value(), "-00001-of-00002.gguf");
  for (const char* path : {"m.gguf", "", "m-00002-of-00003.gguf", "m-00001-of-00004.gguf",
                           "m-00001-of-00003.GGUF", "m-00001-of-00003.gguf.part"}) {
    const auto refused = split_path(path, 1, 3);
    ASSERT_FALSE(refused) << path;
    EXPECT_THAT(refused.error().message, HasSubstr("-00001-of-00003.gguf"));
  }
}

}  // namespace
}  // namespace hearth::gguf
