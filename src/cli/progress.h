// A line on the terminal that tells how far long work is, how fast it goes and how long it will
// take.
#pragma once

#include <cstdint>
#include <string>

namespace hearth::cli {

class Progress {
 public:
  // `unit` is what is counted: "tokens". Nothing is shown when standard error is no terminal, or
  // before the work has taken half a second.
  Progress(std::string label, uint64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(uint64_t done);

  // Takes the line away again.
  void clear();

 private:
  void draw(uint64_t done, double seconds);

  std::string label_;
  std::string unit_;
  uint64_t total_;
  double start_;
  double last_drawn_ = 0;
  bool enabled_;
  bool visible_ = false;
};

}  // namespace hearth::cli
