// Open files that are passed on as they are.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace hearth::os {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// A regular file, to be read.
[[nodiscard]] Result<Descriptor> open_to_read(const std::string& path);

// A file that only this user can read, to be read and written; it and its folders are made if they
// are not there.
[[nodiscard]] Result<Descriptor> open_private(const std::string& path);

struct FileFacts {
  uint64_t bytes = 0;
  int64_t modified = 0;              // seconds since 1970
  int64_t modified_nanoseconds = 0;  // and beyond these
};
[[nodiscard]] Result<FileFacts> facts_of(const Descriptor& file);

// Up to `bytes` bytes from `offset` on; fewer at the end of the file, or where it cannot be read.
[[nodiscard]] std::string read_at(const Descriptor& file, uint64_t offset, size_t bytes);

}  // namespace hearth::os
