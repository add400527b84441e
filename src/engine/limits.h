// What this machine can do at most: how fast its memory is read and how fast it multiplies.
// Measured beside the model, because both change with the neighbours and the weather.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "os/pages.h"
#include "tensor/peak.h"

namespace hearth::engine {

[[nodiscard]] double median(std::vector<double> values);

struct Limits {
  double read = 0;           // bytes/s that all threads together read from memory
  double multiply_adds = 0;  // per second, all threads together; 0 when not known
};

class LimitsMeter {
 public:
  // For multiply-adds of `arithmetic` with the instructions of `level`. Takes memory that is larger
  // than the caches.
  [[nodiscard]] static Result<LimitsMeter> create(IsaLevel level, Arithmetic arithmetic);

  [[nodiscard]] uint64_t bytes() const { return memory_.size(); }

  // Measures each limit once, which takes about a tenth of a second. The pool must be idle.
  void sample(ThreadPool& pool);

  // Of all samples: the median of the fastest way to read, and the median multiply-adds.
  [[nodiscard]] Limits limits() const;

 private:
  LimitsMeter(os::Pages memory, IsaLevel level, Arithmetic arithmetic);

  os::Pages memory_;
  IsaLevel level_;
  Arithmetic arithmetic_;
  std::vector<std::vector<double>> reads_;  // [way of reading][sample], bytes/s
  std::vector<double> multiply_adds_;
};

}  // namespace hearth::engine
