#include "os/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "os/file.h"

namespace hearth::os {
namespace {

// madvise() of all pages that a part touches.
bool advise(Bytes part, int advice) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t lead = reinterpret_cast<uintptr_t>(part.data()) % page;
  void* first = const_cast<std::byte*>(part.data()) - lead;
  int result = 0;
  do {
    result = ::madvise(first, part.size() + lead, advice);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return system_error(errno, cat("cannot open '", printable(path), "'"));
  return adopt(fd, path);
}

Result<MappedFile> MappedFile::adopt(int fd, std::string_view path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) {
    const int error = errno;
    ::close(fd);
    return system_error(error, cat("cannot read '", printable(path), "'"));
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(fd);
    const char* kind = S_ISDIR(info.st_mode) ? "a folder" : "no regular file";
    return fail(ErrorCode::bad_file, "'", printable(path), "' is ", kind,
                ": give the path of a model file");
  }
  if (info.st_size == 0) {
    ::close(fd);
    return fail(ErrorCode::bad_file, "'", printable(path), "' is empty");
  }
  const auto size = static_cast<size_t>(info.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  const int error = errno;
  ::close(fd);
  if (memory == MAP_FAILED) return system_error(error, cat("cannot map '", printable(path), "'"));
  const int64_t modified = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  return MappedFile(Bytes(static_cast<const std::byte*>(memory), size), modified);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), modified_(other.modified_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(modified_, other.modified_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void expect_scattered(Bytes part, bool scattered) {
  (void)advise(part, scattered ? MADV_RANDOM : MADV_NORMAL);
}

bool bring_in(Bytes part) {
  constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ, which older headers do not name
  return advise(part, kPopulateRead);
}

}  // namespace hearth::os
