#include "quantize/importance_collector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "engine/test_architectures.h"
#include "quantize/collection.h"
#include "tensor/reference.h"

namespace hearth::quantize {
namespace {

using engine::RandomArchitecture;
using engine::RandomSizes;

constexpr size_t kWindow = 40;

engine::TextWindow window_of(uint64_t seed) {
  Rng rng(seed);
  engine::TextWindow window;
  for (size_t i = 0; i < kWindow; ++i)
    window.input.push_back(static_cast<text::Token>(rng.below(RandomSizes::kVocab)));
  return window;
}

ImportanceMatrix collected(const engine::LoadedModel& model, const engine::SessionOptions& options,
                           bool outside_layers, std::initializer_list<uint64_t> windows) {
  ImportanceMatrix matrix;
  auto session = engine::Session::open(model, options);
  EXPECT_TRUE(session) << (session ? "" : session.error().message);
  ImportanceCollector collector(**session, outside_layers);
  for (const uint64_t seed : windows) {
    const auto added = collector.add(window_of(seed), matrix);
    EXPECT_TRUE(added) << (added ? "" : added.error().message);
  }
  return matrix;
}

bool same(const ImportanceMatrix& a, const ImportanceMatrix& b) {
  if (a.tensors.size() != b.tensors.size()) return false;
  for (const auto& [name, importance] : a.tensors) {
    const TensorImportance* other = b.find(name);
    if (other == nullptr || other->sums != importance.sums || other->counts != importance.counts)
      return false;
  }
  return true;
}

double total(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

class CollectorTest : public testing::TestWithParam<std::string> {};

// Every matrix that a token meets is seen once for each token: of experts as many as a token takes.
TEST_P(CollectorTest, SeesEveryTokenAtEveryMatrix) {
  const RandomArchitecture model(GetParam(), DType::F32);
  const ImportanceMatrix matrix = collected(*model, {.context = 64}, true, {1, 2});
  EXPECT_EQ(matrix.chunk_count, 2u);
  size_t seen = 0;
  for (const gguf::TensorInfo& tensor : model->file().gguf.tensors) {
    const TensorImportance* importance = matrix.find(tensor.name);
    if (importance == nullptr) continue;
    ++seen;
    const size_t matrices = tensor.dims[2];
    EXPECT_EQ(importance->columns, tensor.dims[0]) << tensor.name;
    EXPECT_EQ(importance->matrices(), matrices) << tensor.name;
    const bool experts = tensor.name.find("_exps") != std::string_view::npos;
    const size_t each = experts ? model->config().router.n_used : matrices;
    EXPECT_EQ(total(importance->counts), static_cast<double>(2 * kWindow * each)) << tensor.name;
    EXPECT_GT(total(importance->sums), 0) << tensor.name;
  }
  EXPECT_EQ(seen, matrix.tensors.size());
  for (size_t i = 0; i < model->config().n_layers(); ++i) {
    size_t of_layer = 0;
    for (const auto& [name, importance] : matrix.tensors)
      of_layer += starts_with(name, cat("blk.", i, ".")) ? size_t{1} : size_t{0};
    EXPECT_GE(of_layer, 4u) << "layer " << i;
  }
  EXPECT_NE(matrix.find(model->model().weights.tied_output ? "token_embd.weight" : "output.weight"),
            nullptr);
}

TEST_P(CollectorTest, ThreadsAndChunksDoNotChangeABit) {
  for (const DType type : {DType::F32, DType::Q8_0}) {
    const RandomArchitecture model(GetParam(), type);
    const ImportanceMatrix want =
        collected(*model, {.context = 64, .threads = 1}, false, {1, 2, 3});
    for (const auto& [name, importance] : want.tensors) EXPECT_TRUE(starts_with(name, "blk."));
    for (const size_t chunk : {1u, 7u, 64u}) {
      const ImportanceMatrix got =
          collected(*model, {.context = 64, .threads = 3, .prompt_chunk = chunk}, false, {1, 2, 3});
      EXPECT_TRUE(same(got, want)) << name_of(type) << ", chunks of " << chunk;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, CollectorTest,
    [] {
      std::vector<std::string> names;
      for (const auto& [name, fill] : engine::random_architectures()) names.push_back(name);
      return testing::ValuesIn(names);
    }(),
    [](const auto& tested) {
      std::string name = tested.param;
      for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
      return name;
    });

// What the first projections meet is the norm of the tokens' embeddings, and nothing else.
TEST(ImportanceCollectorTest, FirstInputsAreNormedEmbeddings) {
  const RandomArchitecture model("llama", DType::F32);
  const engine::TextWindow window = window_of(5);
  const ImportanceMatrix matrix = collected(*model, {.context = 64}, false, {5});
  const model::Weights& weights = model->model().weights;
  const size_t n = model->config().n_embd;
  std::vector<double> want(n);
  std::vector<float> row(n), normed(n);
  for (const text::Token token : window.input) {
    const model::Matrix& table = weights.token_embedding;
    reference::dequantize(table.type, table.data + static_cast<size_t>(token) * table.row_bytes, n,
                          row.data());
    reference::rms_norm(row.data(), weights.layers[0].attn_norm.weight, model->config().norm_eps, n,
                        normed.data());
    for (size_t i = 0; i < n; ++i) {
      const auto value = static_cast<double>(normed[i] * model->config().embedding_scale);
      want[i] += value * value;
    }
  }
  for (const char* name : {"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"}) {
    const TensorImportance* importance = matrix.find(name);
    ASSERT_NE(importance, nullptr) << name;
    for (size_t i = 0; i < n; ++i)
      EXPECT_NEAR(static_cast<double>(importance->sums[i]), want[i], 1e-4 * want[i]) << name;
  }
}

TEST(ImportanceCollectorTest, GoesOnFromAFileWithTheSameBits) {
  const RandomArchitecture model("qwen3moe", DType::Q8_0);
  const engine::SessionOptions options{.context = 64};
  const std::string path = testing::TempDir() + "hearth-imatrix-test.gguf";
  const ImportanceMatrix want = collected(*model, options, false, {1, 2, 3, 4});
  ImportanceMatrix half = collected(*model, options, false, {1, 2});
  half.chunk_size = kWindow;
  ASSERT_TRUE(save_importance(half, path));
  auto resumed = load_importance(path);
  ASSERT_TRUE(resumed) << resumed.error().message;
  auto session = *engine::Session::open(*model, options);
  {
    ImportanceCollector collector(*session, false);
    ASSERT_TRUE(collector.add(window_of(3), *resumed));
    ASSERT_TRUE(collector.add(window_of(4), *resumed));
  }
  EXPECT_TRUE(same(*resumed, want));
  EXPECT_EQ(resumed->chunk_count, 4u);
  // And nobody watches any more.
  const ImportanceMatrix before = *resumed;
  session->rewind(0);
  ASSERT_TRUE(session->advance(window_of(5).input));
  EXPECT_TRUE(same(*resumed, before));
}

TEST(ImportanceCollectorTest, AMatrixOfAnotherModelIsAnError) {
  const RandomArchitecture model("llama", DType::F32);
  auto session = *engine::Session::open(*model, {.context = 64});
  ImportanceCollector collector(*session, false);
  ImportanceMatrix other;
  other.tensors["blk.0.attn_q.weight"] = {3, {1, 2, 3}, {1}};
  const auto added = collector.add(window_of(1), other);
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message.find("'blk.0.attn_q.weight'"), std::string::npos);
}

TEST(CollectionTest, SaysWhatIsDifferent) {
  const CollectionState state{"text", "model", "settings", 3};
  EXPECT_TRUE(check_same_run(state, {"text", "model", "settings", 9}));
  const auto said = [&](const CollectionState& other) {
    const auto checked = check_same_run(state, other);
    return checked ? "" : checked.error().message;
  };
  EXPECT_NE(said({"other", "model", "settings", 3}).find("another text"), std::string::npos);
  EXPECT_NE(said({"text", "other", "settings", 3}).find("another model"), std::string::npos);
  EXPECT_NE(said({"text", "model", "other", 3}).find("other settings"), std::string::npos);
  EXPECT_FALSE(check_same_run({}, state));
}

TEST(CollectionTest, DigestsDiffer) {
  EXPECT_EQ(digest(as_bytes("")), "cbf29ce484222325");
  EXPECT_EQ(digest(as_bytes("a")), "af63dc4c8601ec8c");  // both as FNV's authors publish them
  const RandomArchitecture one("llama", DType::F32), other("llama", DType::Q8_0);
  EXPECT_EQ(digest(one->file().gguf), digest(one->file().gguf));
  EXPECT_NE(digest(one->file().gguf), digest(other->file().gguf));
}

}  // namespace
}  // namespace hearth::quantize
