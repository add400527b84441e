// The reference expansion of every format against an independent definition: tools/block_rules.py
// reads the formulas of docs/formats/blocks.md weight by weight, in Python, and block_cases.py
// writes tests/data/blocks.bin.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include "base/bytes.h"
#include "tensor/reference.h"

namespace hearth {
namespace {

std::vector<std::byte> read_cases() {
  std::ifstream file(HEARTH_SOURCE_DIR "/tests/data/blocks.bin", std::ios::binary);
  const std::vector<char> text((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

// Products of an f16 scale (11 bits), a sub-scale and a quant (together at most 13 bits) fit into
// the 24 bits of a float, so only the final addition of a minimum rounds: the result must be the
// nearest float, exactly.
TEST(DequantTest, EveryFormatEqualsItsDefinition) {
  const std::vector<std::byte> file = read_cases();
  ByteReader reader{Bytes(file)};
  ASSERT_EQ(reader.read<uint32_t>(), 0x4B4C4248u) << "tests/data/blocks.bin is missing or damaged";
  const uint32_t cases = reader.read<uint32_t>().value_or(0);
  std::set<DType> seen;
  for (uint32_t i = 0; i < cases; ++i) {
    const DTypeTraits* format = find_dtype(reader.read<uint32_t>().value_or(9999));
    const uint32_t blocks = reader.read<uint32_t>().value_or(0);
    const auto data = reader.take(reader.read<uint32_t>().value_or(0));
    ASSERT_TRUE(format != nullptr && data);
    const size_t n = size_t{blocks} * format->block_weights;
    const auto want = reader.take(n * sizeof(float));
    ASSERT_TRUE(want);
    std::vector<float> got(n);
    reference::dequantize(format->type, data->data(), n, got.data());
    for (size_t w = 0; w < n; ++w) {
      ASSERT_EQ(got[w], load_unaligned<float>(want->data() + 4 * w))
          << format->name << " weight " << w;
    }
    seen.insert(format->type);
  }
  EXPECT_EQ(seen.size(), 27u) << "every computable format but F32 has cases";
}

}  // namespace
}  // namespace hearth
