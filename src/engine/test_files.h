// An empty file for tests of what is given an open one.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

#include "base/text.h"

namespace hearth::engine {

// In memory, without a name; its openings end with it.
class OpenableFile {
 public:
  OpenableFile() : fds_{::memfd_create("test", MFD_CLOEXEC)} { EXPECT_GE(fds_[0], 0); }
  ~OpenableFile() {
    for (const int fd : fds_) ::close(fd);
  }
  OpenableFile(const OpenableFile&) = delete;
  OpenableFile& operator=(const OpenableFile&) = delete;

  int open() {
    fds_.push_back(::open(cat("/proc/self/fd/", fds_[0]).c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_GE(fds_.back(), 0);
    return fds_.back();
  }

  [[nodiscard]] std::vector<std::byte> content() const {
    struct stat info{};
    EXPECT_EQ(::fstat(fds_[0], &info), 0);
    std::vector<std::byte> bytes(static_cast<size_t>(info.st_size));
    EXPECT_EQ(::pread(fds_[0], bytes.data(), bytes.size(), 0), info.st_size);
    return bytes;
  }
  void replace(const std::vector<std::byte>& bytes) const {
    EXPECT_EQ(::ftruncate(fds_[0], 0), 0);
    EXPECT_EQ(::pwrite(fds_[0], bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }

 private:
  std::vector<int> fds_;
};

// While it lives, writing to a descriptor finds a full disk. Reading finds zeros.
class FullDisk {
 public:
  explicit FullDisk(int fd) : fd_(fd), saved_(::dup(fd)) {
    const int full = ::open("/dev/full", O_RDWR | O_CLOEXEC);
    EXPECT_EQ(::dup2(full, fd_), fd_);
    ::close(full);
  }
  ~FullDisk() {
    ::dup2(saved_, fd_);
    ::close(saved_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  int fd_;
  int saved_;
};

}  // namespace hearth::engine
