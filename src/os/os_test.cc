#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "os/file.h"
#include "os/file_at.h"
#include "os/mapped_file.h"
#include "os/pages.h"
#include "os/system.h"

namespace hearth::os {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = cat(testing::TempDir(), "hearth-os-", static_cast<int64_t>(::getpid()));
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(std::string_view name) const { return cat(folder_, "/", name); }
  size_t files() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++count;
    return count;
  }

  std::string folder_;
};

TEST_F(FileTest, AWriterLeavesAWholeFileOrNone) {
  {
    auto writer = FileWriter::create(path("a"));
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->write(as_bytes("half")));
    EXPECT_FALSE(file_exists(path("a"))) << "not before commit";
  }
  EXPECT_EQ(files(), 0u) << "an abandoned file leaves nothing behind";
  auto writer = FileWriter::create(path("a"));
  ASSERT_TRUE(writer->write(as_bytes("whole")));
  ASSERT_TRUE(writer->commit());
  EXPECT_EQ(read_text(path("a"), 100).value_or(""), "whole");
  EXPECT_EQ(files(), 1u);
}

TEST_F(FileTest, AWriterReplacesOnlyOnCommit) {
  auto first = FileWriter::create(path("a"));
  ASSERT_TRUE(first->write(as_bytes("old")));
  ASSERT_TRUE(first->commit());
  {
    auto second = FileWriter::create(path("a"));
    ASSERT_TRUE(second->write(as_bytes("new")));
  }
  EXPECT_EQ(read_text(path("a"), 100).value_or(""), "old");
}

TEST_F(FileTest, WritersRefuseFoldersAndDevices) {
  EXPECT_FALSE(FileWriter::create(folder_));
  EXPECT_FALSE(FileWriter::create("/dev/null"));
  EXPECT_FALSE(FileWriter::create(""));
  EXPECT_FALSE(FileWriter::create(path("no/such/folder/a")));
}

TEST_F(FileTest, AFullDiskIsAnError) {
  const int full = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  const auto written = write_all(full, as_bytes("text"), "the disk");
  ::close(full);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::io);
  EXPECT_NE(written.error().message.find("the disk"), std::string::npos);
  EXPECT_NE(written.error().message.find("space"), std::string::npos);
}

TEST_F(FileTest, ReadTextKnowsItsLimit) {
  auto writer = FileWriter::create(path("a"));
  ASSERT_TRUE(writer->write(as_bytes(std::string(1000, 'x'))));
  ASSERT_TRUE(writer->commit());
  EXPECT_TRUE(read_text(path("a"), 1000));
  EXPECT_EQ(read_text(path("a"), 999).error().code, ErrorCode::too_large);
  EXPECT_EQ(read_text(path("b"), 999).error().code, ErrorCode::not_found);
  EXPECT_FALSE(read_text(folder_, 999));
}

TEST_F(FileTest, MappingShowsTheBytesAndRefusesTheRest) {
  auto writer = FileWriter::create(path("a"));
  ASSERT_TRUE(writer->write(as_bytes("mapped")));
  ASSERT_TRUE(writer->commit());
  auto mapped = MappedFile::open(path("a"));
  ASSERT_TRUE(mapped);
  EXPECT_EQ(as_text(mapped->bytes()), "mapped");
  MappedFile moved = *std::move(mapped);
  EXPECT_EQ(as_text(moved.bytes()), "mapped");

  std::filesystem::resize_file(path("a"), 0);
  EXPECT_NE(MappedFile::open(path("a")).error().message.find("empty"), std::string::npos);
  EXPECT_NE(MappedFile::open(folder_).error().message.find("folder"), std::string::npos);
  EXPECT_FALSE(MappedFile::open("/dev/null"));
  EXPECT_EQ(MappedFile::open(path("none")).error().code, ErrorCode::not_found);
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(MappedFile::open(path("pipe"))) << "and does not wait for a writer";
}

