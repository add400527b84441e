#include "os/pages.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "os/file.h"

namespace hearth::os {

Result<Pages> Pages::allocate(uint64_t bytes) {
  Pages pages;
  if (bytes == 0) return pages;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return system_error(errno, cat("cannot get ", bytes, " bytes of memory"));
  // Streamed through by every token: large pages save the CPU lookups. Only advice; failing is
  // fine.
  (void)::madvise(memory, bytes, MADV_HUGEPAGE);
  pages.data_ = static_cast<std::byte*>(memory);
  pages.size_ = bytes;
  return pages;
}

Pages::Pages(Pages&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Pages::~Pages() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace hearth::os
