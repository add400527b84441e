// Messages in a stream of bytes: four bytes of length (little endian), then so many bytes of JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::protocol {

inline constexpr size_t kMaxFrameBytes = size_t{256} << 20;

// Adds a message to `out`; it must not be longer than kMaxFrameBytes.
void append_frame(std::string& out, std::string_view message);

// Takes bytes as they arrive and gives whole messages back.
class FrameReader {
 public:
  void feed(std::string_view bytes) { held_.append(bytes); }

  // The next message; nullopt when more bytes are needed. too_large: a length beyond the limit;
  // nothing that follows can be understood then.
  [[nodiscard]] Result<std::optional<std::string>> next();

 private:
  std::string held_;
  size_t at_ = 0;  // in held_: what comes before was given back
};

}  // namespace hearth::protocol