TEST_F(FileTest, BringingInIsRefusedBehindTheEndOfAFile) {
  auto writer = FileWriter::create(path("a"));
  ASSERT_TRUE(writer->write(as_bytes(std::string(20'000, 'x'))));
  ASSERT_TRUE(writer->commit());
  const auto mapped = MappedFile::open(path("a"));
  ASSERT_TRUE(mapped);
  if (!bring_in(mapped->bytes())) GTEST_SKIP() << "this system cannot";
  EXPECT_TRUE(bring_in(mapped->bytes().subspan(5000, 100))) << "from the middle of a page";
  std::filesystem::resize_file(path("a"), 1000);
  EXPECT_FALSE(bring_in(mapped->bytes())) << "an answer, not a signal";
}

TEST_F(FileTest, PositionsAreReadAndWritten) {
  const int fd = ::open(path("a").c_str(), O_RDWR | O_CREAT, 0600);
  EXPECT_EQ(file_bytes(fd, "it").value_or(9), 0u);
  ASSERT_TRUE(write_at(fd, 100, as_bytes("there"), "it"));
  EXPECT_EQ(file_bytes(fd, "it").value_or(0), 105u);
  std::array<std::byte, 7> read{};
  ASSERT_TRUE(read_at(fd, 98, read, "it"));
  EXPECT_EQ(as_text(read), std::string_view("\0\0there", 7));
  EXPECT_EQ(read_at(fd, 99, read, "it").error().code, ErrorCode::bad_file);
  ASSERT_TRUE(set_file_bytes(fd, 102, "it"));
  EXPECT_FALSE(read_at(fd, 98, read, "it"));
  EXPECT_EQ(read_at(fd, UINT64_MAX - 2, read, "it").error().code, ErrorCode::too_large);
  EXPECT_EQ(write_at(fd, UINT64_MAX, as_bytes("x"), "it").error().code, ErrorCode::too_large);
  EXPECT_FALSE(set_file_bytes(fd, UINT64_MAX, "it"));
  ::close(fd);
  EXPECT_FALSE(file_bytes(fd, "it"));
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_NE(file_bytes(ends[0], "it").error().message.find("no regular file"), std::string::npos);
  EXPECT_FALSE(write_at(ends[1], 0, as_bytes("x"), "it")) << "a pipe has no positions";
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(FileTest, ALimitOnFileSizesIsAnError) {
  const pid_t child = ::fork();
  if (child == 0) {  // the limit is the process's
    install_signal_handlers();
    const rlimit limit{1000, 1000};
    const int fd = ::open(path("a").c_str(), O_RDWR | O_CREAT, 0600);
    const bool done = ::setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                      write_at(fd, 990, as_bytes("in"), "it") &&
                      !write_at(fd, 2000, as_bytes("out"), "it");
    ::_exit(done ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(FileTest, OneOpeningHasTheLock) {
  const int first = ::open(path("a").c_str(), O_RDWR | O_CREAT, 0600);
  const int second = ::open(path("a").c_str(), O_RDWR);
  ASSERT_TRUE(try_lock_file(first, "it").value_or(false));
  EXPECT_FALSE(try_lock_file(second, "it").value_or(true));
  unlock_file(first);
  EXPECT_TRUE(try_lock_file(second, "it").value_or(false));
  EXPECT_FALSE(try_lock_file(first, "it").value_or(true));
  ::close(second);
  EXPECT_TRUE(try_lock_file(first, "it").value_or(false)) << "closing ends it";
  ::close(first);
  EXPECT_FALSE(try_lock_file(first, "it"));
}

TEST(PagesTest, AreZeroAndMayBeRefused) {
  auto pages = Pages::allocate(1 << 20);
  ASSERT_TRUE(pages);
  for (size_t i = 0; i < pages->size(); i += 999) ASSERT_EQ(pages->data()[i], std::byte{0});
  EXPECT_FALSE(Pages::allocate(uint64_t{1} << 60));
  EXPECT_EQ(Pages::allocate(0)->size(), 0u);
}

TEST(SystemTest, FactsArePlausible) {
  EXPECT_GE(cpu_info().usable_threads, 1u);
  EXPECT_GT(memory_info().total, uint64_t{1} << 28);
  EXPECT_LE(memory_info().available, memory_info().total);
  EXPECT_GT(process_memory().peak_resident, uint64_t{1} << 20);
  EXPECT_NE(random_seed(), random_seed());
  const double before = monotonic_seconds();
  EXPECT_LE(before, monotonic_seconds());
  EXPECT_GE(build_id().size(), 16u);
  EXPECT_EQ(build_id().find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(environment("HEARTH_NO_SUCH_VARIABLE"), std::nullopt);
}

TEST(SystemTest, AnInterruptSetsAFlag) {
  install_signal_handlers();
  EXPECT_FALSE(interrupted());
  ::raise(SIGINT);
  EXPECT_TRUE(interrupted());
  clear_interrupted();
  EXPECT_FALSE(interrupted());
}

}  // namespace
}  // namespace hearth::os
