// Text in pieces: stop strings and unfinished characters must not depend on how it was cut.
//
// Input: up to three stop strings and then the text, with a byte 0xFE between them; in the text,
// 0xFE is where a piece ends.
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "sample/stop.h"

namespace hearth::fuzz {
namespace {

constexpr char kCut = '\xFE';
constexpr size_t kStops = 3;

// The stop string that is complete first decides, and of those that end together the longest.
std::string up_to_first_stop(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops) {
      if (ends_with(std::string_view(text).substr(0, end), stop)) {
        longest = std::max(longest, stop.size());
      }
    }
    if (longest != 0) return text.substr(0, end - longest);
  }
  return text;
}

void check_stops(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  sample::StopMatcher matcher(stops);
  std::string shown;
  for (const std::string& piece : pieces) {
    shown += matcher.push(piece);
    require(starts_with(text, shown), "only text that was given is shown");
  }
  shown += matcher.finish();
  const std::string expected = up_to_first_stop(text, stops);
  require(shown == expected, "all up to the first stop string is shown");
  require(matcher.stopped() == (expected.size() != text.size()), "it stopped when there was one");
}

void check_utf8(const std::vector<std::string>& pieces) {
  std::string held;
  for (const std::string& piece : pieces) {
    held += piece;
    const size_t complete = complete_utf8_prefix(held);
    require(complete <= held.size(), "a prefix");
    for (size_t at = 0; at < complete;) {
      at += decode_utf8(held, at).length;
      require(at <= complete, "no character is torn");
    }
    held.erase(0, complete);
    require(held.size() <= 3, "at most three bytes are held back");
    require(held.empty() || !is_valid_utf8(held), "nothing that is complete is held back");
  }
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> stops;
  std::vector<std::string> pieces;
  for (const std::string_view part : split(input, fuzz::kCut)) {
    (stops.size() < fuzz::kStops ? stops : pieces).emplace_back(part);
  }
  fuzz::check_stops(stops, pieces);
  fuzz::check_utf8(pieces);
  return 0;
}
