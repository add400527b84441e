// Zeroed memory straight from the system: pages that are never touched cost nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace hearth::os {

class Pages {
 public:
  Pages() = default;
  // An error, not a crash, when the system has no room for `bytes`.
  [[nodiscard]] static Result<Pages> allocate(uint64_t bytes);

  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages();

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] uint64_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace hearth::os
