// The bundled model, damaged in every way that a header can be.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "base/rng.h"
#include "gguf/reader.h"
#include "hostile.h"

namespace hearth::hostile {
namespace {

const std::string& original() {
  static const std::string bytes = bundled_model();
  return bytes;
}

// Errors about the structure name the byte where the field stands.
uint64_t offset_named(const std::string& message) {
  const size_t at = message.find("at byte ");
  if (at == std::string::npos) return UINT64_MAX;
  return std::stoull(message.substr(at + 8));
}

TEST(HostileFile, TheOriginalIsGood) {
  ASSERT_FALSE(original().empty());
  EXPECT_EQ(put_through_file(original(), "the original"), "");
  const HeaderWalk walk(original());
  const auto file = gguf::parse(as_bytes(original()));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(walk.data_begin, file->data_offset);
  EXPECT_EQ(walk.tensor_offsets.size(), file->tensors.size());
  EXPECT_GT(walk.fields.size(), 500u);
}

TEST(HostileFile, CutShortAtEveryByteOfTheHeader) {
  const uint64_t end = HeaderWalk(original()).data_begin;
  for (uint64_t size = 0; size <= end; ++size) {
    // A block of exactly this size: a sanitizer sees one byte too many.
    const auto cut = std::make_unique_for_overwrite<std::byte[]>(size);
    std::memcpy(cut.get(), original().data(), size);
    const auto parsed = gguf::parse({cut.get(), size});
    ASSERT_FALSE(parsed) << size;
    const std::string& message = parsed.error().message;
    ASSERT_EQ(parsed.error().code, ErrorCode::bad_file) << message;
    ASSERT_LE(offset_named(message), size) << message;
    ASSERT_NE(message.find(" bytes"), std::string::npos) << message;
  }
}

TEST(HostileFile, CutShortAtEveryTensor) {
  const HeaderWalk walk(original());
  std::vector<uint64_t> sizes{original().size() - 1};
  for (const uint64_t offset : walk.tensor_offsets) {
    for (const uint64_t less : {0u, 1u}) sizes.push_back(walk.data_begin + offset - less);
  }
  for (const uint64_t size : sizes) {
    const std::string error = put_through(as_bytes(original()).first(size), "", cat(size));
    EXPECT_LT(offset_named(error), walk.header_end) << error;
    EXPECT_NE(error.find("cut short"), std::string::npos) << error;
  }
}

TEST(HostileFile, EveryNumberOfTheHeaderLies) {
  Patient patient(original());
  size_t survived = 0;
  for (const Field& field : HeaderWalk(original()).fields) {
    for (const uint64_t lie : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 31, uint64_t{UINT32_MAX},
                               uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
      if (field.width == 4 && lie > UINT32_MAX) continue;
      std::memcpy(patient.bytes.data() + field.at, &lie, field.width);
      patient.save(field.at, field.width);
      const std::string what = cat(field.name, " at byte ", field.at, " = ", lie);
      const std::string error = put_through(as_bytes(patient.bytes), patient.path, what);
      survived += error.empty() ? 1u : 0u;
      patient.heal(field.at, field.width);
      if (testing::Test::HasFailure()) return;
    }
  }
  // Few lies are harmless: numbers that hearth does not use, and those that are true.
  EXPECT_GT(survived, 10u);
  EXPECT_LT(survived, 400u);
  EXPECT_EQ(put_through(as_bytes(patient.bytes), patient.path, "healed"), "");
}

TEST(HostileFile, FlippedBits) {
  Patient patient(original());
  Rng rng(20'240'601);
  const uint64_t header = HeaderWalk(original()).data_begin;
  for (int round = 0; round < 2000; ++round) {
    // Half of them in the first and last 4 KB, where keys, types and tensors are dense.
    const uint64_t flips = 1 + rng.below(4);
    uint64_t from = header;
    uint64_t to = 0;
    for (uint64_t i = 0; i < flips; ++i) {
      const uint64_t dense = rng.below(8192);
      const uint64_t at = rng.below(2) == 0 ? rng.below(header)
                                            : (dense < 4096 ? dense : header - 1 - dense % 4096);
      patient.bytes[at] =
          static_cast<char>(patient.bytes[at] ^ static_cast<char>(1 << rng.below(8)));
      from = std::min(from, at);
      to = std::max(to, at + 1);
    }
    // A session for some only: it takes longer than all the rest.
    const bool session = round % 10 == 0;
    if (session) patient.save(from, to - from);
    put_through(as_bytes(patient.bytes), session ? patient.path : "", cat("flips ", round));
    patient.heal(from, to - from);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(HostileFile, SplicedHeaders) {
  Patient patient(original());
  Rng rng(7'654'321);
  const uint64_t header = HeaderWalk(original()).data_begin;
  for (int round = 0; round < 2000; ++round) {
    const uint64_t count = 1 + rng.below(round % 2 == 0 ? 16 : 2000);
    const uint64_t to = rng.below(header - count);
    const uint64_t from = rng.below(header - count);
    std::memmove(patient.bytes.data() + to, original().data() + from, count);
    const bool session = round % 10 == 0;
    if (session) patient.save(to, count);
    put_through(as_bytes(patient.bytes), session ? patient.path : "", cat("splice ", round));
    patient.heal(to, count);
    if (testing::Test::HasFailure()) return;
  }
}

// A block whose scale is no number: half floats of Q8_0, floats of the norms. `report` gets what
// came of each tensor.
template <class Report>
void run_with_nan_in_each_tensor(const Report& report) {
  Patient patient(original());
  const auto file = gguf::parse(as_bytes(original()));
  ASSERT_TRUE(file);
  for (const gguf::TensorInfo& tensor : file->tensors) {
    const auto begin = static_cast<uint64_t>(tensor.data.data() - as_bytes(original()).data());
    // Of the embedding, the row of the token that the session runs: the last.
    const bool embedding = tensor.name == "token_embd.weight";
    const uint64_t at = embedding ? begin + tensor.data.size() - uint64_t{34} * 8 : begin;
    const std::string_view nan = tensor.type == DType::F32 ? std::string_view("\0\0\xC0\x7F", 4)
                                                           : std::string_view("\0\x7E", 2);
    std::copy(nan.begin(), nan.end(), patient.bytes.begin() + static_cast<std::ptrdiff_t>(at));
    patient.save(at, nan.size());
    const std::string what = cat("NaN in ", tensor.name);
    report(what, put_through(as_bytes(patient.bytes), patient.path, what));
    patient.heal(at, nan.size());
  }
}

TEST(HostileFile, WeightsThatAreNoNumbersDoNoHarm) {
  run_with_nan_in_each_tensor([](const std::string& what, const std::string& error) {
    const bool clear = error.empty() || error.find("not numbers") != std::string::npos;
    EXPECT_TRUE(clear) << what << ": '" << error << "'";
  });
}

// Quantizing activations to 8 bits turns what is no number into an ordinary quant, so the damage
// does not show in the logits. Enable this when it keeps the scale of such a block no number.
TEST(HostileFile, WeightsThatAreNoNumbersAreNoticed) {
  run_with_nan_in_each_tensor([](const std::string& what, const std::string& error) {
    EXPECT_NE(error.find("not numbers"), std::string::npos) << what << ": '" << error << "'";
  });
}

// Bytes taken out or put in move everything behind them.
TEST(HostileFile, ShiftedHeaders) {
  Rng rng(99);
  const uint64_t header = HeaderWalk(original()).data_begin;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = original().substr(0, header + 4096);
    const uint64_t at = rng.below(header);
    const uint64_t count = 1 + rng.below(12);
    if (round % 2 == 0) {
      bytes.erase(at, count);
    } else {
      bytes.insert(at, count, static_cast<char>(rng.below(256)));
    }
    put_through(as_bytes(bytes), "", cat("shift ", round));
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace hearth::hostile
