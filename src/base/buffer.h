// A fixed-size array on a cache-line boundary, for data that kernels stream through.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace hearth {

inline constexpr std::align_val_t kCacheLine{64};

template <class T>
class Buffer {
 public:
  Buffer() = default;

  // `size` elements, all zero.
  explicit Buffer(size_t size)
      : data_(static_cast<T*>(::operator new[](size * sizeof(T), kCacheLine))), size_(size) {
    std::uninitialized_value_construct_n(data_.get(), size);
  }

  // Elements that are written before they are read: what is never used takes no memory either.
  [[nodiscard]] static Buffer untouched(size_t size) {
    Buffer buffer;
    buffer.data_.reset(static_cast<T*>(::operator new[](size * sizeof(T), kCacheLine)));
    buffer.size_ = size;
    return buffer;
  }

  [[nodiscard]] T* data() { return data_.get(); }
  [[nodiscard]] const T* data() const { return data_.get(); }
  [[nodiscard]] T& operator[](size_t i) { return data_[i]; }
  [[nodiscard]] const T& operator[](size_t i) const { return data_[i]; }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(T* memory) const { ::operator delete[](memory, kCacheLine); }
  };
  std::unique_ptr<T[], Free> data_;
  size_t size_ = 0;
};

}  // namespace hearth
