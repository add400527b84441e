// Files that lie, and what hearth may do with them: no crash, no memory beyond what the file's size
// justifies, and one line of text that says what is wrong.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace hearth::hostile {

// What operator new has handed out since allocations_begin() (hostile_memory_test.cc).
struct Allocations {
  uint64_t largest = 0;  // bytes of the largest single one
  uint64_t peak = 0;     // most bytes alive at once, over those at the start
};
void allocations_begin();
[[nodiscard]] Allocations allocations();

// A file may cost its own size in memory and this much more.
inline constexpr uint64_t kAllowance = uint64_t{16} << 20;

// Takes a file through everything up to the first tokens: parse, bind, tokenizer, and if these
// succeed a session of two tokens on `path`, which the caller keeps equal to `bytes`; "" for no
// session. Fails the test of the caller when a promise is broken; `what` names the case. Returns
// the first error, or "" when all went well.
std::string put_through(Bytes bytes, const std::string& path, const std::string& what);

// put_through() on a file of its own, which goes away again.
std::string put_through_file(const std::string& bytes, const std::string& what);

inline std::string bundled_model() {
  std::ifstream in(HEARTH_SOURCE_DIR "/models/hearth-stories-6m-q8_0.gguf", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A number in the header of a good file that can be made to lie.
struct Field {
  std::string name;
  uint64_t at = 0;
  size_t width = 8;  // 4 or 8 bytes
};

// Where a tensor's data begins and ends.
struct Extent {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// A walk through the header of a good file that shares no code with the reader, to check it.
class HeaderWalk {
 public:
  explicit HeaderWalk(const std::string& bytes) : bytes_(bytes) {
    field("version", 4, at_ = 4);
    const uint64_t tensors = number("tensor count", 8);
    const uint64_t keys = number("key count", 8);
    for (uint64_t i = 0; i < keys; ++i) key_value();
    for (uint64_t i = 0; i < tensors; ++i) tensor();
    header_end = at_;
    data_begin = (at_ + 31) / 32 * 32;
  }

  std::vector<Field> fields;
  std::vector<uint64_t> tensor_offsets;
  uint64_t header_end = 0;
  uint64_t data_begin = 0;

 private:
  void field(const std::string& name, size_t width, uint64_t at) {
    fields.push_back({name, at, width});
    at_ = at + width;
  }
  uint64_t peek(size_t width) const {
    uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + at_, width);
    return value;
  }
  uint64_t number(const std::string& name, size_t width) {
    const uint64_t value = peek(width);
    field(name, width, at_);
    return value;
  }
  std::string string(const std::string& name) {
    const uint64_t length = number(name, 8);
    at_ += length;
    return bytes_.substr(at_ - length, length);
  }
  static size_t size_of(uint64_t type) {
    constexpr size_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return kSizes[type];
  }
  void key_value() {
    const std::string key = string("length of a key");
    const uint64_t type = number("type of " + key, 4);
    if (type == 8) {
      (void)string("length of " + key);
    } else if (type == 9) {
      array(key);
    } else if (size_of(type) >= 4) {
      field("value of " + key, size_of(type), at_);
    } else {
      at_ += size_of(type);
    }
  }
  void array(const std::string& key) {
    const uint64_t element = number("element type of " + key, 4);
    const uint64_t count = number("count of " + key, 8);
    if (element != 8) {
      at_ += count * size_of(element);
      return;
    }
    for (uint64_t i = 0; i < count; ++i) {
      const bool sampled = i < 64 || i + 64 >= count || i % 97 == 0;
      (void)string("length of string " + std::to_string(i) + " of " + key);
      if (!sampled) fields.pop_back();
    }
  }
  void tensor() {
    const std::string name = string("length of a tensor name");
    const uint64_t dims = number("dimensions of " + name, 4);
    for (uint64_t i = 0; i < dims; ++i) (void)number("a dimension of " + name, 8);
    (void)number("type of " + name, 4);
    tensor_offsets.push_back(number("offset of " + name, 8));
  }

  const std::string& bytes_;
  uint64_t at_ = 0;
};

// A file in memory and on disk at once, so that a change of a few bytes does not cost writing all
// of it. The original must outlive it.
class Patient {
 public:
  explicit Patient(const std::string& original) : bytes(original), original_(original) {
    path = cat(testing::TempDir(), "hearth-patient-", static_cast<int64_t>(::getpid()), ".gguf");
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    save(0, bytes.size());
  }
  ~Patient() {
    ::close(fd_);
    ::unlink(path.c_str());
  }
  Patient(const Patient&) = delete;
  Patient& operator=(const Patient&) = delete;

  // Puts the changed bytes of memory on disk as well.
  void save(uint64_t at, uint64_t count) {
    EXPECT_EQ(::pwrite(fd_, bytes.data() + at, count, static_cast<off_t>(at)),
              static_cast<ssize_t>(count));
  }
  void heal(uint64_t at, uint64_t count) {
    std::copy_n(original_.data() + at, count, bytes.data() + at);
    save(at, count);
  }

  std::string bytes;
  std::string path;

 private:
  const std::string& original_;
  int fd_ = -1;
};

}  // namespace hearth::hostile
