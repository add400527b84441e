// Ends an answer at the first of some strings, without ever showing a part of it. The first is the
// one that is complete first (of those, the longest): that does not depend on how the text was cut.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::sample {

class StopMatcher {
 public:
  // Empty strings are ignored.
  explicit StopMatcher(std::vector<std::string> stops);

  // Takes the next piece of text and returns what can be shown: text that might still become a stop
  // string is held back. After a stop string everything is swallowed.
  [[nodiscard]] std::string push(std::string_view piece);

  // What was held back, when the answer ends for another reason.
  [[nodiscard]] std::string finish();

  [[nodiscard]] bool stopped() const { return stopped_; }
  // The string that came; "" before.
  [[nodiscard]] const std::string& found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::string found_;
  bool stopped_ = false;
};

}  // namespace hearth::sample
