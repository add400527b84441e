#include "grammar/utf8_ranges.h"

#include <algorithm>

namespace hearth::grammar {
namespace {

constexpr char32_t kFirstSurrogate = 0xD800;
constexpr char32_t kLastSurrogate = 0xDFFF;
// The last characters of one, two, three and four bytes.
constexpr char32_t kLastOfLength[] = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};

std::array<uint8_t, 4> spell(char32_t c, size_t length) {
  constexpr uint8_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
  std::array<uint8_t, 4> bytes{};
  for (size_t i = length; i-- > 1; c >>= 6) bytes[i] = static_cast<uint8_t>(0x80 | (c & 0x3F));
  bytes[0] = static_cast<uint8_t>(kLead[length - 1] | c);
  return bytes;
}

// Characters of one length. Where the first and the last differ before their last bytes, what is
// behind must be whole: the range is cut until it is.
void split(CharRange range, size_t length, const std::function<void(const ByteRanges&)>& take) {
  for (size_t behind = 1; behind < length; ++behind) {
    const char32_t mask = (char32_t{1} << (6 * behind)) - 1;
    if ((range.first & ~mask) == (range.last & ~mask)) continue;
    if ((range.first & mask) != 0) {
      split({range.first, range.first | mask}, length, take);
      return split({(range.first | mask) + 1, range.last}, length, take);
    }
    if ((range.last & mask) != mask) {
      split({range.first, (range.last & ~mask) - 1}, length, take);
      return split({range.last & ~mask, range.last}, length, take);
    }
  }
  const auto low = spell(range.first, length);
  const auto high = spell(range.last, length);
  ByteRanges bytes;
  bytes.length = length;
  for (size_t i = 0; i < length; ++i) bytes.ranges[i] = {low[i], high[i]};
  take(bytes);
}

}  // namespace

void for_each_utf8(CharRange range, const std::function<void(const ByteRanges&)>& take) {
  char32_t first = 0;
  for (size_t length = 1; length <= 4; ++length) {
    const CharRange part{std::max(range.first, first),
                         std::min(range.last, kLastOfLength[length - 1])};
    first = kLastOfLength[length - 1] + 1;
    if (part.first > part.last) continue;
    if (length != 3) {
      split(part, length, take);
      continue;
    }
    const CharRange below{part.first, std::min<char32_t>(part.last, kFirstSurrogate - 1)};
    const CharRange above{std::max<char32_t>(part.first, kLastSurrogate + 1), part.last};
    if (below.first <= below.last) split(below, length, take);
    if (above.first <= above.last) split(above, length, take);
  }
}

}  // namespace hearth::grammar
