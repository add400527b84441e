#include "engine/read_ahead.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "engine/test_model.h"
#include "engine/work.h"

namespace hearth::engine {
namespace {

constexpr size_t kPage = 4096;

bool resident(Bytes bytes) {
  const size_t lead = reinterpret_cast<uintptr_t>(bytes.data()) % kPage;
  std::vector<unsigned char> pages((bytes.size() + lead + kPage - 1) / kPage);
  void* first = const_cast<std::byte*>(bytes.data()) - lead;
  EXPECT_EQ(::mincore(first, bytes.size() + lead, pages.data()), 0);
  return std::all_of(pages.begin(), pages.end(), [](unsigned char page) { return page & 1; });
}

TEST(ReadAheadTest, TheOrderHasEveryWeightThatATokenReads) {
  const TestModel model("Q4_K_M");
  const auto pieces = weights_in_order(model->model(), 10'000);
  uint64_t bytes = 0;
  for (const Bytes piece : pieces) {
    EXPECT_LE(piece.size(), 10'000u);
    bytes += piece.size();
  }
  const uint64_t row = model->model().weights.token_embedding.row_bytes;
  EXPECT_EQ(bytes + row, bytes_per_token(model->model()));
  const model::LayerWeights& layer = model->model().weights.layers[0];
  const std::byte* first = pieces.front().data();
  model::for_each_matrix(
      layer, [&](const model::Matrix& matrix, size_t) { first = std::min(first, matrix.data); });
  EXPECT_EQ(pieces.front().data(), first);
  const model::Matrix& output = model->model().weights.output.weight;
  EXPECT_EQ(pieces.back().data() + pieces.back().size(),
            output.data + output.rows * output.row_bytes);
}

TEST(ReadAheadTest, BringsAColdFileIn) {
  const TestModel model("Q8_0");
  const int fd = ::open(model.path().c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
  ::close(fd);
  const auto cold = LoadedModel::load(model.path());
  ASSERT_TRUE(cold);
  ReadAhead second;  // beside the model's own
  second.start((*cold)->model());
  second.wait();
  for (const Bytes piece : weights_in_order((*cold)->model(), 1 << 20)) {
    EXPECT_TRUE(resident(piece));
  }
}

TEST(ReadAheadTest, StopsWhenTheModelIsClosed) {
  const TestModel model("F32");
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(LoadedModel::load(model.path()));
}

}  // namespace
}  // namespace hearth::engine
