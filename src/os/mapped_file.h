// A file mapped read-only into memory: it is read as it is touched, and shares the page cache with
// every other process that maps it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace hearth::os {

class MappedFile {
 public:
  // Errors say what is there instead of a readable, non-empty regular file.
  [[nodiscard]] static Result<MappedFile> open(const std::string& path);
  // The same of a file that is open already, and is closed by this; `name` is for errors.
  [[nodiscard]] static Result<MappedFile> adopt(int fd, std::string_view name);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] Bytes bytes() const { return bytes_; }
  // When its content was changed last, in nanoseconds since 1970.
  [[nodiscard]] int64_t modified() const { return modified_; }

 private:
  MappedFile(Bytes bytes, int64_t modified) : bytes_(bytes), modified_(modified) {}
  Bytes bytes_;
  int64_t modified_ = 0;
};

// Says that places of a part of a mapped file are needed here and there, so that touching one does
// not read its neighbours too; or, with false, takes it back. Only advice.
void expect_scattered(Bytes part, bool scattered);

// Reads what is missing of a part of a mapped file and maps all of it, without a fault for each
// page. False when the system cannot: Linux before 5.14, a disk that fails, a file that became
// shorter.
[[nodiscard]] bool bring_in(Bytes part);

}  // namespace hearth::os
