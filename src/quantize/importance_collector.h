// Collects the importance of a model's matrices while it computes a text.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "engine/session.h"
#include "engine/text_windows.h"
#include "quantize/importance.h"

namespace hearth::quantize {

// Watches a session, which must have its runtime for itself, as long as it lives.
class ImportanceCollector {
 public:
  // Of the layers' matrices only, or with `outside_layers` also of those that stand beside them:
  // above all the output matrix. The session must outlive it.
  ImportanceCollector(engine::Session& session, bool outside_layers);
  ~ImportanceCollector();
  ImportanceCollector(const ImportanceCollector&) = delete;
  ImportanceCollector& operator=(const ImportanceCollector&) = delete;

  // Computes one window and adds what the matrices saw to `into`. Within a window sums are doubles
  // in the order of tokens; behind each they are rounded to what a file holds, so that a run that
  // goes on with a file ends with the same bits. An error when a result is no finite number.
  [[nodiscard]] Result<void> add(const engine::TextWindow& window, ImportanceMatrix& into);

 private:
  // A tensor of the model and what it saw in the window under way.
  struct Watched {
    const gguf::TensorInfo* tensor = nullptr;
    size_t matrix_bytes = 0;
    std::vector<double> sums;  // [matrices][columns]; empty until it is seen
    std::vector<float> counts;
  };
  void observe(const model::Matrix& weight, const float* inputs, size_t columns);
  [[nodiscard]] Watched* find(const std::byte* data);
  [[nodiscard]] Result<void> compute(const engine::TextWindow& window);
  static void forget(Watched& watched);
  [[nodiscard]] Result<void> move_into(Watched& watched, ImportanceMatrix& into);

  engine::Session& session_;
  bool outside_layers_;
  std::vector<Watched> watched_;  // by address
};

}  // namespace hearth::quantize
