#include "os/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "os/file.h"

namespace hearth::os {

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Descriptor> open_to_read(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0)
    return system_error(errno, cat("cannot open '", printable(path), "'"));
  if (S_ISREG(info.st_mode)) return file;
  return fail(ErrorCode::bad_file, "'", printable(path), "' is ",
              S_ISDIR(info.st_mode) ? "a folder" : "no regular file",
              ": give the path of a model file");
}

Result<Descriptor> open_private(const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (std::filesystem::create_directories(folder, error))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return system_error(errno, cat("cannot open '", printable(path), "'"));
  return file;
}

Result<FileFacts> facts_of(const Descriptor& file) {
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return system_error(errno, "cannot read a file's facts");
  return FileFacts{static_cast<uint64_t>(info.st_size), info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

std::string read_at(const Descriptor& file, uint64_t offset, size_t bytes) {
  std::string text(bytes, '\0');
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n =
        ::pread(file.get(), text.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  text.resize(done);
  return text;
}

}  // namespace hearth::os
