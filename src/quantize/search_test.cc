// Plans that are searched for on the bundled model, with as little text as shows anything.
#include "quantize/search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "quantize/calibration.h"

namespace hearth::quantize {
namespace {

constexpr char kBundled[] = HEARTH_SOURCE_DIR "/models/hearth-stories-6m-q8_0.gguf";

// The bundled model's first tensors only: the others stay as they are.
class SearchTest : public testing::Test {
 protected:
  static constexpr size_t kTensors = 10;

  void SetUp() override {
    file_ = model_->file().gguf;
    for (size_t t = kTensors; t < file_.tensors.size(); ++t) file_.tensors[t].name = "kept";
    CalibrationOptions options;
    options.windows = 1;
    options.threads = 2;
    options.memory = uint64_t{1} << 30;
    auto calibration = Calibration::open(*model_, options);
    ASSERT_TRUE(calibration) << calibration.error().message;
    calibration_ = std::make_unique<Calibration>(*std::move(calibration));
  }

  Result<SearchResult> searched(uint64_t budget, size_t passes = 0) {
    engine::Session& session = calibration_->session();
    auto windows = engine::TextWindows::cut(*model_, calibration_->tokens(), calibration_->window(),
                                            1, engine::WindowScoring::second_half);
    EXPECT_TRUE(windows);
    auto reference =
        ReferenceDistributions::compute(session, *std::move(windows), uint64_t{1} << 30);
    EXPECT_TRUE(reference);
    Knowledge knowledge(nullptr, false, session.runtime()->pool());
    DamageMeter meter(*model_, session, *reference, knowledge);
    SearchOptions options;
    options.budget = budget;
    options.passes = passes;
    options.memory = uint64_t{1} << 30;
    options.notes = {{"text", "its own"}};
    return search_plan(file_, meter, options);
  }

  [[nodiscard]] uint64_t bytes_of(const Plan& plan) const { return *file_bytes(file_, plan); }

  std::unique_ptr<const engine::LoadedModel> model_ = *engine::LoadedModel::load(kBundled);
  gguf::File file_;
  std::unique_ptr<Calibration> calibration_;
};

TEST_F(SearchTest, FillsTheBudgetAndNoMore) {
  Plan same;
  for (const gguf::TensorInfo& tensor : file_.tensors) same.types.push_back(tensor.type);
  const uint64_t whole = bytes_of(same);
  uint64_t movable = 0;
  for (const gguf::TensorInfo& tensor : file_.tensors) {
    if (quantizable(tensor)) movable += tensor.data.size();
  }
  double before = HUGE_VAL;
  for (const double share : {0.35, 0.5, 0.75}) {
    const uint64_t budget =
        whole - static_cast<uint64_t>((1 - share) * static_cast<double>(movable));
    const auto found = searched(budget, share == 0.5 ? 1 : 0);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_LE(bytes_of(found->plan), budget) << share;
    EXPECT_GE(static_cast<double>(bytes_of(found->plan)), 0.995 * static_cast<double>(budget));
    EXPECT_LT(found->predicted, before) << "more bytes, more damage";
    before = found->predicted;
    ASSERT_TRUE(found->measured);
    EXPECT_GE(*found->measured, 0);
    for (size_t t = 0; t < file_.tensors.size(); ++t) {
      if (!quantizable(file_.tensors[t])) EXPECT_EQ(found->plan.types[t], file_.tensors[t].type);
    }
  }
}

TEST_F(SearchTest, TheSamePlanAgain) {
  Plan same;
  for (const gguf::TensorInfo& tensor : file_.tensors) same.types.push_back(tensor.type);
  const uint64_t budget = bytes_of(same) * 9 / 10;
  const auto one = searched(budget), other = searched(budget);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->plan.types, other->plan.types);
  EXPECT_EQ(one->predicted, other->predicted);
}

TEST_F(SearchTest, NoPlanIsSmallEnough) {
  const auto found = searched(1000);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::bad_usage);
  EXPECT_NE(found.error().message.find("smallest file"), std::string::npos);
}

}  // namespace
}  // namespace hearth::quantize
