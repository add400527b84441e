// A model of every architecture, damaged in every number of its header.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "engine/test_architectures.h"
#include "hostile.h"

namespace hearth::hostile {
namespace {

std::vector<std::string> architectures() {
  std::vector<std::string> names{"bert"};
  for (const auto& [name, fill] : engine::random_architectures()) names.push_back(name);
  return names;
}

// Zeros, small numbers, what passes 31, 32 and 63 bits; infinity and no number for floats.
std::vector<uint64_t> lies_for(const Field& field) {
  if (field.width == 4) return {0, 1, 3, 1000, uint64_t{1} << 31, UINT32_MAX, 0x7F800000};
  return {0, 1, 5, uint64_t{1} << 31, uint64_t{1} << 63, UINT64_MAX};
}

class HostileArchitecture : public testing::TestWithParam<std::string> {
 protected:
  HostileArchitecture() {
    const engine::RandomArchitecture model(GetParam(), DType::Q8_0);
    std::ifstream in(model.path(), std::ios::binary);
    original_.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::string original_;
};

TEST_P(HostileArchitecture, EveryNumberOfTheHeaderLies) {
  ASSERT_FALSE(original_.empty());
  Patient patient(original_);
  size_t refused = 0;
  for (const Field& field : HeaderWalk(original_).fields) {
    for (const uint64_t lie : lies_for(field)) {
      std::memcpy(patient.bytes.data() + field.at, &lie, field.width);
      patient.save(field.at, field.width);
      const std::string what = cat(field.name, " at byte ", field.at, " = ", lie);
      const std::string error = put_through(as_bytes(patient.bytes), patient.path, what);
      refused += error.find("tokenizer.ggml.model is missing") == error.npos ? 1u : 0u;
      patient.heal(field.at, field.width);
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(refused, 500u);
}

INSTANTIATE_TEST_SUITE_P(All, HostileArchitecture, testing::ValuesIn(architectures()),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           for (char& c : name)
                             c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace hearth::hostile
