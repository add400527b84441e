#include "cli/svg_plot.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "base/units.h"

namespace hearth::cli {
namespace {

constexpr double kWidth = 760, kHeight = 420;
constexpr double kLeft = 84, kRight = 736, kTop = 52, kBottom = 364;
constexpr double kRadius = 5;
constexpr double kLetter = 6.6, kLine = 13;  // of labels: width of a letter at most, height
// Colours that can be read on white and on black; the background stays that of the page.
constexpr std::string_view kInk = "#808080", kMark = "#d9622b";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text, 80)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string number(double value) { return fixed(value, 1); }

std::string words(double x, double y, std::string_view anchor, std::string_view kind,
                  std::string_view text) {
  return cat("<text x=\"", number(x), "\" y=\"", number(y), "\" text-anchor=\"", anchor,
             "\" class=\"", kind, "\">", escaped(text), "</text>\n");
}

std::string line(double x1, double y1, double x2, double y2, std::string_view kind) {
  return cat("<line x1=\"", number(x1), "\" y1=\"", number(y1), "\" x2=\"", number(x2), "\" y2=\"",
             number(y2), "\" class=\"", kind, "\"/>\n");
}

// The step from {1, 2, 5} * 10^n that cuts `most` into at most `pieces`.
double round_step(double most, double pieces) {
  const double power = std::pow(10, std::floor(std::log10(most / pieces)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * power * pieces >= most) return step * power;
  }
  return 10 * power;
}

// From data to places on the plot.
struct Scale {
  double x_least = 0, x_most = 1, x_step = 1;
  double y_least = 0, y_most = 1;  // powers of ten

  explicit Scale(const std::vector<PlotPoint>& points) {
    double least = points.front().y, most = least;
    x_least = x_most = points.front().x;
    for (const PlotPoint& point : points) {
      x_least = std::min(x_least, point.x);
      x_most = std::max(x_most, point.x);
      least = std::min(least, point.y);
      most = std::max(most, point.y);
    }
    // Room for labels on both sides, from a round number on.
    const double missing = std::max(0.0, x_most / 4 - (x_most - x_least));
    x_least -= missing / 2;
    x_most += missing / 2;
    const double spread = x_most - x_least;
    x_most += 0.1 * spread;
    x_step = round_step(1.2 * spread, 8);
    x_least = std::max(0.0, x_step * std::floor((x_least - 0.1 * spread) / x_step));
    y_least = std::floor(std::log10(least) - 0.05);
    y_most = std::max(y_least + 1, std::ceil(std::log10(most) + 0.05));
  }
  [[nodiscard]] double x(double value) const {
    return kLeft + (kRight - kLeft) * (value - x_least) / (x_most - x_least);
  }
  [[nodiscard]] double y(double value) const {
    return kBottom - (kBottom - kTop) * (std::log10(value) - y_least) / (y_most - y_least);
  }
};

struct Box {
  double left, top, right, bottom;

  [[nodiscard]] double overlap(const Box& other) const {
    const double wide = std::min(right, other.right) - std::max(left, other.left);
    const double high = std::min(bottom, other.bottom) - std::max(top, other.top);
    return wide > 0 && high > 0 ? wide * high : 0;
  }
  [[nodiscard]] double outside() const {
    return std::max(0.0, kLeft - left) + std::max(0.0, right - kRight) + std::max(0.0, kTop - top) +
           std::max(0.0, bottom - kBottom);
  }
};

// Finds room for labels, one after the other: beside the point, above, below, then farther away.
class Labels {
 public:
  Labels(const std::vector<PlotPoint>& points, const Scale& scale) {
    for (const PlotPoint& point : points) {
      const double x = scale.x(point.x), y = scale.y(point.y);
      taken_.push_back({x - kRadius, y - kRadius, x + kRadius, y + kRadius});
    }
  }

