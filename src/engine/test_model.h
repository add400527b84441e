// Small models of random weights on disk, for tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>

#include "bench/random_model.h"
#include "engine/loader.h"
#include "os/file.h"

namespace hearth::engine {

// A "tiny" model (bench/random_model.h) in a file that goes away with it.
class TestModel {
 public:
  explicit TestModel(std::string_view type, uint64_t seed = 1) {
    static std::atomic<int> count{0};
    path_ = cat(testing::TempDir(), "hearth-test-", static_cast<int64_t>(::getpid()), "-", count++,
                ".gguf");
    auto file = os::FileWriter::create(path_);
    EXPECT_TRUE(file) << (file ? "" : file.error().message);
    const auto written = bench::write_random_model(*bench::find_shape("tiny"), type, seed,
                                                   [&](Bytes bytes) { return file->write(bytes); });
    EXPECT_TRUE(written) << (written ? "" : written.error().message);
    EXPECT_TRUE(file->commit());
    auto loaded = LoadedModel::load(path_);
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
    model_ = *std::move(loaded);
  }
  ~TestModel() { ::unlink(path_.c_str()); }
  TestModel(const TestModel&) = delete;
  TestModel& operator=(const TestModel&) = delete;

  const LoadedModel& operator*() const { return *model_; }
  const LoadedModel* operator->() const { return model_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::unique_ptr<const LoadedModel> model_;
};

}  // namespace hearth::engine
