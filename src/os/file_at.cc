#include "os/file_at.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "os/file.h"

namespace hearth::os {
namespace {

// Beyond what an offset holds, no file system goes either.
Result<off_t> offset(uint64_t at, uint64_t bytes, std::string_view name) {
  constexpr uint64_t kLargest = std::numeric_limits<off_t>::max();
  if (at > kLargest || bytes > kLargest - at)
    return fail(ErrorCode::too_large, name, ": position ", at, " is beyond what files hold");
  return static_cast<off_t>(at);
}

}  // namespace

Result<uint64_t> file_bytes(int fd, std::string_view name) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return system_error(errno, cat("cannot look at ", name));
  if (!S_ISREG(info.st_mode)) return fail(ErrorCode::io, name, " is no regular file");
  return static_cast<uint64_t>(info.st_size);
}

Result<void> read_at(int fd, uint64_t at, std::span<std::byte> out, std::string_view name) {
  HEARTH_TRY(off_t from, offset(at, out.size(), name));
  while (!out.empty()) {
    const ssize_t n = ::pread(fd, out.data(), out.size(), from);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, cat("cannot read ", name));
    if (n == 0) return fail(ErrorCode::bad_file, name, " ends at ", uint64_t(from));
    from += n;
    out = out.subspan(static_cast<size_t>(n));
  }
  return {};
}

Result<void> write_at(int fd, uint64_t at, Bytes bytes, std::string_view name) {
  HEARTH_TRY(off_t to, offset(at, bytes.size(), name));
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), to);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, cat("cannot write to ", name));
    to += n;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Result<void> set_file_bytes(int fd, uint64_t bytes, std::string_view name) {
  HEARTH_TRY(const off_t length, offset(bytes, 0, name));
  while (::ftruncate(fd, length) != 0) {
    if (errno != EINTR) return system_error(errno, cat("cannot resize ", name));
  }
  return {};
}

Result<bool> try_lock_file(int fd, std::string_view name) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return system_error(errno, cat("cannot lock ", name));
}

void unlock_file(int fd) { (void)::flock(fd, LOCK_UN); }

}  // namespace hearth::os
