#include "protocol/frame.h"

namespace hearth::protocol {
namespace {

constexpr size_t kHeadBytes = 4;

}  // namespace

void append_frame(std::string& out, std::string_view message) {
  for (size_t i = 0; i < kHeadBytes; ++i)
    out += static_cast<char>((message.size() >> (8 * i)) & 0xFF);
  out += message;
}

Result<std::optional<std::string>> FrameReader::next() {
  const size_t left = held_.size() - at_;
  if (left < kHeadBytes) return std::optional<std::string>();
  size_t length = 0;
  for (size_t i = 0; i < kHeadBytes; ++i)
    length |= size_t{static_cast<uint8_t>(held_[at_ + i])} << (8 * i);
  if (length > kMaxFrameBytes) {
    return fail(ErrorCode::too_large, "a message of ", length, " bytes, where at most ",
                kMaxFrameBytes, " are allowed");
  }
  if (left - kHeadBytes < length) return std::optional<std::string>();
  std::string message = held_.substr(at_ + kHeadBytes, length);
  at_ += kHeadBytes + length;
  // What was given back goes when it is most of what is held: each byte is moved once or twice.
  if (2 * at_ >= held_.size()) {
    held_.erase(0, at_);
    at_ = 0;
  }
  return std::optional<std::string>(std::move(message));
}

}  // namespace hearth::protocol
