#include "gguf/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>

#include "gguf/reader.h"

namespace hearth::gguf {
namespace {

using testing::HasSubstr;

Writer::Sink into(std::string& out) {
  return [&out](Bytes piece) -> Result<void> {
    out += as_text(piece);
    return {};
  };
}

std::string written(Writer& writer) {
  std::string out;
  EXPECT_TRUE(writer.write_header(into(out)));
  for (size_t i = 0; i < writer.tensor_count(); ++i) {
    const std::string data(writer.size_of(i), static_cast<char>('a' + i));
    EXPECT_TRUE(writer.write_piece(into(out), as_bytes(data)));
  }
  return out;
}

TEST(GgufWriter, EveryKindOfValueComesBack) {
  EXPECT_TRUE(rc::check([](const std::string& text, uint32_t number, float fraction, bool flag,
                           const std::vector<std::string>& texts, const std::vector<float>& floats,
                           const std::vector<int32_t>& ints) {
    Writer writer;
    writer.add_text("text", text);
    writer.add_u32("u32", number);
    writer.add_f32("f32", fraction);
    writer.add_bool("bool", flag);
    writer.add_texts("texts", texts);
    writer.add_f32s("f32s", floats);
    writer.add_i32s("i32s", ints);
    const std::string bytes = written(writer);
    const auto file = parse(as_bytes(bytes));
    RC_ASSERT(file.has_value());
    const Metadata& metadata = file->metadata;
    RC_ASSERT(metadata.entries().size() == 7u);
    RC_ASSERT(metadata.text("text").value() == text);
    RC_ASSERT(metadata.u64("u32").value() == number);
    RC_ASSERT(metadata.f64_or("f32", 0).value() == static_cast<double>(fraction));
    RC_ASSERT(metadata.bool_or("bool", !flag).value() == flag);
    const Array* strings = metadata.array("texts", ValueType::string).value();
    RC_ASSERT(strings->count == texts.size());
    uint64_t at = 0;
    for (const std::string& each : texts) RC_ASSERT(strings->next_string(at) == each);
    const Array* fractions = metadata.array("f32s", ValueType::f32).value();
    RC_ASSERT(fractions->count == floats.size());
    for (size_t i = 0; i < floats.size(); ++i)
      RC_ASSERT(fractions->number(i) == static_cast<double>(floats[i]));
    const Array* integers = metadata.array("i32s", ValueType::i32).value();
    RC_ASSERT(integers->count == ints.size());
    for (size_t i = 0; i < ints.size(); ++i) RC_ASSERT(integers->integer(i) == ints[i]);
  }));
}

TEST(GgufWriter, TensorsComeBack) {
  Writer writer;
  writer.add_text("general.architecture", "none");
  ASSERT_TRUE(writer.add_tensor("odd", DType::I8, {3}));
  ASSERT_TRUE(writer.add_tensor("exact", DType::F32, {8, 4}));
  ASSERT_TRUE(writer.add_tensor("blocks", DType::Q8_0, {64, 3, 1, 2}));
  ASSERT_TRUE(writer.add_tensor("big blocks", DType::Q6_K, {256}));
  const std::string bytes = written(writer);
  const auto file = parse(as_bytes(bytes));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors.size(), 4u);
  const uint64_t sizes[] = {3, 128, 2 * 34 * 6, 210};
  for (size_t i = 0; i < 4; ++i) {
    const TensorInfo& tensor = file->tensors[i];
    EXPECT_EQ(writer.size_of(i), sizes[i]);
    EXPECT_EQ(as_text(tensor.data), std::string(sizes[i], static_cast<char>('a' + i)));
    EXPECT_EQ((as_text(tensor.data).data() - bytes.data()) % 32, 0) << tensor.name;
  }
  EXPECT_EQ(file->tensors[2].dims, (std::array<uint64_t, 4>{64, 3, 1, 2}));
  EXPECT_EQ(file->tensors[2].n_dims, 4u);
  EXPECT_EQ(file->tensors[0].n_dims, 1u);
  EXPECT_EQ(bytes.size() % 32, 0u);
}

TEST(GgufWriter, PiecesOfAnySizeGiveTheSameFile) {
  EXPECT_TRUE(rc::check([] {
    const std::string data = *rc::gen::container<std::string>(100, rc::gen::arbitrary<char>());
    std::string whole;
    std::string pieces;
    for (std::string* out : {&whole, &pieces}) {
      Writer writer;
      RC_ASSERT(writer.add_tensor("t", DType::I8, {100}).has_value());
      RC_ASSERT(writer.write_header(into(*out)).has_value());
      size_t at = 0;
      while (at < data.size()) {
        const size_t count = out == &whole ? data.size() : *rc::gen::inRange<size_t>(0, 40);
        const std::string piece = data.substr(at, count);
        RC_ASSERT(writer.write_piece(into(*out), as_bytes(piece)).has_value());
        at += count == 0 ? 0 : piece.size();
        if (count == 0) at = std::min(at, data.size() - 1);
        if (count == 0) {
          RC_ASSERT(writer.write_piece(into(*out), as_bytes(data.substr(at, 1))).has_value());
          ++at;
        }
      }
    }
    RC_ASSERT(whole == pieces);
  }));
}

TEST(GgufWriter, RefusesWhatItCannotWrite) {
  Writer writer;
  EXPECT_FALSE(writer.add_tensor("t", DType::F32, {}));
  EXPECT_FALSE(writer.add_tensor("t", DType::F32, {1, 1, 1, 1, 1}));
  EXPECT_FALSE(writer.add_tensor("t", DType::F32, {0}));
  EXPECT_FALSE(writer.add_tensor("t", DType::F32, {4, 0}));
  EXPECT_FALSE(writer.add_tensor("t", DType::I8, {uint64_t{1} << 32, uint64_t{1} << 32}));
  EXPECT_FALSE(writer.add_tensor("t", DType::I8, {uint64_t{1} << 62}));
  const auto partial = writer.add_tensor("t", DType::Q8_0, {33});
  ASSERT_FALSE(partial);
  EXPECT_THAT(partial.error().message, HasSubstr("33"));
  EXPECT_EQ(writer.tensor_count(), 0u);
  std::string out;
  EXPECT_FALSE(writer.write_piece(into(out), as_bytes("x")));  // nothing was announced
  ASSERT_TRUE(writer.add_tensor("t", DType::I8, {4}));
  EXPECT_FALSE(writer.write_piece(into(out), as_bytes("12345")));
  EXPECT_TRUE(writer.write_piece(into(out), as_bytes("1234")));
  EXPECT_FALSE(writer.write_piece(into(out), as_bytes("5")));
}

TEST(GgufWriter, AFailingSinkIsReported) {
  const Writer::Sink full = [](Bytes) -> Result<void> { return fail(ErrorCode::io, "disk full"); };
  Writer writer;
  ASSERT_TRUE(writer.add_tensor("t", DType::I8, {4}));
  EXPECT_FALSE(writer.write_header(full));
  EXPECT_FALSE(writer.write_piece(full, as_bytes("1234")));
}

}  // namespace
}  // namespace hearth::gguf