  [[nodiscard]] Box place(double x, double y, size_t letters) {
    const double wide = kLetter * static_cast<double>(letters);
    Box best{};
    double least = HUGE_VAL;
    for (double away = kRadius + 4; away < 90; away += kLine) {
      const double rise = away - kRadius - 4;
      for (const double left : {x + kRadius + 4, x - kRadius - 4 - wide, x - wide / 2}) {
        const bool above_only = left == x - wide / 2;
        for (const double middle : {above_only ? y - away - kLine / 2 : y - rise,
                                    above_only ? y + away + kLine / 2 : y + rise}) {
          const Box box{left, middle - kLine / 2, left + wide, middle + kLine / 2};
          const double cost = cost_of(box) + away / 1000;
          if (cost < least) {
            least = cost;
            best = box;
          }
        }
      }
    }
    taken_.push_back(best);
    return best;
  }

 private:
  [[nodiscard]] double cost_of(const Box& box) const {
    double cost = 20 * box.outside();
    for (const Box& taken : taken_) cost += box.overlap(taken);
    return cost;
  }
  std::vector<Box> taken_;
};

// Towards its point, since letters take less room than a box is wide.
std::string label_in(const Box& box, double point, std::string_view label) {
  const double baseline = box.bottom - 3;
  if (box.left >= point) return words(box.left, baseline, "start", "l", label);
  if (box.right <= point) return words(box.right, baseline, "end", "l", label);
  return words((box.left + box.right) / 2, baseline, "middle", "l", label);
}

std::string axes(const Scale& scale, std::string_view x_title, std::string_view y_title) {
  std::string out;
  const double step = scale.x_step;
  const int decimals = step < 1 ? static_cast<int>(std::ceil(-std::log10(step))) : 0;
  for (double value = scale.x_least; value <= scale.x_most; value += step) {
    const double x = scale.x(value);
    out += line(x, kTop, x, kBottom, "g");
    out += words(x, kBottom + 18, "middle", "s", fixed(value, decimals));
  }
  for (double power = scale.y_least; power <= scale.y_most; ++power) {
    const double y = scale.y(std::pow(10, power));
    out += line(kLeft, y, kRight, y, "g");
    out += words(kLeft - 8, y + 4, "end", "s",
                 fixed(std::pow(10, power), static_cast<int>(std::max(0.0, -power))));
    for (int digit = 2; digit < 10 && power < scale.y_most; ++digit) {
      const double minor = scale.y(digit * std::pow(10, power));
      out += line(kLeft, minor, kRight, minor, "h");
    }
  }
  out += words((kLeft + kRight) / 2, kBottom + 42, "middle", "a", x_title);
  out += cat("<g transform=\"translate(20 ", number((kTop + kBottom) / 2), ") rotate(-90)\">",
             words(0, 0, "middle", "a", y_title), "</g>\n");
  return out;
}

std::string style() {
  return cat("<style>text{font-family:system-ui,sans-serif;fill:", kInk,
             "}.t{font-size:15px;font-weight:600}.a{font-size:13px}.s,.l{font-size:12px}"
             ".g,.h,.k{stroke:",
             kInk,
             "}.g{stroke-opacity:.35}.h{stroke-opacity:.12}.k{stroke-opacity:.7}"
             "circle{fill:",
             kMark, "}</style>\n");
}

}  // namespace

std::string scatter_plot(std::string_view title, std::string_view x_title, std::string_view y_title,
                         const std::vector<PlotPoint>& points) {
  std::string out = cat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", kWidth, " ",
                        kHeight, "\" role=\"img\" aria-label=\"", escaped(title), "\">\n", style(),
                        words(12, 26, "start", "t", title));
  if (points.empty()) return out + "</svg>\n";
  const Scale scale(points);
  out += axes(scale, x_title, y_title);
  Labels labels(points, scale);
  for (const PlotPoint& point : points) {
    const double x = scale.x(point.x), y = scale.y(point.y);
    const std::string label = printable(point.label, 40);
    const Box box = labels.place(x, y, label.size());
    const double near_x = std::clamp(x, box.left, box.right);
    const double near_y = std::clamp(y, box.top, box.bottom);
    if (std::hypot(near_x - x, near_y - y) > 2 * kRadius + 4)
      out += line(x, y, near_x, near_y, "k");
    out += cat("<circle cx=\"", number(x), "\" cy=\"", number(y), "\" r=\"", kRadius, "\"/>\n");
    out += label_in(box, x, label);
  }
  return out + "</svg>\n";
}

}  // namespace hearth::cli
