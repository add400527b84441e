// A model ready to be measured: computed with float weights on windows of a text, a given one or
// one that it writes itself.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/session.h"

namespace hearth::quantize {

struct CalibrationOptions {
  std::string_view text;  // none: the model writes its own
  std::string_view name;  // of the text, for errors
  size_t windows = 64;    // at most
  uint64_t seed = 1;      // of a text of its own
  size_t threads = 0;     // 0: every CPU
  uint64_t memory = 0;    // bytes that float weights may take; else products are computed exactly
  std::function<void(size_t tokens, size_t all)> progress;  // while it writes
};

class Calibration {
 public:
  // The model must outlive it.
  [[nodiscard]] static Result<Calibration> open(const engine::LoadedModel& model,
                                                const CalibrationOptions& options);

  // The model as it is computed: with weights in floats where there was room for them.
  [[nodiscard]] const engine::LoadedModel& computed() const { return session_->model(); }
  [[nodiscard]] engine::Session& session() const { return *session_; }
  [[nodiscard]] std::span<const text::Token> tokens() const { return tokens_; }  // whole windows
  [[nodiscard]] size_t window() const { return session_->context(); }

 private:
  Calibration() = default;
  std::unique_ptr<const engine::LoadedModel> floats_;
  std::unique_ptr<engine::Session> session_;
  std::vector<text::Token> tokens_;
};

}  // namespace hearth::quantize
