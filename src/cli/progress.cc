#include "cli/progress.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/units.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::cli {
namespace {

constexpr double kPatience = 0.5;  // seconds before anything is shown
constexpr double kInterval = 0.1;  // seconds between drawings
constexpr size_t kBarWidth = 24;

void to_terminal(std::string_view text) {
  (void)os::write_all(2, as_bytes(text), "standard error");
}

}  // namespace

Progress::Progress(std::string label, uint64_t total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(os::monotonic_seconds()),
      enabled_(os::is_terminal(2)) {}

Progress::~Progress() { clear(); }

void Progress::update(uint64_t done) {
  if (!enabled_) return;
  const double now = os::monotonic_seconds();
  if (now - start_ < kPatience || now - last_drawn_ < kInterval) return;
  last_drawn_ = now;
  draw(done, now - start_);
}

void Progress::draw(uint64_t done, double seconds) {
  const double share =
      total_ == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  const auto filled = static_cast<size_t>(share * static_cast<double>(kBarWidth));
  const double rate = static_cast<double>(done) / seconds;
  std::string line =
      cat(label_, " [", std::string(filled, '#'), std::string(kBarWidth - filled, '.'), "] ",
          fixed(100 * share, 0), " %  ", fixed(rate, rate < 10 ? 1 : 0), " ", unit_, "/s");
  if (done > 0)
    line += cat("  ", human_duration((static_cast<double>(total_ - std::min(done, total_))) / rate),
                " left");
  const size_t width = os::terminal_width();
  if (line.size() + 1 > width) line.resize(width - 1);
  to_terminal(cat("\r", line, "\x1b[K"));
  visible_ = true;
}

void Progress::clear() {
  if (visible_) to_terminal("\r\x1b[K");
  visible_ = false;
}

}  // namespace hearth::cli
