#include "sample/stop.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace hearth::sample {
namespace {

// The definition: go through the text letter by letter until some stop string has just ended; the
// longest that ends there counts.
std::string before_first_stop(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops) {
      const bool here =
          stop.size() <= end && text.compare(end - stop.size(), stop.size(), stop) == 0;
      if (here) longest = std::max(longest, stop.size());
    }
    if (longest > 0) return text.substr(0, end - longest);
  }
  return text;
}

TEST(StopMatcherTest, HoldsBackWhatMayBecomeAStop) {
  StopMatcher matcher({"END", "\n\n"});
  EXPECT_EQ(matcher.push("one E"), "one ");
  EXPECT_EQ(matcher.push("N"), "");
  EXPECT_EQ(matcher.push("GINE\n"), "ENGINE");
  EXPECT_EQ(matcher.push("\nrest"), "");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.push("more"), "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcherTest, FinishGivesBackWhatWasHeld) {
  StopMatcher matcher({"stop", ""});
  EXPECT_EQ(matcher.push("st"), "");
  EXPECT_EQ(matcher.finish(), "st");
  EXPECT_FALSE(matcher.stopped());
}

// However the text is cut, what is shown is everything before the first stop string.
TEST(StopMatcherTest, EqualsASearchOfTheWholeText) {
  const bool passed = rc::check([] {
    const auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b'));
    const std::string text = *letters;
    std::vector<std::string> stops = *rc::gen::container<std::vector<std::string>>(letters);
    StopMatcher matcher(stops);
    std::string shown;
    for (size_t at = 0; at < text.size();) {
      const size_t length = *rc::gen::inRange<size_t>(1, 4);
      shown += matcher.push(std::string_view(text).substr(at, length));
      at += length;
    }
    shown += matcher.finish();
    RC_ASSERT(shown == before_first_stop(text, stops));
  });
  EXPECT_TRUE(passed);
}

}  // namespace
}  // namespace hearth::sample
