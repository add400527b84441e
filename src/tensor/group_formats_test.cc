// Parts of blocks against the bytes of files: what the one says, reference::dequantize() reads.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "base/bytes.h"
#include "tensor/encode.h"
#include "tensor/reference.h"
#include "tensor/test_blocks.h"

namespace hearth {
namespace {

std::vector<float> read_back(const GroupFormat& format, const std::vector<BlockParts>& blocks) {
  const size_t bytes = traits(format.type).block_bytes;
  std::vector<std::byte> packed(blocks.size() * bytes);
  for (size_t i = 0; i < blocks.size(); ++i)
    pack_parts(format, blocks[i], packed.data() + i * bytes);
  std::vector<float> values(blocks.size() * static_cast<size_t>(format.block()));
  reference::dequantize(format.type, packed.data(), values.size(), values.data());
  return values;
}

class GroupFormatTest : public testing::TestWithParam<DType> {
 protected:
  const GroupFormat& format_ = *group_format(GetParam());
};

TEST_P(GroupFormatTest, PackedPartsReadBackExactly) {
  const auto property = [&](uint64_t seed) {
    Rng rng(seed);
    const std::vector<BlockParts> blocks{random_parts(format_, rng), random_parts(format_, rng)};
    RC_ASSERT(read_back(format_, blocks) == expand(format_, blocks));
  };
  EXPECT_TRUE(rc::check(property));
}

// Every number at either end, alone and all together: no bit of one reaches another.
TEST_P(GroupFormatTest, EndsOfEveryNumber) {
  for (int ends = 0; ends < 16; ++ends) {
    BlockParts parts;
    parts.d = f32_to_f16(ends & 1 ? 0.25f : -0.5f);
    parts.dmin = f32_to_f16(ends & 2 ? 0.125f : 2.0f);
    for (int g = 0; g < format_.groups; ++g) {
      const bool high = ((ends & 4) != 0) == (g % 2 == 0);
      parts.scales[g] = static_cast<int16_t>(high ? format_.scale_max : format_.scale_min);
      parts.mins[g] = static_cast<int16_t>(high ? format_.scale_max : 0);
    }
    for (int i = 0; i < format_.block(); ++i)
      parts.quants[i] =
          static_cast<uint8_t>((ends & 8) != 0 == (i % 3 == 0) ? format_.quants - 1 : 0);
    const std::vector<BlockParts> blocks(1, parts);
    EXPECT_EQ(read_back(format_, blocks), expand(format_, blocks)) << ends;
  }
}

TEST_P(GroupFormatTest, BlocksAreThoseOfTheType) {
  EXPECT_EQ(static_cast<size_t>(format_.block()), size_t{traits(GetParam()).block_weights});
  EXPECT_LE(format_.block(), kMaxBlock);
  EXPECT_LE(format_.groups, kMaxGroups);
  EXPECT_TRUE(encodable(GetParam()));
}

// A row's encoder packs what the fitter found, on every instruction set.
TEST_P(GroupFormatTest, RowsAreEncodedAlikeEverywhere) {
  const size_t bytes = *row_bytes(GetParam(), 1024);
  for (const WeightCase& given : weight_cases(1024, 6)) {
    for (const bool known : {false, true}) {
      const auto encoded = [&](IsaLevel level) {
        std::vector<std::byte> out(bytes);
        RowEncoder encoder(GetParam(), 1024, fitter_for(level));
        if (known) encoder.set_importance(given.importance);
        encoder.encode(given.weights.data(), out.data());
        return out;
      };
      const std::vector<std::byte> want = encoded(IsaLevel::reference);
      for (const IsaLevel level : available_levels()) EXPECT_EQ(encoded(level), want) << given.name;
    }
  }
}

// Inputs that never fired in a text say nothing about weights that meet them later: their groups
// are rounded like others, and where nothing fired, as if nothing was known.
TEST_P(GroupFormatTest, WeightsOfIdleInputsStay) {
  constexpr size_t kColumns = 1024;
  WeightCase given = weight_cases(kColumns, 8)[0];
  std::vector<std::byte> blocks(*row_bytes(GetParam(), kColumns)), unknown(blocks.size());
  RowEncoder encoder(GetParam(), kColumns, best_fitter());
  std::vector<float> values(kColumns);
  const auto error = [&](size_t first, size_t end) {
    reference::dequantize(GetParam(), blocks.data(), kColumns, values.data());
    double lost = 0, square = 0;
    for (size_t i = first; i < end; ++i) {
      lost += std::pow(static_cast<double>(given.weights[i] - values[i]), 2);
      square += std::pow(static_cast<double>(given.weights[i]), 2);
    }
    return lost / square;
  };
  encoder.encode(given.weights.data(), blocks.data());
  unknown = blocks;
  const double usual = error(0, kColumns);
  const auto group = static_cast<size_t>(format_.group);
  // Whole blocks, single groups, and single inputs, which do get less beside others that count.
  for (const auto [idle, of] :
       {std::pair<size_t, size_t>{256, 512}, {group, std::max<size_t>(256, 2 * group)}, {1, 3}}) {
    for (size_t i = 0; i < kColumns; ++i) given.importance[i] = i % of < idle ? 0.0f : 1.0f;
    encoder.set_importance(given.importance);
    encoder.encode(given.weights.data(), blocks.data());
    double worst = 0;
    for (size_t i = 0; idle > 1 && i < kColumns; i += of)
      worst = std::max(worst, error(i, i + idle));
    EXPECT_LE(worst, 3 * usual) << idle << " of " << of;
    EXPECT_LE(error(0, kColumns), 4 * usual) << idle << " of " << of;
  }
  std::fill(given.importance.begin(), given.importance.end(), 0.0f);
  encoder.set_importance(given.importance);
  encoder.encode(given.weights.data(), blocks.data());
  EXPECT_EQ(blocks, unknown);
}

INSTANTIATE_TEST_SUITE_P(All, GroupFormatTest, testing::ValuesIn(kGroupTypes),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

TEST(GroupFormatsTest, NoOthers) {
  size_t found = 0;
  for (uint32_t i = 0; i < 64; ++i) {
    const DTypeTraits* type = find_dtype(i);
    if (type == nullptr || group_format(type->type) == nullptr) continue;
    ++found;
    EXPECT_EQ(std::count(std::begin(kGroupTypes), std::end(kGroupTypes), type->type), 1);
  }
  EXPECT_EQ(found, std::size(kGroupTypes));
}

// Each weight is within half a step of the scale that is stored, for scales of any size.
TEST(GroupFormatsTest, EightBitsAreTheNearest) {
  for (const double size : {1e-45, 1e-40, 1e-9, 1e-6, 1e-5, 1e-3, 1.0, 1e4, 1e6, 8e6, 1e7, 1e30}) {
    Rng rng(3);
    std::vector<float> row(256), got(256);
    for (float& weight : row) weight = static_cast<float>(size * (2 * rng.uniform() - 1));
    std::vector<std::byte> blocks(*row_bytes(DType::Q8_0, 256));
    RowEncoder(DType::Q8_0, 256, best_fitter()).encode(row.data(), blocks.data());
    reference::dequantize(DType::Q8_0, blocks.data(), 256, got.data());
    for (size_t i = 0; i < 256; ++i) {
      const auto d =
          static_cast<double>(f16_to_f32(load_unaligned<uint16_t>(&blocks[i / 32 * 34])));
      // The greatest of a block may lie beyond 127 steps, by what a half rounds away from the
      // scale.
      const double end = 127 * d;
      const double want = std::clamp(static_cast<double>(row[i]), -end, end);
      EXPECT_LE(std::fabs(static_cast<double>(got[i]) - want), 0.5001 * d) << size;
    }
  }
}

}  // namespace
}  // namespace hearth
