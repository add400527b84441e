#include "os/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "os/system.h"

namespace hearth::os {
namespace {

std::string describe(int error_number) {
  std::string text = std::strerror(error_number);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

}  // namespace

tl::unexpected<Error> system_error(int error_number, std::string_view what) {
  const ErrorCode code = error_number == ENOENT ? ErrorCode::not_found : ErrorCode::io;
  const char* advice = error_number == ENOSPC ? ": free some space and try again" : "";
  return fail(code, what, ": ", describe(error_number), advice);
}

Result<std::string> read_all(int fd, uint64_t max_bytes, std::string_view name) {
  std::string text;
  char buffer[65536];
  while (true) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) {
      if (interrupted()) return fail(ErrorCode::interrupted, "interrupted");
      continue;
    }
    if (n < 0) return system_error(errno, cat("cannot read ", name));
    if (n == 0) return text;
    if (text.size() + static_cast<size_t>(n) > max_bytes) {
      return fail(ErrorCode::too_large, name, " holds more than the limit of ", max_bytes,
                  " bytes");
    }
    text.append(buffer, static_cast<size_t>(n));
  }
}

Result<std::string> read_text(const std::string& path, uint64_t max_bytes) {
  if (path == "-") return read_all(STDIN_FILENO, max_bytes, "standard input");
  const std::string name = cat("'", printable(path), "'");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error(errno, cat("cannot open ", name));
  Result<std::string> text = read_all(fd, max_bytes, name);
  ::close(fd);
  return text;
}

Result<void> write_all(int fd, Bytes bytes, std::string_view name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      if (interrupted()) return fail(ErrorCode::interrupted, "interrupted");
      continue;
    }
    if (n < 0) return system_error(errno, cat("cannot write to ", name));
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

bool file_exists(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0;
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat of_a{}, of_b{};
  return ::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 &&
         of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

Result<FileWriter> FileWriter::create(const std::string& path) {
  if (path.empty()) return fail(ErrorCode::bad_usage, "the output file has no name");
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return fail(ErrorCode::io, "cannot write '", printable(path),
                "': it is there and is no regular file");
  }
  const std::string temporary = cat(path, ".part-", static_cast<int64_t>(::getpid()));
  // A file without a name leaves nothing behind however the program ends. It gets its name through
  // /proc when it is whole; where the system has neither, it is named from the start.
  const std::string folder = cat(path.substr(0, path.rfind('/') + 1), ".");
  int fd = -1;
  if (::access("/proc/self/fd", X_OK) == 0) {
    fd = ::open(folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
  }
  if (fd >= 0) return FileWriter(path, temporary, fd, Named::at_commit);
  fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return system_error(errno, cat("cannot create '", printable(path), "'"));
  return FileWriter(path, temporary, fd, Named::from_start);
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      named_(other.named_) {}

FileWriter::~FileWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (named_ == Named::from_start) ::unlink(temporary_.c_str());
}

Result<void> FileWriter::write(Bytes bytes) {
  return write_all(fd_, bytes, cat("'", printable(path_), "'"));
}

Result<void> FileWriter::commit() {
  const std::string what = cat("cannot finish '", printable(path_), "'");
  if (::fsync(fd_) != 0) return system_error(errno, what);
  if (named_ == Named::at_commit) {
    const std::string self = cat("/proc/self/fd/", fd_);
    ::unlink(temporary_.c_str());
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, temporary_.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      return system_error(errno, what);
    }
    named_ = Named::from_start;
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error(errno, what);
  ::close(std::exchange(fd_, -1));
  return {};
}

void protect_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // Opening takes the lowest free number, which is fd: read-only, so that writing to it still
    // fails.
    [[maybe_unused]] const int opened = ::open("/dev/null", O_RDONLY);
  }
}

}  // namespace hearth::os
