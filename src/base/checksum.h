// A fast checksum of bytes that may have been torn or changed by accident, and a digest to tell
// apart what nobody forges.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace hearth {

// 64 bits of bytes in any number of pieces, all but the last of a multiple of 32 bytes. Other bytes
// have the same by chance only.
class Checksum {
 public:
  void add(Bytes bytes);
  [[nodiscard]] uint64_t value() const;

 private:
  uint64_t lanes_[4] = {0x9216D5D98979FB1B, 0xD1310BA698DFB5AC, 0x2FFD72DBD01ADFB7,
                        0xB8E1AFED6A267E96};
  uint64_t length_ = 0;
};
[[nodiscard]] uint64_t checksum(Bytes bytes);

}  // namespace hearth
