// Plots as SVG, for reports: text that a page or a file viewer shows, on light and dark.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

struct PlotPoint {
  std::string label;
  double x = 0;
  double y = 0;
};

// Points over a linear x axis, which begins near the first, and a logarithmic y axis, each with its
// label beside it, where it covers no other as long as there is room. Values of y must be positive.
[[nodiscard]] std::string scatter_plot(std::string_view title, std::string_view x_title,
                                       std::string_view y_title,
                                       const std::vector<PlotPoint>& points);

}  // namespace hearth::cli
